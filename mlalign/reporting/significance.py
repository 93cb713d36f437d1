"""Whether one method beats another beyond the noise of seeds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from scipy import stats

LEVEL = 0.05
TIED = 1e-4  # in per cent; means and older scores are rounded sums, which differ by less where items do not


@dataclass(frozen=True)
class Paired:
    """Differences of paired runs; what cannot be computed is None."""

    pairs: int
    difference: float  # mean over the pairs
    interval: tuple[float, float] | None = None  # 95 %, of the mean difference
    equal_within: float | None = None  # see ``equivalence_margin``
    effect: float | None = None  # Cohen's d_z: mean over standard deviation of the differences
    p: float | None = None  # two-sided


Seed = TypeVar("Seed")


def paired_t_test(scores: Mapping[Seed, float], baseline: Mapping[Seed, float]) -> Paired | None:
    """Two-sided paired t-test over the seeds that both have.

    With five seeds a mean difference must exceed 1.24 standard deviations of the differences to
    reach p < 0.05. A single pair tells neither p nor interval, and neither do differences that
    are all equal: their variance is nought, and t would be infinite for any difference.

    Args:
        scores: seed -> score in per cent.
        baseline: seed -> score in per cent.

    Returns:
        None where no seed is shared.
    """
    seeds = [seed for seed in scores if seed in baseline]
    if not seeds:
        return None
    differences = [scores[seed] - baseline[seed] for seed in seeds]
    mean = math.fsum(differences) / len(differences)
    if len(differences) < 2 or max(differences) - min(differences) < TIED:
        return Paired(len(seeds), mean)
    test = stats.ttest_1samp(differences, 0.0)
    interval, narrower = test.confidence_interval(1 - LEVEL), test.confidence_interval(1 - 2 * LEVEL)
    return Paired(
        len(seeds),
        mean,
        (float(interval.low), float(interval.high)),
        equivalence_margin(float(narrower.low), float(narrower.high)),
        float(test.statistic) / math.sqrt(len(seeds)),
        float(test.pvalue),
    )


def equivalence_margin(low: float, high: float) -> float:
    """The smallest margin within which two one-sided tests at 5 % find two methods equal.

    Both reject a difference of the margin and more where the 90 % interval of the difference lies inside
    (Schuirmann 1987): that is the end which is further from 0. A large one says that little is known, not
    that the methods differ.

    Args:
        low, high: of the 90 % interval.
    """
    return max(abs(low), abs(high))


def effect_size_bias(pairs: int) -> float:
    """How many times too large d_z is on average with few pairs.

    The inverse of Hedges' (1981) exact correction with ``pairs`` - 1 degrees of freedom: 1.25 for
    five pairs, 1.77 for three; infinite for two.
    """
    freedom = pairs - 1
    if freedom < 2:
        return math.inf
    half = math.lgamma(freedom / 2) - math.lgamma((freedom - 1) / 2)
    return math.sqrt(freedom / 2) / math.exp(half)


def holm(values: Sequence[float | None]) -> list[float | None]:
    """P-values adjusted for their number, so that p < 0.05 errs in one family of twenty.

    Holm 1979: the smallest is multiplied by their number, the next by one less, and so on; none
    may fall below a smaller one. A test that tells no p is no member of the family.

    Returns:
        in the order of ``values``; None where there was none.
    """
    order = sorted((value, place) for place, value in enumerate(values) if value is not None)
    adjusted: list[float | None] = [None] * len(values)
    largest = 0.0
    for rank, (value, place) in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * value))
        adjusted[place] = largest
    return adjusted
