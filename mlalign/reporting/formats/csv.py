"""Every number of a table, unrounded enough to compute with: one line for each cell."""

from collections.abc import Mapping, Sequence

import pandas as pd

from mlalign.reporting.results import Spending
from mlalign.reporting.tables import PairedComparison, Row, Table, seen

Value = str | float | None
OF_TEST = (
    *("baseline", "pairs", "difference", "low", "high", "equal_within", "d_z", "p", "p_holm"),
    *("items_low", "items_high", "items_equal_within", "items_p", "items_p_holm"),
)
OF_READING = ("reads", "is_best", "settings", *(f"alignment_{name}" for name in Spending._fields))


def csv(tables: Sequence[Table]) -> str:
    """Long form, one head for all tables; what is missing or cannot be computed is empty.

    The columns of ``OF_READING`` are there where a row says what its system read, with what its alignment took.

    ``low`` and ``high`` bound the 95 % interval of the difference, over seeds and over test items.
    """
    lines = [_line(table, row, column) for table in tables for row in table.rows for column in table.columns]
    frame = pd.DataFrame(lines)
    if not any(table.says_what_is_read for table in tables):
        frame = frame.drop(columns=list(OF_READING))
    return str(frame.to_csv(index=False, float_format="%.6g")).rstrip("\n")


def _line(table: Table, row: Row, column: str) -> Mapping[str, Value]:
    cell = row.cells[column]
    spending = row.spending or [None] * len(Spending._fields)
    reading = [None if row.reads is None else seen(row.reads), _truth(cell.is_best), row.origin, *spending]
    return {
        "task": table.task,
        "metric": table.metric,
        "table": table.kind,
        "row": row.name,
        "source": row.copied or "runs",
        "column": column,
        "n": None if row.copied else len(cell.values),
        "mean": cell.mean,
        "sd": cell.spread,
        **dict(zip(OF_TEST, _test(table.baseline, cell.against), strict=True)),
        "never_aligned": _truth(cell.never_aligned),
        **dict(zip(OF_READING, reading, strict=True)),
    }


def _test(baseline: str | None, against: PairedComparison | None) -> list[Value]:
    if against is None:
        return [None] * len(OF_TEST)
    seeds, items = against.seeds, against.items
    over_seeds = [*(seeds.interval or (None, None)), seeds.equal_within, seeds.effect, seeds.p, against.seeds_holm]
    over_items = [None] * 4 if items is None else [*items.interval, items.equal_within, items.p]
    return [baseline, seeds.pairs, seeds.difference, *over_seeds, *over_items, against.items_holm]


def _truth(value: bool) -> str:
    return "true" if value else "false"
