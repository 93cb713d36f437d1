"""Every number of a table, unrounded enough to compute with: one line for each cell."""

import csv as library
import io
from collections.abc import Sequence
from typing import Any

from mlalign.reporting.tables import Cell, PairedComparison, Row, Table

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


def csv(tables: Sequence[Table]) -> str:
    """Long form, one head for all tables; what is missing or cannot be computed is empty.

    ``low`` and ``high`` bound the 95 % interval of the difference, over seeds and over test items.
    """
    file = io.StringIO()
    writer = library.writer(file, lineterminator="\n")
    writer.writerow(HEAD)
    for table in tables:
        for row in table.rows:
            for column in table.columns:
                writer.writerow(map(_number, _line(table, row, column)))
    return file.getvalue().rstrip("\n")


def _line(table: Table, row: Row, column: str) -> list[Any]:
    cell = row.cells[column]
    known = [table.task, table.metric, table.kind, row.name, row.copied or "runs", column]
    unknown = "true" if cell.never_aligned else "false"
    return [*known, *_score(row, cell), *_test(table.baseline, cell.against), unknown]


def _score(row: Row, cell: Cell) -> list[Any]:
    return [None if row.copied else len(cell.values), cell.mean, cell.spread]


def _test(baseline: str | None, against: PairedComparison | None) -> list[Any]:
    if against is None:
        return [None] * 12
    seeds, items = against.seeds, against.items
    over_seeds = [*(seeds.interval or (None, None)), seeds.effect, seeds.p, against.seeds_holm]
    over_items = [None] * 3 if items is None else [*items.interval, items.p]
    return [baseline, seeds.pairs, seeds.difference, *over_seeds, *over_items, against.items_holm]


def _number(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value
