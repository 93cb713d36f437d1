"""Scores as tables for a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

UNITS = {
    "accuracy": "accuracy",
    "entity_f1": "entity F1",
    "retrieval_accuracy": "accuracy of finding the English translation",
}


def name_of(results: Mapping[str, Any]) -> str:
    """Method and, where something was left out, ablation."""
    ablation = results["ablation"]
    return results["method"] + ("" if ablation == "none" else f" {ablation}")


def score_table(results: Mapping[str, Any]) -> str:
    """One run, language by language, in per cent."""
    columns = {name_of(results): results["scores"]}
    if "from_english" in results:
        columns["from English"] = results["from_english"]
    rows = [["language", *columns]]
    rows += [
        [language, *(_number(column[language]) for column in columns.values())]
        for language in results["scores"]
    ]
    averages = [
        [name.replace("_", " "), _number(results[name]), *[""] * (len(columns) - 1)]
        for name in ("average", "transfer_average", "transfer_gap")
    ]
    lines = aligned([*rows, *averages])
    rule = lines[1]
    unit = UNITS[results["metric"]]
    head = f"{results['task']}, {_kind(results)}, {unit} in per cent"
    return "\n".join([head, *lines[: -len(averages)], rule, *lines[-len(averages) :]])


def _kind(results: Mapping[str, Any]) -> str:
    part = "" if results.get("split", "test") == "test" else f" on {results['split']}"
    if results.get("selection") == "oracle":
        return f"upper bound{part}: in each language the step that did best on its own dev part"
    return f"zero-shot{part}"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table whose first row is its head; the first column is flush left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return [lines[0], "-" * max(map(len, lines)), *lines[1:]]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
