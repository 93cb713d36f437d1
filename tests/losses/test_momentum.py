"""One direction of a contrast with negatives of its own."""

import math

import pytest
import torch

from mlalign.losses import inter_sentence_loss, momentum_contrast_loss


@pytest.fixture
def vectors():
    draw = torch.Generator().manual_seed(3)
    return [torch.randn(n, 6, generator=draw, dtype=torch.float64) for n in (5, 5, 7)]


def equation(query, key, negatives, temperature, excluded):
    total = 0.0
    for i, q in enumerate(query):
        right = math.exp(float(q @ key[i]) / temperature)
        wrong = [math.exp(float(q @ k) / temperature) for n, k in enumerate(negatives) if not excluded[i][n]]
        total -= math.log(right / (right + sum(wrong)))
    return total / len(query)


@pytest.mark.parametrize("temperature", [0.25, 1.0, 4.0])
def test_is_the_equation(vectors, temperature):
    excluded = torch.rand(5, 7, generator=torch.Generator().manual_seed(1)) < 0.3
    loss = momentum_contrast_loss(*vectors, temperature=temperature, excluded=excluded)
    assert float(loss) == pytest.approx(equation(*vectors, temperature, excluded), rel=1e-12)


def test_both_directions_of_a_batch_are_the_symmetric_contrast(vectors):
    source, target = (torch.nn.functional.normalize(one, dim=-1) for one in vectors[:2])
    own = torch.eye(5, dtype=torch.bool)
    both = [
        momentum_contrast_loss(q, k, k, temperature=0.1, excluded=own) for q, k in ((source, target), (target, source))
    ]
    torch.testing.assert_close(sum(both), inter_sentence_loss(source, target, temperature=0.1))


def test_equal_vectors_cost_the_logarithm_of_all_choices_and_none_cost_nothing():
    same = torch.ones(4, 3)
    assert float(momentum_contrast_loss(same, same, same, temperature=0.5)) == pytest.approx(math.log(5))
    assert float(momentum_contrast_loss(same, same, same[:0], temperature=0.5)) == 0
    everything = torch.ones(4, 4, dtype=torch.bool)
    assert float(momentum_contrast_loss(same, same, same, temperature=0.5, excluded=everything)) == 0


def test_half_types_are_raised():
    half = torch.ones(4, 3, dtype=torch.bfloat16)
    assert momentum_contrast_loss(half, half, half, temperature=0.5).dtype == torch.float32


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"key": torch.ones(3, 3)}, r"key of shape \(3, 3\)"),
        ({"negatives": torch.ones(2, 4)}, r"negatives of shape \(2, 4\)"),
        ({"temperature": 0.0}, "temperature must be > 0, found 0.0"),
        ({"excluded": torch.ones(4, 1, dtype=torch.bool)}, r"excluded must be a bool tensor of shape \(4, 2\)"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    given = {"query": torch.ones(4, 3), "key": torch.ones(4, 3), "negatives": torch.ones(2, 3), "temperature": 1.0}
    with pytest.raises(ValueError, match=message):
        momentum_contrast_loss(**(given | change))
