"""Eqs. 7 and 8: translations close, structures alike."""

import math

import hypothesis.extra.numpy as arrays
import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from mlalign.losses import clamped_entries, false_negatives, inter_sentence_loss, intra_sentence_loss

SIMILARITIES = ("cosine", "dot", "scaled_dot")
BOTH = pytest.mark.parametrize("loss", [inter_sentence_loss, intra_sentence_loss])


@pytest.fixture
def pairs() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.randn(5, 8, dtype=torch.float64), torch.randn(5, 8, dtype=torch.float64)


def compare(one: Tensor, other: Tensor, similarity: str) -> float:
    dot = float(one @ other)
    scale = {"cosine": float(one.norm() * other.norm()), "dot": 1, "scaled_dot": len(one) ** 0.5}
    return dot / scale[similarity]


def softmax(scores: list[float]) -> list[float]:
    total = sum(math.exp(score) for score in scores)
    return [math.exp(score) / total for score in scores]


def eq7(source, target, similarity, temperature, margin=0.0, same=None) -> float:
    """Pair by pair: each sentence looks for its translation, in both directions."""
    total = 0.0
    for forwards in (True, False):
        for i in range(len(source)):
            exponents, own = [], 0.0
            for j in range(len(source)):
                s, t = (i, j) if forwards else (j, i)
                if i != j and same is not None and same[s, t]:
                    continue
                score = compare(source[s], target[t], similarity)
                exponents.append((score - margin * (i == j)) / temperature)
                own = exponents[-1] if i == j else own
            total -= own - math.log(sum(math.exp(x) for x in exponents))
    return total / len(source)


def eq8(source, target, similarity, temperature, exclude_self) -> float:
    """As printed, -ln cos, but with the sentence itself left out on demand."""
    total = 0.0
    for i in range(len(source)):
        others = [j for j in range(len(source)) if not (exclude_self and i == j)]
        one, other = (
            softmax([compare(side[i], side[j], similarity) / temperature for j in others]) for side in (source, target)
        )
        for p, q in zip(one, other, strict=True):
            total -= math.log(math.cos(math.pi / 2 * abs(p - q)))
    return total / len(source)


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize(("temperature", "margin"), [(0.1, 0.0), (0.5, 0.3), (5.0, 1.0)])
def test_inter_is_equation_7(pairs, similarity, temperature, margin):
    loss = inter_sentence_loss(*pairs, similarity=similarity, temperature=temperature, margin=margin)
    expected = eq7(*pairs, similarity, temperature, margin)
    assert loss.item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("temperature", [0.9, 2.0, 5.0])
@pytest.mark.parametrize("exclude_self", [True, False])
def test_intra_is_equation_8(pairs, similarity, temperature, exclude_self):
    loss = intra_sentence_loss(*pairs, similarity=similarity, temperature=temperature, exclude_self=exclude_self)
    expected = eq8(*pairs, similarity, temperature, exclude_self)
    assert loss.item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("margin", [0.3, -0.2])
def test_a_margin_lifts_the_similarity_of_every_negative(pairs, margin):
    """LaBSE's: what it takes from translations is as good as given to all others."""
    source, target = (torch.nn.functional.normalize(one, dim=1) for one in pairs)
    lifted = (source @ target.T + margin * (1 - torch.eye(5))) / 0.1
    expected = sum(torch.nn.functional.cross_entropy(one, torch.arange(5)) for one in (lifted, lifted.T))
    torch.testing.assert_close(inter_sentence_loss(*pairs, temperature=0.1, margin=margin), expected)


def test_sentences_that_say_the_same_are_no_negatives(pairs):
    same = torch.eye(5, dtype=torch.bool)  # the diagonal changes nothing
    same[0, 3] = same[4, 1] = same[1, 4] = True
    loss = inter_sentence_loss(*pairs, temperature=0.3, same=same)
    assert loss.item() == pytest.approx(eq7(*pairs, "cosine", 0.3, same=same), rel=1e-9)
    no_negatives = torch.ones(5, 5, dtype=torch.bool)
    assert inter_sentence_loss(*pairs, temperature=0.3, same=no_negatives) == 0


def test_indistinguishable_sentences_cost_2_ln_b():
    vectors = torch.ones(6, 8)
    loss = inter_sentence_loss(vectors, vectors, temperature=0.1)
    assert loss.item() == pytest.approx(2 * math.log(6))


def test_the_printed_equation_7_would_not_look_at_the_translations(pairs):
    """It has the source on both sides, so any order of the targets costs the same."""
    source, target = pairs
    shuffled = target.roll(1, dims=0)

    def printed(source, target):
        return inter_sentence_loss(source, source, temperature=0.1)

    assert printed(source, target) == printed(source, shuffled)
    assert inter_sentence_loss(source, target, temperature=0.1) != inter_sentence_loss(
        source, shuffled, temperature=0.1
    )


@BOTH
def test_does_not_depend_on_order_direction_or_norm(loss, pairs):
    source, target = pairs
    value = loss(source, target, temperature=0.2)
    torch.testing.assert_close(loss(target, source, temperature=0.2), value)
    torch.testing.assert_close(loss(source.flip(0), target.flip(0), temperature=0.2), value)
    torch.testing.assert_close(loss(3e100 * source, target / 7e5, temperature=0.2), value)


def test_intra_compares_within_a_language_only(pairs):
    """Each language may be turned as a whole: the structure stays."""
    source, target = pairs
    rotation = torch.linalg.qr(torch.randn(8, 8, dtype=torch.float64)).Q
    torch.testing.assert_close(
        intra_sentence_loss(source @ rotation, target, temperature=0.2),
        intra_sentence_loss(source, target, temperature=0.2),
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_intra_is_0_without_gradient_for_equal_structure(pairs, dtype):
    source = pairs[0].to(dtype).requires_grad_()
    loss = intra_sentence_loss(source, source.detach().clone(), temperature=0.1)
    loss.backward()
    assert loss == 0
    assert not source.grad.any()


def test_two_pairs_without_themselves_have_no_structure():
    assert intra_sentence_loss(torch.randn(2, 4), torch.randn(2, 4), temperature=0.1) == 0


def test_intra_keeps_the_digits_of_small_differences():
    """There it is (pi^2 / 8) times the squared difference, in float32 as in float64."""
    torch.manual_seed(0)
    source = torch.randn(6, 8, dtype=torch.float64)
    target = source + 1e-3 * torch.randn(6, 8, dtype=torch.float64)
    exact = intra_sentence_loss(source, target, temperature=1.0)
    rough = intra_sentence_loss(source.float(), target.float(), temperature=1.0)
    assert rough.item() == pytest.approx(exact.item(), rel=1e-3)


def one_hot_structure(margin: float) -> tuple[Tensor, Tensor]:
    """Row 0 is sure of neighbour 1 in one language and of neighbour 2 in the other."""
    near, far = [1.0, 0.0], [0.0, margin]
    source = torch.tensor([[0.0, 1.0], far, near, near], dtype=torch.float64)
    return source, source[[0, 2, 1, 3]]


@pytest.mark.parametrize("margin", [5.0, 10.0, 20.0, 200.0, 1e4])
def test_opposite_structures_are_finite_and_capped(margin):
    exact = [side.requires_grad_() for side in one_hot_structure(margin)]
    rough = [side.detach().float().requires_grad_() for side in exact]
    values = []
    for source, target in (exact, rough):
        loss = intra_sentence_loss(source, target, similarity="dot", temperature=1.0)
        loss.backward()
        assert loss.isfinite()
        assert source.grad.isfinite().all()
        values.append(loss.item())
    assert values[0] == pytest.approx(values[1], rel=1e-3)
    clamped = clamped_entries(*exact, similarity="dot", temperature=1.0).item()
    assert (clamped > 0) == (margin > 14)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(SIMILARITIES),
    st.booleans(),
    arrays.arrays(
        np.float32,
        (2, 3, 2),
        elements=st.one_of(
            st.sampled_from([0.0, 1e-45, 1e-30, 1.0, -1e4, 1e17, -1e25, 3.4e38]),
            st.floats(-1e4, 1e4, width=32),
        ),
    ),
)
def test_intra_is_finite_for_any_finite_input(similarity, exclude_self, vectors):
    source, target = torch.from_numpy(vectors).requires_grad_()
    loss = intra_sentence_loss(source, target, similarity=similarity, temperature=0.05, exclude_self=exclude_self)
    assert loss.isfinite()
    for slope in torch.autograd.grad(loss, (source, target)):
        assert slope.isfinite().all() or abs(vectors).max() > 1e18


@BOTH
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_the_gradient_is_right(loss, pairs, similarity):
    leaves = [side.requires_grad_() for side in pairs]

    def value(source, target):
        return loss(source, target, similarity=similarity, temperature=0.5)

    assert torch.autograd.gradcheck(value, leaves)


@BOTH
def test_refuses_what_does_not_fit(loss, pairs):
    source, target = pairs
    with pytest.raises(ValueError, match=r"at least 2 .*\(1, 8\).*\(1, 8\)"):
        loss(source[:1], target[:1], temperature=0.1)
    with pytest.raises(ValueError, match=r"row-aligned pairs.*\(5, 8\).*\(4, 8\)"):
        loss(source, target[:4], temperature=0.1)
    with pytest.raises(ValueError, match=r"found source of shape \(5, 0\)"):
        loss(source[:, :0], target[:, :0], temperature=0.1)
    with pytest.raises(ValueError, match=r"found source of shape \(8,\)"):
        loss(source[0], target[0], temperature=0.1)
    for temperature in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match=f"temperature must be > 0, found {temperature}"):
            loss(source, target, temperature=temperature)
    with pytest.raises(ValueError, match="one of cosine, dot, scaled_dot, found 'euclid'"):
        loss(source, target, similarity="euclid", temperature=0.1)


def test_same_must_say_yes_or_no_for_all_pairs(pairs):
    with pytest.raises(ValueError, match=r"shape \(5, 5\), found torch.bool of shape \(5, 4\)"):
        inter_sentence_loss(*pairs, temperature=0.1, same=torch.ones(5, 4) > 0)
    with pytest.raises(ValueError, match=r"bool tensor .*found torch.float64"):
        inter_sentence_loss(*pairs, temperature=0.1, same=torch.ones(5, 5))


@pytest.mark.parametrize("margin", [0.0, 0.2])
def test_false_negatives_are_what_the_guide_finds_nearer_than_one_of_both_translations(margin):
    generator = torch.Generator().manual_seed(5)
    source = torch.randn(9, 4, dtype=torch.float64, generator=generator)
    target = source + torch.randn(9, 4, dtype=torch.float64, generator=generator)

    def cosine(i, j):
        return float(source[i] @ target[j] / (source[i].norm() * target[j].norm()))

    expected = [
        [i != j and (cosine(i, j) > cosine(i, i) - margin or cosine(i, j) > cosine(j, j) - margin) for j in range(9)]
        for i in range(9)
    ]
    found = false_negatives(source, target, margin=margin)
    assert found.tolist() == expected
    assert 0 < found.sum() < 72
    torch.testing.assert_close(false_negatives(3 * source, target / 7, margin=margin), found)
    torch.testing.assert_close(false_negatives(target, source, margin=margin), found.T)


def test_a_guide_that_tells_nothing_apart_leaves_out_nothing():
    assert not false_negatives(torch.ones(5, 3), torch.ones(5, 3)).any()
