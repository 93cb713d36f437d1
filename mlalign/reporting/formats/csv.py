"""Every number of a table, unrounded enough to compute with: one line for each cell."""

import csv as library
import io
from collections.abc import Sequence

from mlalign.reporting.results import Spending
from mlalign.reporting.tables import Cell, PairedComparison, Row, Table, seen

HEAD = (
    "task",
    "metric",
    "table",
    "row",
    "source",
    "column",
    "n",
    "mean",
    "sd",
    "baseline",
    "pairs",
    "difference",
    "low",
    "high",
    "d_z",
    "p",
    "p_holm",
    "items_low",
    "items_high",
    "items_p",
    "items_p_holm",
    "never_aligned",
)
OF_READING = (
    "reads",
    "is_best",
    "settings",
    *(f"alignment_{name}" for name in Spending._fields),
)
Value = str | float | None


def csv(tables: Sequence[Table]) -> str:
    """Long form, one head for all tables; what is missing or cannot be computed is empty.

    The columns of ``OF_READING`` are there where a row says what its system read, with what its alignment took.

    ``low`` and ``high`` bound the 95 % interval of the difference, over seeds and over test items.
    """
    file = io.StringIO()
    writer = library.writer(file, lineterminator="\n")
    writer.writerow(HEAD + OF_READING if (reads := any(table.says_what_is_read for table in tables)) else HEAD)
    for table in tables:
        for row in table.rows:
            for column in table.columns:
                writer.writerow(map(_number, _line(table, row, column, reads=reads)))
    return file.getvalue().rstrip("\n")


def _line(table: Table, row: Row, column: str, *, reads: bool) -> list[Value]:
    cell = row.cells[column]
    known = [table.task, table.metric, table.kind, row.name, row.copied or "runs", column]
    more: list[Value] = [_truth(cell.never_aligned)]
    more += _reading(row, cell) if reads else []
    return [*known, *_score(row, cell), *_test(table.baseline, cell.against), *more]


def _reading(row: Row, cell: Cell) -> list[Value]:
    reads = None if row.reads is None else seen(row.reads)
    return [reads, _truth(cell.is_best), row.origin, *(row.spending or [None] * len(Spending._fields))]


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _score(row: Row, cell: Cell) -> list[Value]:
    return [None if row.copied else len(cell.values), cell.mean, cell.spread]


def _test(baseline: str | None, against: PairedComparison | None) -> list[Value]:
    if against is None:
        return [None] * 12
    seeds, items = against.seeds, against.items
    over_seeds = [*(seeds.interval or (None, None)), seeds.effect, seeds.p, against.seeds_holm]
    over_items = [None] * 3 if items is None else [*items.interval, items.p]
    return [baseline, seeds.pairs, seeds.difference, *over_seeds, *over_items, against.items_holm]


def _number(value: Value) -> Value:
    return f"{value:.6g}" if isinstance(value, float) else value
