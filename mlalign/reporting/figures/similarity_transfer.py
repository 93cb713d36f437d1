"""Figure 9: the nearer the translations of a language, the better the transfer to it."""

from typing import NamedTuple

import pandas as pd
from matplotlib.figure import Figure
from scipy import stats

from mlalign.errors import DataError
from mlalign.reporting.drawing.scatter import label_points
from mlalign.reporting.drawing.style import WIDTH, colour, house_style, kinds, marker
from mlalign.reporting.figures import Panels, Request
from mlalign.reporting.recorded import refuse_several_tasks, targets_of, unit_of
from mlalign.wording import plural

NUMBER, TITLE = 9, "Transfer and similarity of translations"
CAPTION = (
    "Zero-shot score of every target language against how much nearer held-out translations are than other pairs, at "
    "the end of alignment, or in the backbone of a run without. Large marks are means over seeds. Runs: {runs}."
)
BY_NAME, IN_REPORT = True, "all"
COLUMNS = ("run", "seed", "language", "similarity", "score", "task", "metric")
CONFIDENCE = 0.95


def collect(panels: Panels, request: Request) -> pd.DataFrame:
    """From the runs' scores and the measures of their encoders.

    Raises:
        ConfigError: the runs are of several tasks.
        DataError: no language is both scored and measured.
    """
    refuse_several_tasks(panels)
    rows = []
    for name, runs in panels.items():
        for run in runs:
            results, measures = run.results, request.measures(run)
            rows += [
                (
                    name,
                    results.seed,
                    language,
                    similarity,
                    results.scores[language],
                    results.task,
                    unit_of(run),
                )
                for language in targets_of(run)
                if (similarity := measures.get(f"similarity/{language}")) is not None
            ]
    if not rows:
        raise DataError("no language of these runs is both scored and in their parallel text")
    return pd.DataFrame(rows, columns=list(COLUMNS))


class Correlation(NamedTuple):
    """Pearson's r with its interval."""

    r: float
    low: float
    high: float
    points: int


def correlation(similarity: "pd.Series[float]", score: "pd.Series[float]") -> Correlation | None:
    """Pearson's r and its 95 % interval by Fisher's transformation (scipy).

    Returns:
        None for fewer than four points, or where one of the two does not vary: no interval then.
    """
    if len(score) < 4 or similarity.nunique() < 2 or score.nunique() < 2:
        return None
    found = stats.pearsonr(similarity, score)
    low, high = found.confidence_interval(CONFIDENCE)
    return Correlation(float(found.statistic), float(low), float(high), len(score))


def draw(frame: pd.DataFrame) -> Figure:
    """A point for every run and target language: the mean over seeds, single seeds pale.

    A correlation over several runs also reflects what separates the runs, so each has its own,
    among its languages alone, in the legend.

    Args:
        frame: columns ``COLUMNS``. The similarity is how much nearer (cosine) held-out
            translations are than sentences that say different things.
    """
    with house_style():
        figure = Figure(figsize=(0.75 * WIDTH, 4.0))
        figure.set_layout_engine("constrained")
        axis = figure.add_subplot()
        runs = kinds(frame["run"])
        means = frame.groupby(["run", "language"], sort=False)[["similarity", "score"]].mean()
        for place, run in enumerate(runs):
            shade, shape = colour(place), marker(place)
            seeds = frame[frame["run"] == run]
            count = seeds["seed"].nunique()
            if count > 1:
                axis.scatter(
                    seeds["similarity"], seeds["score"], s=9, alpha=0.3, linewidths=0, color=shade, marker=shape
                )
            one = means.query("run == @run")
            name = f"{run}, {plural(count, 'seed')}{_in_words(one)}"
            axis.scatter(
                one["similarity"], one["score"], s=30, linewidths=0, label=name, zorder=3, color=shade, marker=shape
            )
        axis.set_title(_title(means))
        axis.set_xlabel("similarity of translations: cosine of pairs minus cosine of non-pairs")
        axis.set_ylabel(f"zero-shot {frame['metric'].iloc[0]} on {frame['task'].iloc[0]} (%)")
        axis.grid(visible=True)
        axis.set_axisbelow(True)
        axis.margins(0.08)
        figure.legend(loc="outside lower center", title="Pearson's r among its languages")
        flat = means.reset_index()
        label_points(
            axis,
            list(zip(flat["similarity"], flat["score"], strict=True)),
            flat["language"].tolist(),
            [colour(runs.index(run)) for run in flat["run"]],
        )
    return figure


def _title(means: pd.DataFrame) -> str:
    languages = means.index.get_level_values("language").nunique()
    points = f"n = {len(means)}: {plural(languages, 'language')}, runs averaged over seeds"
    return f"{points}\nall together{_in_words(means)}"


def _in_words(means: pd.DataFrame) -> str:
    """The correlation in words."""
    found = correlation(means["similarity"], means["score"])
    if found is None:
        return ": too few points for a correlation"
    return f": r = {found.r:.2f} (95 % interval {found.low:.2f} to {found.high:.2f})"
