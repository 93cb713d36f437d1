r"""Tables for a paper: LaTeX that needs no package but booktabs."""

import re

from mlalign.reporting.formats.grid import Grid, GridCell, GridRow, grids
from mlalign.reporting.tables import Table

WIDTH = 100  # signs that fit an article; further columns go below, under the same names
SYMBOLS = {
    "\\": r"\textbackslash{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "—": "---",
    "†": r"$\dagger$",
    "‡": r"$\ddagger$",
    "§": r"\S{}",
    "▲": r"$\triangle$",
    "<": "$<$",
    ">": "$>$",
}
NUMBERS = r"\[?[+-][\d.]+(, [+-][\d.]+\])?"  # whose minus is none of a word
MARKS = {"*": "*", "†": r"\dagger", "‡": r"\ddagger", "§": r"\S"}


def latex(table: Table) -> str:
    r"""``table`` environments, to be taken in with ``\\input``."""
    return "\n\n".join(["% \\usepackage{booktabs}", *map(_environment, grids(table))])


def _environment(grid: Grid) -> str:
    notes = r"\par\smallskip".join(f"\n{escaped(note)}" for note in grid.notes)
    return "\n".join(
        [
            r"\begin{table}[tp]",
            r"\centering\scriptsize\setlength{\tabcolsep}{3pt}",
            rf"\caption{{{escaped(grid.title)}}}",
            "\n\\par\\medskip\n".join(map(_tabular, grid.panels(WIDTH))),
            rf"\par\medskip\begin{{minipage}}{{\linewidth}}{notes}",
            r"\end{minipage}",
            r"\end{table}",
        ]
    )


def _tabular(grid: Grid) -> str:
    rows = []
    for number, row in enumerate(grid.rows):
        if number and row.group != grid.rows[number - 1].group:
            rows.append(r"\midrule")
        rows.append(_row(row))
    head = " & ".join(["", *map(escaped, grid.head)])
    return "\n".join(
        [
            rf"\begin{{tabular}}{{@{{}}l*{{{len(grid.head)}}}{{r}}@{{}}}}",
            r"\toprule",
            rf"{head} \\",
            r"\midrule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}",
        ]
    )


def _row(row: GridRow) -> str:
    return " & ".join([escaped(row.name), *map(_cell, row.cells)]) + r" \\"


def _cell(cell: GridCell) -> str:
    spread = rf"\,{{\tiny$\pm$\,{cell.spread}}}" if cell.spread else ""
    marks = f"$^{{{''.join(MARKS[mark] for mark in cell.marks)}}}$" if cell.marks else ""
    text = escaped(cell.text)
    if re.fullmatch(NUMBERS, cell.text):
        text = f"${cell.text}$".replace(", ", r",\,")
    return (rf"\textbf{{{text}}}" if cell.is_best else text) + spread + marks


def escaped(text: str) -> str:
    """Plain text as LaTeX sets it."""
    return "".join(SYMBOLS.get(sign, sign) for sign in text)
