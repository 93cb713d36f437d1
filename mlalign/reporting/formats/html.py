"""Tables as parts of a page, which brings the style: classes, but no colours and no widths."""

from html import escape

from mlalign.reporting.formats.grid import Grid, GridCell, GridRow, grids
from mlalign.reporting.tables import Table


def html(table: Table) -> str:
    """One section with a table each for the scores and for the tests."""
    name = escape(f"scores-{table.task}-{table.kind}")
    body = "\n".join(map(_table, grids(table)))
    return f'<section class="comparison" id="{name}">\n{body}\n</section>'


def _table(grid: Grid) -> str:
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in grid.head)
    groups = list(dict.fromkeys(row.group for row in grid.rows))
    bodies = [
        "\n".join(
            [
                f'<tbody class="{group}">',
                *(_row(row) for row in grid.rows if row.group == group),
                "</tbody>",
            ]
        )
        for group in groups
    ]
    notes = "\n".join(f"<li>{escape(note)}</li>" for note in grid.notes)
    return "\n".join(
        [
            f'<div class="scroll" role="region" aria-label="{escape(grid.title)}" tabindex="0">',
            "<table>",
            f"<caption>{escape(grid.title)}</caption>",
            f"<thead><tr><td></td>{head}</tr></thead>",
            *bodies,
            "</table>",
            "</div>",
            *([f'<ul class="notes">\n{notes}\n</ul>'] if notes else []),
        ]
    )


def _row(row: GridRow) -> str:
    cells = "".join(map(_cell, row.cells))
    return f'<tr><th scope="row">{escape(row.name)}</th>{cells}</tr>'


def _cell(cell: GridCell) -> str:
    spread = f" <small>± {cell.spread}</small>" if cell.spread else ""
    marks = f"<sup>{escape(cell.marks)}</sup>" if cell.marks else ""
    text = f"<strong>{escape(cell.text)}</strong>" if cell.is_best else escape(cell.text)
    return f"<td>{text}{spread}{marks}</td>"
