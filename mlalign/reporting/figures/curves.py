"""Figure 5: loss and accuracy while training, several runs in one panel."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from mlalign.errors import DataError
from mlalign.reporting.drawing.labels import drawable
from mlalign.reporting.drawing.style import WIDTH, colour, house_style, kinds, line, marker
from mlalign.reporting.figures import Panels, Request
from mlalign.reporting.recorded import curves_of, refuse_several_tasks
from mlalign.wording import plural

NUMBER, TITLE = 5, "Curves of training"
CAPTION = "Fine-tuning above, alignment below; lines are means over seeds, bands one standard deviation. Runs: {runs}."
BY_NAME, IN_REPORT = True, "parts"
SMALL = 4  # panels of alignment in a row


def collect(panels: Panels, request: Request) -> pd.DataFrame:
    """From the csv files in the runs' folders.

    Raises:
        ConfigError: the runs are of several tasks.
        DataError: no run has any.
    """
    refuse_several_tasks(panels)
    curves = [curves_of(run).assign(run=name) for name, runs in panels.items() for run in runs]
    known = [one for one in curves if not one.empty]
    if not known:
        raise DataError("none of these runs has curves/finetune.csv or curves/align.csv; train again with resume=false")
    return pd.concat(known, ignore_index=True)


def draw(frame: pd.DataFrame) -> Figure:
    """Fine-tuning in two large panels, what alignment reports in small ones below.

    Runs of one name and several seeds are one line, their mean, in a band of one standard
    deviation.

    Args:
        frame: columns ``recorded.CURVE_COLUMNS``: stage (``finetune`` or ``align``), quantity (a panel's title),
            its unit, what the x-axis is (``epoch`` or ``step``), run, seed, position on the
            x-axis, value.
    """
    with house_style():
        large = kinds(frame.loc[frame["stage"] == "finetune", "quantity"])
        small = kinds(frame.loc[frame["stage"] == "align", "quantity"])
        rows = -(-len(small) // SMALL)
        heights = [2.3] * bool(large) + [1.5] * rows
        figure = Figure(figsize=(WIDTH, sum(heights) + 0.3))
        figure.set_layout_engine("constrained")
        grid = figure.add_gridspec(len(heights), 2 * SMALL, height_ratios=heights)
        runs = kinds(frame["run"])
        for place, quantity in enumerate(large):
            span = 2 * SMALL // len(large)
            axis = figure.add_subplot(grid[0, place * span : (place + 1) * span])
            _panel(axis, frame, "finetune", quantity, runs)
        for place, quantity in enumerate(small):
            row, column = divmod(place, SMALL)
            axis = figure.add_subplot(grid[bool(large) + row, 2 * column : 2 * column + 2])
            _panel(axis, frame, "align", quantity, runs)
        _legend(figure, frame, runs)
    return figure


def _panel(axis: Axes, frame: pd.DataFrame, stage: str, quantity: str, runs: list[str]) -> None:
    one = frame[(frame["stage"] == stage) & (frame["quantity"] == quantity)]
    for place, run in enumerate(runs):
        mine = one[one["run"] == run]
        if mine.empty:
            continue
        by_place = mine.groupby("position")["value"]
        mean, spread = by_place.mean(), by_place.std(ddof=1)
        axis.plot(
            mean.index,
            mean,
            color=colour(place),
            linestyle=line(place),
            marker=marker(place),
            markersize=3,
            markevery=max(1, len(mean) // 8),
            zorder=3,
        )
        if spread.notna().any():
            low, high = mean - spread.fillna(0), mean + spread.fillna(0)
            axis.fill_between(mean.index, low, high, color=colour(place), alpha=0.18, linewidth=0)
    title = "fine-tuning: " if stage == "finetune" else ""
    axis.set_title(f"{title}{quantity}")
    axis.set_ylabel(str(one["unit"].iloc[0]))
    axis.set_xlabel(str(one["axis"].iloc[0]))
    axis.grid(visible=True, axis="y")
    axis.set_axisbelow(True)
    axis.set_xlim(left=0)
    axis.xaxis.set_major_locator(MaxNLocator(5 if stage == "finetune" else 3, integer=True))
    _limits(axis, one["value"])


def _limits(axis: Axes, values: "pd.Series[float]") -> None:
    """Per cent begin at 0; a single wild value does not flatten everything else."""
    finite = values[np.isfinite(values)]
    if finite.empty:
        return
    low, high = float(finite.min()), float(finite.quantile(0.995)) * 1.05
    if low >= 0 and high > 0:
        axis.set_ylim(0, max(high, low * 1.05))


def _legend(figure: Figure, frame: pd.DataFrame, runs: list[str]) -> None:
    handles = [
        Line2D([], [], color=colour(n), linestyle=line(n), marker=marker(n), markersize=3) for n in range(len(runs))
    ]
    counts = [frame.loc[frame["run"] == run, "seed"].nunique() for run in runs]
    names = [f"{drawable(run, 40)} ({plural(count, 'seed')})" for run, count in zip(runs, counts, strict=True)]
    figure.legend(handles, names, loc="outside lower center", ncols=min(len(runs), 4))
