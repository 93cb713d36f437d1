"""Every loss computes in float32 at least, and its annotations say what it takes."""

from functools import partial

import pytest
import torch
from beartype import beartype
from jaxtyping import jaxtyped
from torch import Tensor

from mlalign import losses

HALF = pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
SENTENCE = torch.tensor([0, 1, 2, 0, 1])


def checked(name: str, **settings):
    """The loss, with its shape annotations checked at each call."""
    return partial(jaxtyped(getattr(losses, name), typechecker=beartype), **settings)


def masked_words(words: Tensor, weight: Tensor, bias: Tensor, **settings) -> Tensor:
    return checked("masked_word_loss", **settings)(words, weight, bias, SENTENCE)


def word_distribution(words: Tensor, weight: Tensor, bias: Tensor, **settings) -> Tensor:
    return checked("word_distribution_loss", sentences=3, smoothing_mass=0.1, **settings)(
        words, SENTENCE, weight, bias, SENTENCE + 1, SENTENCE
    )


PAIRS, HEAD = ((5, 4), (5, 4)), ((5, 4), (6, 4), (6,))
LOSSES = {
    "discriminator": (checked("discriminator_loss"), ((5,), (3,))),
    "confusion": (checked("confusion_loss"), ((5,), (3,))),
    "inter": (checked("inter_sentence_loss", temperature=0.1), PAIRS),
    "intra": (checked("intra_sentence_loss", temperature=0.1), PAIRS),
    "masked": (masked_words, HEAD),
    "masked in chunks": (partial(masked_words, chunk_size=4), HEAD),
    "mixture": (word_distribution, HEAD),
    "mixture in chunks": (partial(word_distribution, chunk_size=4), HEAD),
    "pooled": (partial(word_distribution, prediction="pooled"), HEAD),
}


@pytest.fixture(params=LOSSES)
def case(request):
    torch.manual_seed(0)
    loss, shapes = LOSSES[request.param]
    return loss, [torch.randn(shape, dtype=torch.float64) for shape in shapes]


def value_and_slopes(loss, tensors: list[Tensor], **autocast) -> tuple[Tensor, list[Tensor]]:
    leaves = [tensor.clone().requires_grad_() for tensor in tensors]
    with torch.autocast("cpu", enabled=bool(autocast), **autocast):
        value = loss(*leaves)
    return value.detach(), list(torch.autograd.grad(value, leaves))


@HALF
def test_half_types_are_raised(case, half):
    loss, tensors = case
    rounded = [tensor.to(half) for tensor in tensors]
    value, slopes = value_and_slopes(loss, rounded)
    expected, exact = value_and_slopes(loss, [tensor.float() for tensor in rounded])
    assert value.dtype == torch.float32
    assert value == expected
    torch.testing.assert_close(slopes, [slope.to(half) for slope in exact])


def test_float64_stays(case):
    loss, tensors = case
    value, slopes = value_and_slopes(loss, tensors)
    assert value.dtype == torch.float64
    assert all(slope.dtype == torch.float64 for slope in slopes)


def test_mixed_types_take_the_widest(case):
    loss, (first, *others) = case
    value = loss(first.bfloat16(), *(other.float() for other in others))
    torch.testing.assert_close(value, loss(first.bfloat16().float(), *map(Tensor.float, others)))


@HALF
def test_autocast_changes_nothing(case, half):
    loss, tensors = case
    floats = [tensor.float() for tensor in tensors]
    expected, exact = value_and_slopes(loss, floats)
    value, slopes = value_and_slopes(loss, floats, dtype=half)
    assert value == expected
    torch.testing.assert_close(slopes, exact, rtol=0, atol=0)


def test_the_count_of_clamped_entries_is_a_whole_number():
    pairs = torch.randn(2, 5, 4).bfloat16()
    assert checked("clamped_entries", temperature=0.1)(*pairs) == 0
