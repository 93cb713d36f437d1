"""Tables as GitHub shows them."""

import re

from mlalign.reporting.formats.grid import Grid, cell_text, grids
from mlalign.reporting.tables import Table


def markdown(table: Table) -> str:
    """Pipe tables, each with its title above and its notes below."""
    return "\n\n".join(map(_block, grids(table)))


def _block(grid: Grid) -> str:
    lines = [_line("", *grid.head), f"| --- |{' ---: |' * len(grid.head)}"]
    lines += [_line(row.name, *map(cell_text, row.cells)) for row in grid.rows]
    notes = [f"* {_escaped(note)}" for note in grid.notes]
    return "\n".join([f"**{_escaped(grid.title)}**", "", *lines, "", *notes])


def _line(*cells: str) -> str:
    return f"| {' | '.join(map(_escaped, cells))} |"


def _escaped(text: str) -> str:
    """What Markdown would take for its own."""
    return re.sub(r"([\\|*_<`\[\]~$])", r"\\\1", text)
