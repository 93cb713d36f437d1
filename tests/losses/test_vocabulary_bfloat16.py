"""Products in bfloat16: exact up to rounding where the operands are bfloat16 numbers already."""

import pytest
import torch

from mlalign.losses import MaskedWords, WordDistribution, word, word_divergences


def made(seed: int, *, bias: bool, prediction: str, grain: torch.dtype, scale: float = 0.3):
    """Two terms over a vocabulary of 90 with 4 rows behind it, as numbers of a type."""
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return (scale * torch.randn(*shape, generator=draw)).to(grain).float().requires_grad_()

    def ids(high: int, number: int) -> torch.Tensor:
        return torch.randint(high, (number,), generator=draw)

    weight, offset = normal(94, 16), normal(94) if bias else None
    masked, words = normal(11, 16), normal(20, 16)
    owner = torch.cat([torch.arange(5), ids(5, 15)])
    terms = [
        MaskedWords(masked, ids(90, 11)),
        WordDistribution(words, owner, ids(90, 30), torch.arange(30) % 5, 5, 0.1, prediction),
    ]
    return terms, weight, offset, [masked, words, weight, *([offset] if bias else [])]


def computed(terms, weight, bias, leaves, chunk_size):
    found = word_divergences(terms, weight, bias, vocabulary=90, chunk_size=chunk_size)
    factors = torch.linspace(0.2, 1.3, 16, dtype=found[0].dtype)  # another for each row
    total = torch.cat(found) @ factors
    return torch.cat(found).detach(), torch.autograd.grad(total, leaves)


def apart(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


@pytest.fixture
def in_bfloat16(monkeypatch):
    """As autocast asks for on a GPU."""
    return lambda: monkeypatch.setattr(word, "products_in_bfloat16", lambda _: True)


@pytest.mark.parametrize("prediction", ["pooled", "mixture"])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("chunk_size", [None, 1, 40])
def test_bfloat16_operands_lose_nothing_in_value_and_little_in_gradient(in_bfloat16, prediction, bias, chunk_size):
    case = made(3, bias=bias, prediction=prediction, grain=torch.bfloat16)
    values, slopes = computed(*case, chunk_size)
    in_bfloat16()
    found, rounded = computed(*case, chunk_size)
    masked = slice(0, 11)  # the means of pooled rows are no bfloat16 numbers
    torch.testing.assert_close(found[masked], values[masked], rtol=1e-5, atol=2e-5)
    torch.testing.assert_close(found, values, rtol=3e-3, atol=3e-3)
    for one, exact in zip(rounded, slopes, strict=True):
        assert apart(one, exact) < 5e-3
    if bias:
        assert rounded[-1][90:].abs().max() == 0
    assert rounded[2][90:].abs().max() == 0


@pytest.mark.parametrize("prediction", ["pooled", "mixture"])
def test_rounding_against_float64(in_bfloat16, prediction):
    terms, weight, bias, leaves = made(5, bias=True, prediction=prediction, grain=torch.float32)
    doubles = [leaf.detach().double().requires_grad_() for leaf in leaves]
    precise = [terms[0]._replace(words=doubles[0]), terms[1]._replace(words=doubles[1])]
    values, slopes = computed(precise, doubles[2], doubles[3], doubles, None)
    in_bfloat16()
    found, rounded = computed(terms, weight, bias, leaves, None)
    assert apart(found, values) < 2e-3
    for one, exact in zip(rounded, slopes, strict=True):
        assert apart(one, exact) < 1e-2
    again, same = computed(precise, doubles[2], doubles[3], doubles, None)
    assert torch.equal(again, values)  # float64 is never rounded
    assert all(torch.equal(*pair) for pair in zip(same, slopes, strict=True))


def test_certain_predictions_stay_finite(in_bfloat16):
    case = made(7, bias=True, prediction="pooled", grain=torch.float32, scale=20.0)
    values, _ = computed(*case, 7)
    in_bfloat16()
    found, slopes = computed(*case, 7)
    assert apart(found, values) < 1e-2
    assert all(slope.isfinite().all() for slope in slopes)
