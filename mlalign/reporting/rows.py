"""Runs as the rows of a table: named, one run for each seed, in an order that stays."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from mlalign.config.enums import BUILT, TINY
from mlalign.config.identity import SEEDS
from mlalign.errors import DataError
from mlalign.files import PREDICTIONS
from mlalign.reporting.paper import ABLATIONS
from mlalign.reporting.results import Results
from mlalign.reporting.runs import Run
from mlalign.reporting.variation import KINDS, differing, flat_settings, under

Seeds = tuple[str | None, ...]
Rows = dict[str, dict[Seeds, Run]]


def rows_of(runs: Sequence[Run], kind: str) -> Rows:
    """Row -> seeds -> run.

    A row is named by method and ablation, in a table of ablations of one method by the ablation
    alone; where there are several backbones, by these as well, those that are built from scratch
    being one, for a method brings its own; and where runs of one name have other settings, by these
    too. The same run found twice counts once.

    Raises:
        DataError: two runs have the same settings and seeds, and other scores.
    """
    by_name: dict[str, list[Run]] = defaultdict(list)
    backbones = {TINY if run.results.backbone in BUILT else run.results.backbone for run in runs}
    ablated = {run.results.method for run in runs if run.results.ablation != "none"}
    for run in runs:
        words = [Path(run.results.backbone).name] if len(backbones) > 1 else []
        alone = kind == "ablation" and len(ablated) == 1 and run.results.ablation != "none"
        words.append(run.results.ablation if alone else run.results.name)
        by_name[" ".join(words)].append(run)
    rows: Rows = defaultdict(dict)
    for name, found in by_name.items():
        everything = [flat_settings(run) for run in found]
        varied = [under(settings, KINDS[kind].varies) for settings in everything]
        keys = differing(varied)
        for run, settings, flat in zip(found, everything, varied, strict=True):
            more = [f"{key}={flat.get(key, '(not there)')}" for key in keys]
            seeds = tuple(settings.get(key) for key in SEEDS)
            row = rows[" ".join([name, *more])]
            row[seeds] = _one_of(row[seeds], run) if seeds in row else run
    return {name: {seeds: rows[name][seeds] for seeds in sorted(rows[name], key=str)} for name in _ordered(rows, kind)}


def full_method(rows: Rows) -> str | None:
    """The row without ablation of the one method that has ablations."""
    first, ablated = _first_results(rows)
    full = [name for name, run in first.items() if run.method in ablated and run.ablation == "none"]
    return full[0] if len(full) == 1 else None


def _first_results(rows: Rows) -> tuple[dict[str, Results], set[str]]:
    """Row -> results of its first run, which is as the others but for seeds; and the methods that have ablations."""
    first = {name: next(iter(found.values())).results for name, found in rows.items()}
    return first, {run.method for run in first.values() if run.ablation != "none"}


def _ordered(rows: Rows, kind: str) -> list[str]:
    """As found; of a method its ablations in the paper's order; its controls below them."""
    first, ablated = _first_results(rows)
    methods = [run.method for run in first.values()]

    def place(name: str) -> tuple[bool, int, int, str]:
        run = first[name]
        control = kind == "ablation" and run.method not in ablated
        ablation = ABLATIONS.index(run.ablation) if run.ablation in ABLATIONS else len(ABLATIONS)
        return control, methods.index(run.method), ablation, name

    return sorted(rows, key=place)


def _one_of(first: Run, second: Run) -> Run:
    """The same run found twice: the one whose predictions are there."""
    if first.results.scores != second.results.scores:
        settings = [flat_settings(run) for run in (first, second)]
        keys = ", ".join(differing(settings)) or "nothing"
        raise DataError(
            f"{first.folder} and {second.folder} have the same settings and seeds, but other "
            f"scores (their configurations differ in {keys}); name one of them"
        )
    return first if (first.folder / PREDICTIONS).is_dir() else second
