"""What rows may be held against each other for: what their systems read, and what their alignments cost."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from mlalign.errors import ConfigError
from mlalign.reporting.runs import Run
from mlalign.reporting.tables import Row

GAP = "transfer_gap"  # of which neither end is best


def with_best(rows: Sequence[Row]) -> list[Row]:
    """Mark the best mean of each column among rows that read the same; a row alone has no rival.

    Rows that do not say what they read, and copied ones, are neither marked nor rivals.
    """
    rivals: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        if row.reads and not row.copied:
            rivals[row.reads].append(row)
    return [_marked(row, rivals.get(row.reads, [])) for row in rows]


def _marked(row: Row, rivals: Sequence[Row]) -> Row:
    if row not in rivals:
        return row
    cells = {}
    for column, cell in row.cells.items():
        means = [mean for one in rivals if (mean := one.cells[column].mean) is not None]
        is_best = len(means) > 1 and cell.mean == max(means) and column != GAP
        cells[column] = replace(cell, is_best=is_best)
    return replace(row, cells=cells)


def budgets(runs: Sequence[Run]) -> Mapping[str, list[Run]]:
    """What alignments were allowed, as a text -> the runs; without those that align nothing or do not say it."""
    found: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        budget = run.results.budget
        if budget is not None and budget.amount is not None and run.results.aligned is not None:
            found[f"{budget.amount:,.15g} {budget.unit}"].append(run)
    return found


def mixed_budgets(runs: Sequence[Run]) -> str:
    """Which groups of runs were aligned with different budgets; empty for one budget."""
    found = budgets(runs)
    if len(found) < 2:
        return ""
    parts = [f"{budget} ({len(of_budget)} such as {of_budget[0].folder})" for budget, of_budget in found.items()]
    return f"runs were aligned with different budgets: {', '.join(parts)}"


def refuse_mixed_budgets(task: str, runs: Sequence[Run]) -> None:
    """Rows of one table had one budget.

    Raises:
        ConfigError: naming the budgets and the runs.
    """
    if found := mixed_budgets(runs):
        raise ConfigError(
            f"task {task}: {found}. Name runs of one align.budget, or set mixed_budget=true, which the table's "
            "notes will say"
        )
