"""Tables for a terminal and for a plain file."""

from collections.abc import Iterator, Sequence
from textwrap import fill

from mlalign.reporting.formats.grid import Grid, GridCell, grids, tail
from mlalign.reporting.tables import Table, aligned

BEST = "▲"
WIDTH = 160  # columns that do not fit go below, under the same names


def text(table: Table) -> str:
    """Aligned columns, notes below."""
    return "\n\n".join("\n".join(_lines(grid)) for grid in grids(table))


def _lines(grid: Grid) -> Iterator[str]:
    yield grid.title
    for number, panel in enumerate(grid.panels(WIDTH)):
        yield from [""] * bool(number)
        columns = [["", *(row.name for row in panel.rows)]]
        for place, head in enumerate(panel.head):
            columns.append([head, *_below_each_other([row.cells[place] for row in panel.rows])])
        head, rule, *rows = aligned(list(zip(*columns, strict=True)))
        yield from (head, rule)
        for place, row in enumerate(rows):
            if place and panel.rows[place].group == "copied" != panel.rows[place - 1].group:
                yield rule
            yield row
    for note in grid.notes:
        yield fill(note, WIDTH, initial_indent="  ", subsequent_indent="  ")


def _below_each_other(cells: Sequence[GridCell]) -> list[str]:
    """Numbers of one column, in line whatever follows them."""
    tails = [tail(cell) + BEST * cell.is_best for cell in cells]
    width = max(map(len, tails))
    return [cell.text + one.ljust(width) for cell, one in zip(cells, tails, strict=True)]
