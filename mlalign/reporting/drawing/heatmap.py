"""Matrices as coloured cells with their values in them."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from mlalign.reporting.drawing.labels import drawable
from mlalign.reporting.drawing.style import SEQUENTIAL

ROOMY = 14  # rows or columns up to which the values are written into the cells
LONGEST = 18  # characters of a row's or column's label
ROOM = 4.6  # inches of a page's width that labels and colour bar leave
NOTHING = "#f2f2f2"


def shape(count: int, columns: int) -> tuple[int, float]:
    """Panels in a row, and the side of a cell in inches, so that values can be read.

    Args:
        count: of panels.
        columns: of each.
    """
    beside = min(count, 3 if columns <= 5 else 2 if columns <= 10 else 1)
    return beside, min(0.5, ROOM / (beside * columns))


def letters(cell: float) -> float:
    """Points of the letters that fit into a cell of so many inches."""
    return 7 if cell > 0.38 else 5.5 if cell > 0.28 else 4.5


def cells(
    axis: Axes,
    matrix: pd.DataFrame,
    *,
    low: float,
    high: float,
    form: str,
    size: float,
    rows: bool,
    top: bool = False,
) -> AxesImage:
    """Draw a matrix; returns the image, for its colour bar.

    Cells without a value stay light grey and empty.

    Args:
        axis: to draw on.
        matrix: its index labels the rows, its columns the columns.
        low: the value with the lightest colour.
        high: the value with the darkest.
        form: of the values in the cells.
        size: of these, in points.
        rows: whether the rows are labelled; a panel beside another one shares its labels.
        top: whether the columns are labelled above the matrix.
    """
    values = matrix.to_numpy(dtype=float)
    axis.set_facecolor(NOTHING)
    image = axis.imshow(values, cmap=SEQUENTIAL, vmin=low, vmax=high, aspect="equal")
    if top:
        axis.xaxis.tick_top()
    _label(axis.xaxis, matrix.columns, "left" if top else "right")
    _label(axis.yaxis, matrix.index if rows else [""] * len(matrix))
    axis.set_xticks(np.arange(values.shape[1] + 1) - 0.5, minor=True)
    axis.set_yticks(np.arange(values.shape[0] + 1) - 0.5, minor=True)
    axis.grid(which="minor", color="white", linewidth=0.8)
    axis.tick_params(which="both", length=0)
    axis.spines[:].set_visible(False)
    if max(values.shape) <= ROOMY:
        for (row, column), value in np.ndenumerate(values):
            if np.isfinite(value):
                dark = _luminance(image.to_rgba(value)[:3]) < 0.45
                axis.text(
                    column,
                    row,
                    form.format(value),
                    ha="center",
                    va="center",
                    fontsize=size,
                    color="white" if dark else "black",
                )
    return image


def bar(figure: Figure, image: AxesImage, axes: Sequence[Axes], label: str) -> None:
    """One colour bar for all panels, laid out for squares, which are smaller than the room that panels have."""
    figure.set_layout_engine("compressed")
    drawn = figure.colorbar(image, ax=list(axes), shrink=min(0.8, 2.5 / figure.get_figheight()), pad=0.02)
    drawn.set_label(label)
    drawn.outline.set_visible(False)


def _label(axis: Axis, names: Iterable[object], turned: str = "") -> None:
    """Label rows, or columns aslant with the given end of the text at the cell."""
    labels = [drawable(str(name), LONGEST) for name in names]
    axis.set_ticks(range(len(labels)), labels)
    if turned and max(map(len, labels)) > 3:
        for label in axis.get_ticklabels():
            label.set(rotation=45, ha=turned, rotation_mode="anchor")


def _luminance(rgb: Any) -> float:
    red, green, blue = to_rgb(rgb)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
