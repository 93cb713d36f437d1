"""Eqs. 2 to 6: a vector takes in what it shares with two languages."""

import math

import pytest
import torch
from beartype import beartype
from jaxtyping import jaxtyped
from torch import Tensor
from torch.nn.functional import normalize

from mlalign.losses import inter_sentence_loss
from mlalign.models import AttentionFusion

DIM = 4


@pytest.fixture(params=["gated", "sigmoid"])
def fusion(request) -> AttentionFusion:
    torch.manual_seed(0)
    fusion = AttentionFusion(DIM, temperature=1.5, form=request.param).double()
    for parameter in fusion.parameters():
        torch.nn.init.normal_(parameter)
    return fusion


@pytest.fixture
def vectors() -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(1)
    query = torch.randn(3, 5, DIM, dtype=torch.float64)
    return query, *torch.randn(2, 3, 1, DIM, dtype=torch.float64)


def equations(fusion: AttentionFusion, query: Tensor, source: Tensor, target: Tensor) -> Tensor:
    """Eqs. 4 to 6 for one query, with the concatenation written out."""
    scores = [math.exp(float(query @ key) / fusion.temperature) for key in (source, target)]
    context = (scores[0] * source + scores[1] * target) / sum(scores)
    mixed = fusion.mix(torch.cat([query, context]))
    if fusion.form == "sigmoid":
        return 1 / (1 + torch.exp(-mixed))
    return query + fusion.gate * torch.tanh(mixed)


def test_is_the_equations_for_each_query(fusion, vectors):
    query, source, target = vectors
    fused = fusion(query, source, target)
    for i in range(3):
        for j in range(5):
            expected = equations(fusion, query[i, j], source[i, 0], target[i, 0])
            torch.testing.assert_close(fused[i, j], expected)


def test_keys_broadcast(fusion, vectors):
    query, source, target = vectors
    full = fusion(query, source.expand_as(query), target.expand_as(query))
    torch.testing.assert_close(fusion(query, source, target), full)
    shared = fusion(query, source[0, 0], target[:1])  # one key for all, in two shapes
    expected = fusion(query, source[:1].expand_as(query), target[:1].expand_as(query))
    torch.testing.assert_close(shared, expected)
    assert fusion.attention(query, source[0, 0], target).shape == (3, 5)


def test_equal_keys_share_equally_and_shares_sum_to_1(fusion, vectors):
    query, source, target = vectors
    assert (fusion.attention(query, source, source) == 0.5).all()
    share = fusion.attention(query, source, target)
    torch.testing.assert_close(share + fusion.attention(query, target, source), share * 0 + 1)


def test_the_nearer_key_has_the_larger_share_and_the_temperature_evens_it_out():
    query, near, far = torch.tensor([[1.0, 0.0], [2.0, 0.0], [-2.0, 0.0]])
    for temperature in (0.5, 2.0):
        share = AttentionFusion(2, temperature=temperature).attention(query, near, far)
        assert share.item() == pytest.approx(1 / (1 + math.exp(-4 / temperature)))


def test_gated_starts_as_the_identity_and_can_leave_it(vectors):
    fusion = AttentionFusion(DIM, temperature=2.0, form="gated").double()
    fused = fusion(*vectors)
    assert fused.equal(vectors[0])
    fused.square().sum().backward()
    assert fusion.gate.grad.all()
    assert fusion.mix.weight.std().item() == pytest.approx(0.02, rel=0.5)


def test_sigmoid_lies_between_0_and_1(vectors):
    fused = AttentionFusion(DIM, temperature=2.0, form="sigmoid").double()(*vectors)
    assert ((fused > 0) & (fused < 1)).all()


def test_both_keys_learn(fusion, vectors):
    leaves = [tensor.requires_grad_() for tensor in vectors]
    assert torch.autograd.gradcheck(fusion, leaves)


def test_large_products_stay_finite(fusion):
    query = torch.full((2, DIM), 1e4, requires_grad=True)
    keys = torch.full((2, DIM), 1e4), torch.full((2, DIM), -1e4)
    fused = fusion.float()(query, *keys)
    fused.sum().backward()
    assert fused.isfinite().all()
    assert query.grad.isfinite().all()
    assert fusion.attention(query, *keys).tolist() == [1, 1]


def test_attends_in_float32_whatever_the_autocast_state(fusion, vectors):
    floats = [tensor.float() for tensor in vectors]
    fusion = fusion.float()
    expected = fusion.attention(*floats)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert fusion.attention(*floats).equal(expected)
        assert fusion(*floats).dtype == torch.float32
        assert fusion(floats[0].bfloat16(), *floats[1:]).dtype == torch.bfloat16


def retrieval(own_keys: bool) -> float:
    """Trains the fusion alone to match vectors that have nothing in common; P@1 on new ones.

    Either each pair brings its own keys, as the paper has it, or all share two prototypes.
    """
    torch.manual_seed(0)
    dim, pairs = 64, 64
    fusion = AttentionFusion(dim, temperature=math.sqrt(dim), form="sigmoid")
    optimizer = torch.optim.Adam(fusion.parameters(), lr=1e-2)
    prototypes = torch.randn(2, dim)

    def fused() -> list[Tensor]:
        keys = torch.randn(2, pairs, dim) if own_keys else prototypes
        sides = [fusion(torch.randn(pairs, dim), *keys) for _ in range(2)]
        return [normalize(side - side.mean(dim=0)) for side in sides]

    for _ in range(150):
        optimizer.zero_grad()
        inter_sentence_loss(*fused(), temperature=0.1).backward()
        optimizer.step()
    batches = [fused() for _ in range(5)]
    hits = [(a @ b.T).argmax(dim=1) == torch.arange(pairs) for a, b in batches]
    return torch.cat(hits).float().mean().item()


def test_keys_of_a_pair_leak_which_sentences_belong_together_and_prototypes_do_not():
    assert retrieval(own_keys=True) > 0.8
    assert retrieval(own_keys=False) < 0.05


def test_annotations_hold(fusion, vectors):
    checked = jaxtyped(AttentionFusion.forward, typechecker=beartype)
    query, source, target = vectors
    assert checked(fusion, query, source, target).shape == query.shape
    assert checked(fusion, query, source[0, 0], target[0, 0]).shape == query.shape


def test_refuses_what_does_not_fit(vectors):
    query, source, target = vectors
    fusion = AttentionFusion(DIM, temperature=1.0)
    with pytest.raises(ValueError, match=r"query \[..., 4\].*found query \(3, 5, 3\)"):
        fusion(query[..., 1:], source, target)
    with pytest.raises(ValueError, match=r"broadcast.*source_key \(2, 1, 4\)"):
        fusion(query, source[:2], target)
    with pytest.raises(ValueError, match=r"found query \(4,\).*target_key \(3, 1, 4\)"):
        fusion.attention(query[0, 0], source[0, 0], target)


def test_refuses_settings_that_make_no_sense():
    for temperature in (0.0, -1.0):
        with pytest.raises(ValueError, match=f"temperature must be > 0, found {temperature}"):
            AttentionFusion(DIM, temperature=temperature)
    with pytest.raises(ValueError, match="one of gated, sigmoid, found 'tanh'"):
        AttentionFusion(DIM, temperature=1.0, form="tanh")
    with pytest.raises(ValueError, match="dim must be at least 1, found 0"):
        AttentionFusion(0, temperature=1.0)
