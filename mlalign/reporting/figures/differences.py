"""Every row's difference from the first one, with its intervals over seeds and over test items."""

import logging

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mlalign.errors import DataError
from mlalign.reporting.comparison import comparison
from mlalign.reporting.drawing.labels import drawable
from mlalign.reporting.drawing.style import colour, house_style, kinds, panels
from mlalign.reporting.fairness import MIXTURES, refuse_mixed
from mlalign.reporting.figures import Panels, Request
from mlalign.reporting.runs import by_task
from mlalign.reporting.tables import PairedComparison
from mlalign.wording import plural

log = logging.getLogger(__name__)

NUMBER, TITLE = 11, "Differences from the baseline"
CAPTION = "Means over targets less those of the first row, with 95 % intervals. Runs: {runs}."
BY_NAME, IN_REPORT = True, ""
COLUMNS = ("task", "baseline", "run", "pairs", "difference", "low", "high", "items_low", "items_high")
SEEDS, ITEMS = 0, 1  # places of their colours
APART = 0.17  # of a row: half of what is between its two intervals


def collect(runs_of: Panels, _: Request) -> pd.DataFrame:
    """As the tables test them; the row of the run that is named first is the baseline. Mixed code is warned of.

    Raises:
        ConfigError: the runs differ in what no row names.
        DataError: no row shares a seed with the baseline.
    """
    runs = [run for found in runs_of.values() for run in found]
    for task, found in by_task(runs).items():
        for groups in refuse_mixed(task, found, MIXTURES).values():
            log.warning("figure=differences: %s", groups)
    tables = comparison(runs, baseline=next(iter(runs_of)), mixed_code=True, mixed_budget=True)
    rows = [
        (table.task, table.baseline, row.name, *_numbers(against))
        for table in tables
        for row in table.rows
        if (against := row.cells[table.averaged].against) is not None
    ]
    if not rows:
        raise DataError(f"no other row has a seed of {next(iter(runs_of))}, which is named first: name its runs too")
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _numbers(against: PairedComparison) -> tuple[float | None, ...]:
    seeds, items = against.seeds, against.items
    return (
        seeds.pairs,
        seeds.difference,
        *(seeds.interval or (None, None)),
        *(items.interval if items is not None else (None, None)),
    )


def draw(frame: pd.DataFrame) -> Figure:
    """A panel for each task, a row for each row of its table.

    Args:
        frame: columns ``COLUMNS``; an interval that is not known is not drawn.
    """
    with house_style():
        tasks = kinds(frame["task"])
        most = max(len(frame[frame["task"] == task]) for task in tasks)
        figure, axes = panels(len(tasks), height=0.24 * most + 1.0, most=2)
        for axis, task in zip(axes, tasks, strict=True):
            _panel(axis, frame[frame["task"] == task].reset_index(drop=True))
        known = [
            (SEEDS, "over seeds", frame["low"].notna().any()),
            (ITEMS, "over test items, the seeds as they are", frame["items_low"].notna().any()),
        ]
        lines = [(Line2D([], [], color=colour(place)), name) for place, name, is_known in known if is_known]
        if lines:
            figure.legend(*zip(*lines, strict=True), loc="outside lower center", ncols=2, title="95 % interval")
    return figure


def _panel(axis: Axes, rows: pd.DataFrame) -> None:
    for place, (low, high) in ((SEEDS, ("low", "high")), (ITEMS, ("items_low", "items_high"))):
        beside = rows.index + (APART if place else -APART)
        axis.hlines(beside, rows[low], rows[high], colors=colour(place), linewidths=1.6)
    axis.scatter(rows["difference"], rows.index, s=14, color="black", zorder=3)
    axis.axvline(0, color="black", linewidth=0.6)
    names = [
        f"{drawable(str(name), 34)} ({plural(pairs, 'seed')})"
        for name, pairs in zip(rows["run"], rows["pairs"], strict=True)
    ]
    axis.set_yticks(rows.index, names)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.set_title(f"{rows['task'].iloc[0]}: points above {drawable(str(rows['baseline'].iloc[0]), 34)}")
    axis.grid(visible=True, axis="x")
    axis.set_axisbelow(True)
