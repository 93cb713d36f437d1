"""How every figure looks and how it is saved: for print, for the colour-blind, always the same."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.typing import LineStyleType

from mlalign.files import replacing
from mlalign.reporting.drawing.labels import families

# Okabe and Ito 2008, "Color universal design", from dark to light where neighbours must differ
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#8C8C8C")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">", "p", "h")
LINES: tuple[LineStyleType, ...] = ("-", "--", "-.", ":")
SEQUENTIAL = "Blues"  # one hue: read alike by everybody and in grey; dark is much
WIDTH = 6.9  # inches: a page with two columns
FORMS = ("png", "svg", "pdf")
UNDATED: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
}
WORDS = (
    *("run", "encoder", "language", "label", "gold", "predicted", "word", "source", "target"),
    *("stage", "quantity", "unit", "axis", "task", "metric", "baseline"),
)  # columns of a figure's numbers that hold words


@contextmanager
def house_style() -> Iterator[None]:
    """Everything that a figure inherits; a dollar sign in a label is a dollar sign."""
    settings: dict[Any, Any] = {
        "font.family": families(),
        "font.size": 8,
        "axes.titlesize": 8,
        "axes.labelsize": 8,
        "xtick.labelsize": 7,
        "ytick.labelsize": 7,
        "legend.fontsize": 7,
        "legend.frameon": False,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.6,
        "axes.grid": False,
        "grid.linewidth": 0.4,
        "grid.color": "#dddddd",
        "lines.linewidth": 1.2,
        "figure.dpi": 200,
        "savefig.dpi": 200,
        "text.parse_math": False,
        "svg.hashsalt": "mlalign",
        "pdf.fonttype": 3,
    }
    with matplotlib.rc_context(settings):
        yield


def colour(place: int) -> str:
    """Of the n-th kind; they repeat after eight, where the marker differs."""
    return COLOURS[place % len(COLOURS)]


def marker(place: int) -> str:
    """Of the n-th kind; together with the colour it tells 24 kinds apart."""
    return MARKERS[place % len(MARKERS)]


def line(place: int) -> LineStyleType:
    """Of the n-th kind."""
    return LINES[place % len(LINES)]


def panels(count: int, *, height: float, most: int = 3, wide: bool = False) -> tuple[Figure, list[Axes]]:
    """A figure with panels side by side, ``most`` of them in a row, and all its axes.

    Args:
        count: of the panels, at least one.
        height: of a row in inches.
        most: panels in a row.
        wide: whether a single column takes the whole page.
    """
    columns = min(count, most)
    rows = -(-count // columns)
    figure = Figure(figsize=(WIDTH * (0.62 if columns == 1 and not wide else 1), height * rows))
    figure.set_layout_engine("constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for empty in axes[count:]:
        empty.remove()
    return figure, axes[:count]


def kinds(column: "pd.Series[str]") -> list[str]:
    """Distinct values in the order in which they come."""
    return [str(value) for value in column.drop_duplicates()]


def read_numbers(path: Path) -> pd.DataFrame:
    """A table of plotted numbers; in a column of words ``1``, ``NA`` and their like are words."""
    words = dict.fromkeys(WORDS, str)
    return pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=words)


def save(
    draw: Callable[[pd.DataFrame], Figure],
    numbers: pd.DataFrame,
    path: Path,
    forms: Sequence[str] = FORMS,
) -> list[Path]:
    """Write numbers as csv, and beside it the figure that is drawn from that very file.

    The same numbers give the same bytes, with the same versions of the libraries.

    Args:
        draw: the figure's.
        numbers: what is plotted.
        path: without an ending.
        forms: endings of the figure's files.

    Returns:
        The files, the csv first. None of them is ever seen half-written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    csv = path.with_name(f"{path.name}.csv")
    with replacing(csv) as part:
        numbers.to_csv(part, index=False, float_format="%.6g")
    figure, written = draw(read_numbers(csv)), [csv]
    for form in forms:
        file = path.with_name(f"{path.name}.{form}")
        with house_style(), replacing(file) as part:
            figure.savefig(part, format=form, metadata=UNDATED[form])
        figure.set_layout_engine("none")  # what the first form has laid out stays so
        written.append(file)
    return written


logging.getLogger("fontTools").setLevel(logging.WARNING)  # it logs every table of a PDF's font
