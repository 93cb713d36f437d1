"""Scores as tables for a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

UNITS = {"accuracy": "accuracy", "entity_f1": "entity F1"}


def name_of(results: Mapping[str, Any]) -> str:
    """Method and, where something was left out, ablation."""
    ablation = results["ablation"]
    return results["method"] + ("" if ablation == "none" else f" {ablation}")


def score_table(runs: Sequence[Mapping[str, Any]]) -> str:
    """Languages down, runs across, in per cent; averages only over what every run has."""
    first = runs[0]
    languages = list(dict.fromkeys(language for run in runs for language in run["scores"]))
    rows: list[list[str]] = [["language", *(name_of(run) for run in runs)]]
    for language in languages:
        rows.append([language, *(_number(run["scores"].get(language)) for run in runs)])
    for key, label in (
        ("average", "average"),
        ("transfer_average", "transfer average"),
        ("transfer_gap", "transfer gap"),
    ):
        rows.append([label, *(_number(run[key]) for run in runs)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    rule = "-" * len(lines[0])
    body = [lines[0], rule, *lines[1:-3], rule, *lines[-3:]]
    head = f"{first['task']}, zero-shot, {UNITS[first['metric']]} in per cent"
    return "\n".join([head, *body])


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
