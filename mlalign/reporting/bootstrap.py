"""Whether one method beats another beyond the choice of test items: a paired bootstrap."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mlalign.errors import DataError
from mlalign.metrics.tasks import TaskMetric
from mlalign.reporting.predictions import read_predictions
from mlalign.reporting.significance import equivalence_margin

Floats = npt.NDArray[np.float64]

SEED = 1
CHUNK = 4_000_000  # drawn items that are held at a time
AGREEMENT = 1e-3  # in per cent, between results.json and its predictions


@dataclass(frozen=True)
class Items:
    """What a score is made of, test item by test item.

    The metric says what is counted, and how the sums of the two columns make the score.
    """

    ids: tuple[str, ...]
    counts: Floats  # [items, 2]
    metric: TaskMetric


@dataclass(frozen=True)
class BootstrapResult:
    """The difference over resampled test sets."""

    interval: tuple[float, float]  # 95 %, percentiles
    equal_within: float  # see ``equivalence_margin``
    p: float  # two-sided


def read_items(path: Path, metric: TaskMetric, score: float) -> Items:
    """The test items of one run and language.

    Args:
        path: of its predictions.
        metric: of its task.
        score: what the run's results say, in per cent.

    Raises:
        DataError: a line is broken, there is none, or the predictions give another score.
    """
    found = list(read_predictions(path, metric))
    counts = np.array([metric.counts(one) for one in found], dtype=np.float64)
    again = float(metric.ratio(counts.sum(0)))
    if abs(again - score) > AGREEMENT:
        raise DataError(
            f"{path}: these predictions score {again:.3f}, the results beside them say "
            f"{score:.3f}; they are not of one run: run again with resume=false"
        )
    return Items(tuple(one.id for one in found), counts, metric)


def resampled_scores(runs: Sequence[Items], resamples: int) -> Floats:
    """Scores of several runs on the same resampled test sets.

    Items are drawn with replacement, whole sentences for entities. The draws depend on nothing
    but the number of items: languages whose items are each other's translations are resampled
    together, as they should be for an average over languages.

    Args:
        runs: with the same items in the same order.
        resamples: how many test sets.

    Returns:
        in per cent, ``[runs, resamples]``.
    """
    size = len(runs[0].ids)
    counts = np.concatenate([run.counts for run in runs], axis=1)  # [items, 2 · runs]
    generator = np.random.default_rng(SEED)
    pieces = []
    at_once = max(1, CHUNK // size)
    for start in range(0, resamples, at_once):
        number = min(at_once, resamples - start)
        drawn = generator.integers(0, size, (number, size))
        drawn += size * np.arange(number)[:, None]
        times = np.bincount(drawn.ravel(), minlength=number * size).reshape(number, size)
        pieces.append(times.astype(np.float64) @ counts)
    sums = np.concatenate(pieces).reshape(resamples, len(runs), 2)
    return np.stack([run.metric.ratio(sums[:, place]) for place, run in enumerate(runs)])


def resampled_test(differences: Floats) -> BootstrapResult:
    """Interval and p of a difference, from its values on resampled test sets.

    p is twice the share of test sets on which the difference vanishes or has the other sign, one
    added to both counts (Davison and Hinkley 1997, section 4.2), so that it is never 0.
    """
    below, above = int((differences <= 0).sum()), int((differences >= 0).sum())
    low, low90, high90, high = np.percentile(differences, [2.5, 5.0, 95.0, 97.5])
    p = min(1.0, 2 * (min(below, above) + 1) / (len(differences) + 1))
    return BootstrapResult((float(low), float(high)), equivalence_margin(float(low90), float(high90)), p)
