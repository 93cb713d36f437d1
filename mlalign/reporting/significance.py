"""Whether one method beats another beyond the noise of seeds."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from scipy import stats


class Paired(NamedTuple):
    """A paired comparison over seeds."""

    pairs: int
    difference: float  # mean over the pairs
    p: float | None  # two-sided; None where it cannot be told


def paired_t_test(scores: Mapping[Any, float], baseline: Mapping[Any, float]) -> Paired | None:
    """Two-sided paired t-test over the seeds that both have.

    With five seeds a mean difference must exceed 1.24 standard deviations of the differences to
    reach p < 0.05. A single pair, or differences that are all equal, tell no p.

    Args:
        scores: seed -> score.
        baseline: seed -> score.

    Returns:
        None where no seed is shared.
    """
    seeds = [seed for seed in scores if seed in baseline]
    if not seeds:
        return None
    differences = [scores[seed] - baseline[seed] for seed in seeds]
    mean = sum(differences) / len(differences)
    if len(differences) < 2 or max(differences) - min(differences) < 1e-12:
        return Paired(len(seeds), mean, None)
    p = float(stats.ttest_1samp(differences, 0.0).pvalue)
    return Paired(len(seeds), mean, p)
