"""What makes rows comparable: what their systems read, what alignments cost, how they were tuned, who is missing."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from mlalign.config.identity import TUNED
from mlalign.config.validation import method_names, part_names
from mlalign.errors import ConfigError
from mlalign.reporting.code import mixed_code
from mlalign.reporting.rows import Rows
from mlalign.reporting.runs import Run
from mlalign.reporting.significance import TIED
from mlalign.reporting.tables import Cell, Row, Table

GAP = "transfer_gap"  # of which neither end is best


def with_best(rows: Sequence[Row]) -> list[Row]:
    """Mark the best mean, ties too, of each column among rows that read the same at one budget; one alone has no rival.

    A row without a budget, whose alignment learns nothing, is a rival of all where there is one budget alone. Rows that
    do not say what they read, and copied ones, are neither marked nor rivals.
    """
    is_mixed = len({row.budget for row in rows} - {None}) > 1
    rivals: dict[tuple[tuple[str, ...] | None, str | None], list[Row]] = defaultdict(list)

    def peers(row: Row) -> list[Row]:
        return rivals[row.reads, row.budget if is_mixed else None]

    for row in rows:
        if row.reads is not None and not row.copied:
            peers(row).append(row)
    return [_marked(row, peers(row)) for row in rows]


def _marked(row: Row, rivals: Sequence[Row]) -> Row:
    if row not in rivals:
        return row
    cells = {}
    for column, cell in row.cells.items():
        means = [mean for one in rivals if (mean := one.cells[column].mean) is not None]
        is_best = len(means) > 1 and cell.mean is not None and cell.mean > max(means) - TIED and column != GAP
        cells[column] = replace(cell, is_best=is_best)
    return replace(row, cells=cells)


def budgets(runs: Sequence[Run]) -> Mapping[str, list[Run]]:
    """What alignments were allowed, as a text -> the runs; without those that align nothing or do not say it."""
    found: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        if (allowed := budget_of(run)) is not None:
            found[allowed].append(run)
    return found


def budget_of(run: Run) -> str | None:
    """What its alignment was allowed; None where it aligned nothing or does not say it."""
    budget = run.results.budget
    if budget is None or budget.amount is None or run.results.aligned is None:
        return None
    return f"{budget.amount:,.15g} {budget.unit}"


def mixed_budgets(runs: Sequence[Run]) -> str:
    """Which groups of runs were aligned with different budgets; empty for one budget."""
    found = budgets(runs)
    if len(found) < 2:
        return ""
    parts = [f"{budget} ({len(of_budget)} such as {of_budget[0].folder})" for budget, of_budget in found.items()]
    return f"runs were aligned with different budgets: {', '.join(parts)}"


MIXTURES = {  # key that lets them into a table -> what they are called there, what finds them, what to do instead
    "mixed_code": ("Mixed code", mixed_code, "Name runs of one code, recompute the others with resume=false"),
    "mixed_budget": ("Mixed budgets", mixed_budgets, "Name runs of one align.budget"),
}


def refuse_mixed(task: str, runs: Sequence[Run], allowed: Collection[str] = ()) -> dict[str, str]:
    """Rows of one table come from one code, and their alignments had one budget.

    Args:
        task: of the runs.
        runs: of a table.
        allowed: keys of ``MIXTURES``.

    Returns:
        What is mixed nevertheless, called as in ``MIXTURES`` -> which groups of runs there are.

    Raises:
        ConfigError: naming the groups of runs and what differs.
    """
    found = {}
    for key, (name, groups_of, remedy) in MIXTURES.items():
        if groups := groups_of(runs):
            if key not in allowed:
                raise ConfigError(
                    f"task {task}: {groups}. {remedy}, or set {key}=true, which the table's notes will say"
                )
            found[name] = groups
    return found


def trials_of(rows: Rows) -> str:
    """How the settings of tuned rows were chosen, and that the others were not; empty where no row is tuned."""
    found: dict[int, list[str]] = defaultdict(list)
    for name, runs in rows.items():
        for trials in {run.results.trials for run in runs.values()}:
            found[trials].append(name)
    chosen = [f"{', '.join(names)}: the best of {trials}" for trials, names in sorted(found.items()) if trials]
    if not chosen:
        return ""
    return (
        f"Rows that are called {TUNED} have settings chosen among trials by English dev and held-out translations, "
        f"by no test score: {'; '.join(chosen)}. All other rows are without a trial."
    )


def with_missing(table: Table, runs: Sequence[Run]) -> Table:
    """The table with a row for every method and tuning without a run, and again for tuned ones where there are any."""
    names: list[str] = []
    for tuned in sorted({run.results.trials > 0 for run in runs}):
        there = [run.results for run in runs if (run.results.trials > 0) == tuned]
        methods = {one.method for one in there}
        tunings = {name for one in there for name in one.setting("tuning")} | set(method_names())
        missing = [one for one in method_names() if one not in methods]
        missing += [f"+{one}" for one in part_names("tuning") if one not in tunings]
        names += [f"{one} {TUNED}" if tuned else one for one in missing]
    cells = dict.fromkeys(table.columns, Cell())
    return replace(table, rows=(*table.rows, *(Row(name, cells, runs=0) for name in names)))
