"""Tests over seeds, against scipy and statsmodels."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import DescrStatsW

from mlalign.reporting.significance import effect_size_bias, holm, paired_t_test

SCORES = st.floats(0, 100)
PAIRS = st.lists(st.tuples(SCORES, SCORES), min_size=2, max_size=8).filter(
    lambda pairs: np.ptp([one - two for one, two in pairs]) > 1e-3
)
CHANCES = st.lists(st.none() | st.floats(0, 1), max_size=12)


@given(PAIRS)
def test_the_paired_test_is_scipys_and_its_interval_statsmodels(pairs):
    ours, theirs = zip(*pairs, strict=True)
    test = paired_t_test(dict(enumerate(ours)), dict(enumerate(theirs)))
    assert test.p == pytest.approx(stats.ttest_rel(ours, theirs).pvalue)
    differences = np.subtract(ours, theirs)
    assert test.interval == pytest.approx(DescrStatsW(differences).tconfint_mean(0.05))
    assert test.effect == pytest.approx(differences.mean() / differences.std(ddof=1))
    p, _, _ = DescrStatsW(differences).ttost_mean(-test.equal_within, test.equal_within)
    assert p == pytest.approx(0.05)  # two one-sided tests find them equal from this margin on


def test_missing_pairs_are_left_out():
    ours = {1: 61.0, 2: 63.5, 3: 60.0, 5: 64.0}
    theirs = {1: 58.0, 2: 61.0, 3: 60.5, 4: 70.0, 5: 60.0}
    test = paired_t_test(ours, theirs)
    shared = [1, 2, 3, 5]
    expected = stats.ttest_rel([ours[one] for one in shared], [theirs[one] for one in shared])
    assert test.pairs == 4
    assert test.p == pytest.approx(expected.pvalue)
    assert test.difference == pytest.approx(sum(ours[s] - theirs[s] for s in shared) / 4)


def test_seeds_that_are_not_shared_are_not_compared():
    assert paired_t_test({1: 5.0}, {2: 5.0}) is None


def test_two_pairs_by_hand():
    """Differences 1 and 3: mean 2, sd √2, t = 2 with one degree of freedom; p = 1 - 2/π·atan 2."""
    test = paired_t_test({1: 11.0, 2: 13.0}, {1: 10.0, 2: 10.0})
    assert test.effect == pytest.approx(math.sqrt(2))
    assert test.p == pytest.approx(1 - 2 / math.pi * math.atan(2))


def test_ties_in_some_pairs_count_as_no_difference():
    ours, theirs = [50.0, 50.0, 52.0, 53.0], [50.0, 50.0, 50.0, 50.0]
    test = paired_t_test(dict(enumerate(ours)), dict(enumerate(theirs)))
    assert test.p == pytest.approx(stats.ttest_rel(ours, theirs).pvalue)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({1: 5.0}, {1: 4.0}),
        ({1: 5.0, 2: 6.0}, {1: 4.0, 2: 5.0}),
        ({1: 5, 2: 5}, {1: 5, 2: 5}),
        ({1: 94.9999988, 2: 25.9999990}, {1: 95.0, 2: 26.0}),
    ],
    ids=["one pair", "equal differences", "no difference", "float32"],
)
def test_without_variance_nothing_but_the_difference_is_told(ours, theirs):
    """For equal differences scipy has t infinite and p 0, and warns of it; for none nan."""
    test = paired_t_test(ours, theirs)
    assert (test.p, test.interval, test.effect) == (None, None, None)
    assert test.difference == pytest.approx(ours[1] - theirs[1], abs=1e-6)


@pytest.mark.parametrize(
    "values",
    [
        [0.02, 0.01, 0.04, 0.2, 0.9],
        [0.01, 0.01, 0.03, 0.03],  # ties
        [0.5, None, 0.001, None, 0.03],  # missing pairs, or no variance
        [0.0, 1.0, 0.7],
    ],
)
def test_holm_is_statsmodels_over_the_tests_that_tell_a_p(values):
    told = [value for value in values if value is not None]
    expected = iter(multipletests(told, method="holm")[1])
    for value, adjusted in zip(values, holm(values), strict=True):
        assert (adjusted is None) == (value is None)
        assert adjusted is None or adjusted == pytest.approx(next(expected))


@given(CHANCES, st.floats(0.001, 0.999))
def test_holm_rejects_what_stepping_down_rejects(values, level):
    """The procedure as Holm states it: compare p(k) with level / (m - k + 1) until one fails."""
    told = sorted(value for value in values if value is not None)
    rejected = 0
    while rejected < len(told) and told[rejected] * (len(told) - rejected) <= level:
        rejected += 1
    adjusted = holm(values)
    assert sum(one is not None and one <= level for one in adjusted) == rejected
    assert [one is None for one in adjusted] == [one is None for one in values]


def test_holm_by_hand():
    """The smallest of three times 3, the next times 2, the last times 1 and not below it."""
    assert holm([0.03, None, 0.01, 0.04]) == [0.06, None, 0.03, 0.06]


@pytest.mark.parametrize("pairs", [3, 5, 10])
def test_with_few_pairs_the_effect_is_overstated_by_so_much(pairs):
    """The mean of d_z = mean / sd over many samples of a true effect of 1."""
    samples = np.random.default_rng(1).normal(1.0, 1.0, (400_000, pairs))
    effects = samples.mean(1) / samples.std(1, ddof=1)
    assert effect_size_bias(pairs) == pytest.approx(effects.mean(), rel=0.02)
    assert effect_size_bias(2) == math.inf
