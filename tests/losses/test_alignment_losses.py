"""The loss of self-training on the encoder's own word alignment."""

import pytest
import torch

from mlalign.losses import self_alignment_loss


@pytest.fixture
def pair():
    random = torch.Generator().manual_seed(0)
    source, target = (torch.randn(2, size, 4, generator=random, dtype=torch.float64) for size in (5, 6))
    masks = [torch.ones(2, size, dtype=torch.bool) for size in (5, 6)]
    masks[0][0, 3:] = masks[1][1, 4:] = masks[0][1, 0] = False
    return source, target, *masks


def by_loops(source, target, source_is_token, target_is_token, threshold):
    total = 0.0
    for row in range(len(source)):
        one, other = source[row][source_is_token[row]], target[row][target_is_token[row]]
        scores = one @ other.T
        forward, backward = scores.softmax(1), scores.softmax(0)
        for i in range(len(one)):
            for j in range(len(other)):
                p, q = float(forward[i, j]), float(backward[i, j])
                if p > threshold and q > threshold:
                    total += p / len(one) + q / len(other)
                total += p * q / min(len(one), len(other))
    return -total / len(source)


@pytest.mark.parametrize("threshold", [0.0, 1e-3, 0.2])
def test_it_is_the_equation(pair, threshold):
    found = self_alignment_loss(*pair, threshold=threshold)
    assert found.item() == pytest.approx(by_loops(*pair, threshold))
    assert -3 <= found <= 0


def test_padding_changes_nothing_and_a_perfect_alignment_costs_minus_three(pair):
    source, target, *masks = pair
    expected = self_alignment_loss(*pair, threshold=1e-3)
    source[~masks[0]], target[~masks[1]] = 100.0, -100.0
    torch.testing.assert_close(self_alignment_loss(*pair, threshold=1e-3), expected)
    same = 50 * torch.eye(4)[None]
    whole = torch.ones(1, 4, dtype=torch.bool)
    assert self_alignment_loss(same, same, whole, whole, threshold=1e-3).item() == pytest.approx(-3)


def test_what_does_not_fit_is_refused(pair):
    source, target, *masks = pair
    with pytest.raises(ValueError, match="self_alignment_loss needs source"):
        self_alignment_loss(source[:1], target, *masks, threshold=0.1)
    with pytest.raises(ValueError, match=r"threshold must lie in \[0, 1\), found 1"):
        self_alignment_loss(*pair, threshold=1)
