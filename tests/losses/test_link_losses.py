"""The losses of linked tokens."""

import math

import pytest
import torch
from torch.nn import functional

from mlalign.losses import inter_sentence_loss, link_contrast_loss, link_distance_loss


@pytest.fixture
def linked():
    random = torch.Generator().manual_seed(0)
    return [torch.randn(6, 5, generator=random, dtype=torch.float64) for _ in range(2)]


def test_the_distance_is_the_mean_of_squares(linked):
    source, target = linked
    expected = sum(float(((u - v) ** 2).sum()) for u, v in zip(source, target, strict=True)) / 6
    assert link_distance_loss(source, target).item() == pytest.approx(expected)


def test_the_weak_form_is_half_the_contrast_of_sentences(linked):
    expected = inter_sentence_loss(*linked, similarity="cosine", temperature=0.2) / 2
    torch.testing.assert_close(link_contrast_loss(*linked, temperature=0.2, both_sides=False), expected)


def test_the_strong_form_is_the_equation(linked):
    """Token by token: the partner among all but itself."""
    both, total = torch.cat(linked), 0.0
    for place, token in enumerate(both):
        scores = [math.exp(float(functional.cosine_similarity(token, one, dim=0)) / 0.2) for one in both]
        total -= math.log(scores[(place + 6) % 12] / (sum(scores) - scores[place]))
    found = link_contrast_loss(*linked, temperature=0.2, both_sides=True)
    assert found.item() == pytest.approx(total / 12)


@pytest.mark.parametrize(("both_sides", "candidates"), [(False, 4), (True, 7)])
def test_equal_vectors_cost_the_log_of_the_candidates(both_sides, candidates):
    same = torch.ones(4, 3)
    found = link_contrast_loss(same, same, temperature=1, both_sides=both_sides)
    assert found.item() == pytest.approx(math.log(candidates))


def test_no_links_cost_nothing_and_give_no_gradient():
    for loss in (
        link_distance_loss,
        lambda *sides: link_contrast_loss(*sides, temperature=0.1, both_sides=True),
    ):
        sides = [torch.zeros(0, 3, requires_grad=True) for _ in range(2)]
        found = loss(*sides)
        found.backward()
        assert found == 0
        assert all(side.grad is not None for side in sides)


def test_what_does_not_pair_up_is_refused(linked):
    source, target = linked
    with pytest.raises(ValueError, match=r"one shape \[links, dim\], found \(6, 5\) and \(5, 5\)"):
        link_distance_loss(source, target[:5])
    with pytest.raises(ValueError, match="temperature must be > 0, found 0"):
        link_contrast_loss(source, target, temperature=0, both_sides=False)
