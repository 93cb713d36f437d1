"""Geometry of vectors against the formulas pair by pair."""

import itertools
import math

import pytest
import torch

from mlalign.metrics.geometry import (
    alignment,
    cosines,
    off_diagonal_cosine,
    pair_cosine,
    uniformity,
)


@pytest.fixture
def pairs():
    torch.manual_seed(0)
    return torch.randn(7, 5, dtype=torch.float64), torch.randn(7, 5, dtype=torch.float64)


def unit(vector):
    return [float(value) / math.sqrt(sum(float(one) ** 2 for one in vector)) for value in vector]


def squared_distance(one, other):
    return sum((a - b) ** 2 for a, b in zip(unit(one), unit(other), strict=True))


def cosine(one, other):
    return sum(a * b for a, b in zip(unit(one), unit(other), strict=True))


def test_alignment_and_uniformity_are_the_equations(pairs):
    source, target = pairs
    expected = sum(map(squared_distance, source, target)) / 7
    assert alignment(source, target) == pytest.approx(expected, abs=1e-12)
    potentials = [math.exp(-2 * squared_distance(*two)) for two in itertools.combinations(source, 2)]
    expected = math.log(sum(potentials) / len(potentials))
    assert uniformity(source) == pytest.approx(expected, abs=1e-12)


def test_cosines_of_pairs_and_of_all_others(pairs):
    source, target = pairs
    table = [[cosine(one, other) for other in target] for one in source]
    assert pair_cosine(source, target) == pytest.approx(sum(table[i][i] for i in range(7)) / 7)
    others = [table[i][j] for i in range(7) for j in range(7) if i != j]
    assert off_diagonal_cosine(source, target) == pytest.approx(sum(others) / 42)
    expected = torch.tensor([[cosine(one, other) for other in source] for one in source])
    torch.testing.assert_close(cosines(source), expected.double())


def test_collapse_shows_in_all_but_alignment(pairs):
    same = torch.ones(6, 4)
    assert alignment(same, same) == 0
    assert uniformity(same) == pytest.approx(0, abs=1e-6)
    assert off_diagonal_cosine(same, same) == pytest.approx(1)
    source, target = pairs
    assert uniformity(source) < -0.5
    assert abs(off_diagonal_cosine(source, target)) < 0.3


def test_norms_do_not_matter(pairs):
    source, target = pairs
    for measure in (alignment, pair_cosine, off_diagonal_cosine):
        assert measure(3 * source, target / 7) == pytest.approx(measure(source, target))
    assert uniformity(3 * source) == pytest.approx(uniformity(source))


def test_half_precision_is_raised(pairs):
    source, target = pairs
    assert alignment(source.bfloat16(), target.bfloat16()) == pytest.approx(alignment(source, target), rel=0.02)


@pytest.mark.parametrize("measure", [alignment, pair_cosine, off_diagonal_cosine])
def test_rows_must_pair_up(measure):
    with pytest.raises(ValueError, match=r"one shape .* found \[3, 2\] and \[4, 2\]"):
        measure(torch.ones(3, 2), torch.ones(4, 2))


def test_one_vector_has_no_other():
    with pytest.raises(ValueError, match="at least 2"):
        uniformity(torch.ones(1, 2))
    with pytest.raises(ValueError, match="n >= 2"):
        off_diagonal_cosine(torch.ones(1, 2), torch.ones(1, 2))
