"""Tables as GitHub shows them."""

import re
from collections.abc import Iterable

from mlalign.reporting.formats.grid import Grid, GridCell, cell_text, grids
from mlalign.reporting.tables import Table


def markdown(table: Table) -> str:
    """Pipe tables, each with its title above and its notes below."""
    return "\n\n".join(map(_block, grids(table)))


def _block(grid: Grid) -> str:
    lines = [_line(map(_escaped, ("", *grid.head))), f"| --- |{' ---: |' * len(grid.head)}"]
    lines += [_line([_escaped(row.name), *map(_cell, row.cells)]) for row in grid.rows]
    notes = [f"* {_escaped(note)}" for note in grid.notes]
    return "\n".join([f"**{_escaped(grid.title)}**", "", *lines, "", *notes])


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: GridCell) -> str:
    bold = "**" * cell.is_best
    return f"{bold}{_escaped(cell_text(cell))}{bold}"


def _escaped(text: str) -> str:
    """What Markdown would take for its own."""
    return re.sub(r"([\\|*_<`\[\]~$])", r"\\\1", text)
