"""Many runs as one table for each task: mean and spread over seeds, every row tested."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from statistics import fmean
from typing import TypedDict

from mlalign.errors import ConfigError, guess
from mlalign.metrics.tasks import task_metrics
from mlalign.reporting.differences import differences, resampled_differences
from mlalign.reporting.fairness import budget_of, refuse_mixed, with_best, with_missing
from mlalign.reporting.notes import notes_on, notes_on_systems
from mlalign.reporting.paper import copied_rows, in_order, keeps_averages, misprints, reason_against
from mlalign.reporting.results import Results, Spending, summary
from mlalign.reporting.rows import Rows, Seeds, full_method, rows_of
from mlalign.reporting.runs import Run, Unfinished, by_task
from mlalign.reporting.tables import Cell, Row, Table, setting_of
from mlalign.reporting.variation import KINDS, refuse_other_differences

RESAMPLES = 10_000


class SystemFacts(TypedDict, total=False):
    """Those fields of a row."""

    reads: tuple[str, ...]
    origin: str
    budget: str | None
    spending: Spending | None


def comparison(
    runs: Sequence[Run],
    *,
    kind: str = "main",
    baseline: str | None = None,
    paper: bool = False,
    resamples: int = RESAMPLES,
    unfinished: Sequence[Unfinished] = (),
    mixed_code: bool = False,
    mixed_budget: bool = False,
    every_system: bool = False,
) -> list[Table]:
    """One table per task.

    Args:
        runs: finished, of any task and seed, and of what the kind of table varies.
        kind: one of ``KINDS``.
        baseline: the row that the others are tested against. None: ``none`` in a table of methods,
            the whole method in one of ablations, no test in one of backbones.
        paper: show the paper's rows too, where they make sense.
        resamples: of the test items, for the paired bootstrap; 0 for none.
        unfinished: runs to be listed below the table of their task; below all, if it has none.
        mixed_code: let runs of different code into one table, and note it.
        mixed_budget: let alignments of different budgets into one table, and note it.
        every_system: end each table with the methods and tunings that have no run in it.

    Raises:
        ConfigError: runs of a task differ in what no row names, were made by different code or with
            different budgets, or no task has the baseline.
        DataError: runs contradict each other or their predictions.
    """
    rows, mixed, runs_of = {}, {}, by_task(runs)
    allowed = [key for key, is_allowed in (("mixed_code", mixed_code), ("mixed_budget", mixed_budget)) if is_allowed]
    for task, found in runs_of.items():
        refuse_other_differences(task, found, kind)
        mixed[task] = refuse_mixed(task, found, allowed)
        rows[task] = rows_of(found, kind)
    if baseline is not None:
        _refuse_unknown(baseline, [name for one in rows.values() for name in one])
    tables = []
    for task in sorted(rows):
        table = _tested(task, rows[task], kind, baseline, resamples)
        results = [run.results for run in runs_of[task]]
        missed = [one for one in unfinished if one.task == task or one.task not in rows]
        notes = [*notes_on(table, results, resamples, missed), *notes_on_systems(table, rows[task])]
        notes += [f"{name}, as asked for: {groups}." for name, groups in mixed[task].items()]
        if paper:
            table, note = _beside_the_paper(table, results)
            notes.append(note)
        if every_system:
            table = with_missing(table, runs_of[task])
        tables.append(replace(table, notes=tuple(notes)))
    return tables


def _tested(task: str, rows: Rows, kind: str, wanted: str | None, resamples: int) -> Table:
    results = [run.results for runs in rows.values() for run in runs.values()]
    some = results[0]  # of what all have alike
    languages = in_order(task, {language for one in results for language in one.scores}, some.source)
    scores = {name: _scores(runs, languages, some.source) for name, runs in rows.items()}
    baseline = _default_baseline(rows, kind) if wanted is None else wanted
    against = {}
    if baseline in rows:
        drawn = resamples if task_metrics()[some.metric].is_itemised else 0
        resampled = resampled_differences(rows, baseline, languages, drawn)
        against = differences(scores, baseline, resampled)
    body = [
        Row(
            name,
            {
                column: Cell(
                    tuple(values.values()),
                    against.get((name, column)),
                    any(column in run.results.never_aligned for run in rows[name].values()),
                )
                for column, values in columns.items()
            },
            runs=len(rows[name]),
            **_system(list(rows[name].values())),
        )
        for name, columns in scores.items()
    ]
    body.sort(key=lambda row: row.name != baseline)
    tested = baseline if baseline in rows else None
    setting = " and ".join(dict.fromkeys(map(setting_of, results)))
    return Table(task, some.metric, setting, kind, tuple(languages), tuple(with_best(body)), tested, some.source)


def _system(runs: Sequence[Run]) -> SystemFacts:
    """What a row read, whose settings it has and what it took, where all of its runs say it."""
    results = [run.results for run in runs]
    reads = [one.reads for one in results if one.reads is not None]
    if len(reads) < len(runs):
        return {}
    found = [spent for one in results if (spent := one.spending) is not None]
    allowed = [budget for run in runs if (budget := budget_of(run)) is not None]
    return {
        "reads": tuple(dict.fromkeys(chain.from_iterable(reads))),
        "origin": results[0].origin,  # runs of a row differ in seeds alone
        "budget": " and ".join(dict.fromkeys(allowed)) or None,
        "spending": Spending(*map(fmean, zip(*found, strict=True))) if len(found) == len(runs) else None,
    }


def _beside_the_paper(table: Table, results: Sequence[Results]) -> tuple[Table, str]:
    source = KINDS[table.kind].paper.get(table.task)
    reason = reason_against(table.kind, source, table.task, results)
    if source is None or reason is not None:
        return table, f"The paper's rows are not shown: {reason}."
    copied = copied_rows(source, table.languages)
    printed = "average is the printed one" if keeps_averages(source, table.languages) else "averages are computed here"
    note = (
        f"‡ copied from {copied[0].copied}, and never tested against: other machines, other text. Its {printed}, over "
    )
    note = "; ".join([f"{note}these columns", *misprints(source)]) + "."
    return replace(table, rows=(*table.rows, *copied)), note


def _scores(runs: dict[Seeds, Run], languages: Sequence[str], source: str) -> dict[str, dict[Seeds, float]]:
    """Column -> seeds -> score, summaries over all the columns included."""
    columns: dict[str, dict[Seeds, float]] = {}
    for seeds, run in runs.items():
        scores = {language: run.results.scores.get(language) for language in languages}
        for column, value in (scores | summary(scores, source)).items():
            known = columns.setdefault(column, {})
            if value is not None:
                known[seeds] = value
    return columns


def _default_baseline(rows: Rows, kind: str) -> str | None:
    return {"main": "none", "ablation": full_method(rows), "backbone": None}[kind]


def _refuse_unknown(baseline: str, names: Sequence[str]) -> None:
    if baseline not in names:
        known = list(dict.fromkeys(names))
        raise ConfigError(f"baseline={baseline}: no row is called so. {guess(baseline, known)}Rows: {', '.join(known)}")
