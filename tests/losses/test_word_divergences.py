"""Several word losses in one pass over the vocabulary, held against the dense equations."""

import pytest
import torch
from losses.test_vocabulary import LargestTensor
from torch import Tensor
from torch.nn import functional

from mlalign.losses import (
    MaskedWords,
    WordDistribution,
    masked_word_loss,
    mean,
    word,
    word_distribution_loss,
    word_divergences,
)
from mlalign.losses import fused_vocabulary as vocabulary

V, D = 23, 5
SENTENCES = 4
CHUNKS = pytest.mark.parametrize("chunk_size", [1, 7, 23, None])
WEIGHTS = (0.3, 2.0, 1.7, 0.0, 0.9)  # what each loss is multiplied with later


def rows(number: int, seed: int) -> Tensor:
    torch.manual_seed(seed)
    return (2 * torch.randn(number, D, dtype=torch.float64)).requires_grad_()


@pytest.fixture
def head() -> list[Tensor]:
    torch.manual_seed(7)
    return [torch.randn(size, dtype=torch.float64).requires_grad_() for size in ((V, D), (V,))]


def distribution(seed: int, **settings) -> WordDistribution:
    """Rows in no order; words repeated in a translation."""
    words = rows(11, seed)
    partners = torch.cat([torch.arange(SENTENCES), torch.randint(SENTENCES, (9,))])
    return WordDistribution(
        words,
        torch.cat([torch.randint(SENTENCES, (7,)), torch.arange(SENTENCES).flip(0)]),
        torch.randint(V, (13,)) // 2,
        partners,
        SENTENCES,
        **settings,
    )


def masked(number: int, seed: int) -> MaskedWords:
    words = rows(number, seed)
    return MaskedWords(words, torch.randint(V, (number,)))


@pytest.fixture
def terms() -> list[MaskedWords | WordDistribution]:
    return [
        masked(6, 1),
        distribution(2, smoothing_mass=0.1),
        masked(3, 3),
        masked(0, 4),
        distribution(5, smoothing_mass=0.02, prediction="pooled"),
    ]


def dense(term: MaskedWords | WordDistribution, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The whole matrix of logits, and autograd."""
    if isinstance(term, MaskedWords):
        logits = functional.linear(term.words, weight, bias)
        return functional.cross_entropy(logits, term.labels, reduction="none")
    belongs = functional.one_hot(term.sentence, SENTENCES).T.double()
    belongs = belongs / belongs.sum(1, keepdim=True)
    counts = functional.one_hot(term.partner_sentence, SENTENCES).T.double()
    counts = counts @ functional.one_hot(term.partner_words, V).double()
    p = (1 - term.smoothing_mass) * counts / counts.sum(1, keepdim=True) + term.smoothing_mass / V
    if term.prediction == "pooled":
        q = functional.linear(belongs @ term.words, weight, bias).softmax(1)
    else:
        q = belongs @ functional.linear(term.words, weight, bias).softmax(1)
    return functional.kl_div(q.log(), p, reduction="none").sum(1)


def weighted(divergences: list[Tensor]) -> Tensor:
    return sum(factor * (mean(one) if one.dim() else one) for factor, one in zip(WEIGHTS, divergences, strict=False))


def leaves(terms, head) -> list[Tensor]:
    return [*head, *(term.words for term in terms)]


@CHUNKS
@pytest.mark.parametrize("with_bias", [True, False])
def test_all_are_the_dense_equations_in_value_and_gradient(terms, head, chunk_size, with_bias):
    weight, bias = head if with_bias else (head[0], None)
    found = word_divergences(terms, weight, bias, chunk_size=chunk_size)
    expected = [dense(term, weight, bias) for term in terms]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
    inputs = leaves(terms, head if with_bias else head[:1])
    slopes = [torch.autograd.grad(weighted(one), inputs, materialize_grads=True) for one in (found, expected)]
    torch.testing.assert_close(*slopes, rtol=1e-12, atol=1e-12)


@CHUNKS
def test_they_are_what_the_separate_losses_are(terms, head, chunk_size):
    def alone(term) -> Tensor:
        if isinstance(term, MaskedWords):
            return masked_word_loss(term.words, *head, term.labels, chunk_size=chunk_size)
        words, sentence, *others = term[:4]
        settings = {name: getattr(term, name) for name in term._fields[4:]}
        return word_distribution_loss(words, sentence, *head, *others, **settings, chunk_size=chunk_size)

    together = [mean(one) for one in word_divergences(terms, *head, chunk_size=chunk_size)]
    separate = [alone(term) for term in terms]
    torch.testing.assert_close(together, separate, rtol=1e-12, atol=1e-12)
    slopes = [torch.autograd.grad(weighted(one), leaves(terms, head)) for one in (together, separate)]
    torch.testing.assert_close(*slopes, rtol=1e-12, atol=1e-12)


@CHUNKS
def test_rows_behind_the_vocabulary_are_no_words(terms, head, chunk_size):
    longer = [torch.cat([part.detach(), torch.full((3, *part.shape[1:]), torch.nan)]).requires_grad_() for part in head]
    expected = weighted(word_divergences(terms, *head, chunk_size=chunk_size))
    found = weighted(word_divergences(terms, *longer, vocabulary=V, chunk_size=chunk_size))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)
    right = torch.autograd.grad(expected, leaves(terms, head))
    for mine, theirs in zip(torch.autograd.grad(found, leaves(terms, longer)), right, strict=True):
        torch.testing.assert_close(mine[: len(theirs)], theirs, rtol=1e-12, atol=1e-14)
        assert not mine[len(theirs) :].any()


@pytest.mark.parametrize("vocabulary", [0, V + 1])
def test_a_vocabulary_that_the_head_does_not_have_is_refused(terms, head, vocabulary):
    with pytest.raises(ValueError, match=f"between 1 and the {V} rows of weight, found"):
        word_divergences(terms, *head, vocabulary=vocabulary)


@pytest.mark.parametrize("chosen", [[0], [3], [1, 1], [4, 1], [3, 4], [1, 0, 4]])
def test_any_of_them_in_any_order(terms, head, chosen):
    some = [terms[place] for place in chosen]
    found = word_divergences(some, *head, chunk_size=5)
    torch.testing.assert_close(found, [dense(one, *head) for one in some], rtol=1e-12, atol=1e-12)


def test_each_loss_sends_back_its_own_gradient(terms, head):
    """A loss that nothing is asked of teaches nothing: the outputs are not mixed up."""
    found = word_divergences(terms, *head, chunk_size=4)
    for asked, one in enumerate(found):
        slopes = torch.autograd.grad(one.sum(), [term.words for term in terms], retain_graph=True)
        assert [bool(slope.any()) for slope in slopes] == [
            place == asked and len(one) > 0 for place in range(len(terms))
        ]


def test_all_rows_together_never_hold_more_logits_than_a_chunk(terms, head):
    number = sum(SENTENCES if term[-1] == "pooled" else len(term.words) for term in terms)
    with LargestTensor() as largest:
        weighted(word_divergences(terms, *head, chunk_size=6)).backward()
    assert largest.entries <= max(number * 6, V * D)  # the gradient of the weight is written once


def test_few_logits_are_kept_in_parts_and_the_gradient_can_be_taken_again(terms, head, monkeypatch):
    monkeypatch.setattr(vocabulary, "CACHED_ENTRIES", 1)
    monkeypatch.setattr(vocabulary, "FEWEST_COLUMNS", 4)
    total = weighted(word_divergences(terms, *head))
    expected = torch.autograd.grad(weighted([dense(term, *head) for term in terms]), leaves(terms, head))
    for _ in range(2):
        found = torch.autograd.grad(total, leaves(terms, head), retain_graph=True)
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_a_frozen_head_gets_no_gradient(terms, head):
    frozen = [one.detach() for one in head]
    words = [term.words for term in terms]
    found = torch.autograd.grad(weighted(word_divergences(terms, *frozen, chunk_size=6)), words)
    expected = torch.autograd.grad(weighted(word_divergences(terms, *head, chunk_size=6)), words)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_types_are_raised_in_every_term(terms, head, dtype):
    halves = [term._replace(words=term.words.detach().to(dtype)) for term in terms]
    floats = [term._replace(words=term.words.float()) for term in halves]
    weight, bias = (one.detach().float() for one in head)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = word_divergences(halves, weight, bias)
    expected = word_divergences(floats, weight, bias)
    assert all(one.dtype == torch.float32 for one in found)
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


def test_what_does_not_fit_is_refused(terms, head):
    wrong = terms[0]._replace(labels=terms[0].labels + V)
    with pytest.raises(ValueError, match=f"word_divergences: labels must lie between 0 and {V - 1}"):
        word_divergences([terms[1], wrong], *head)
    with pytest.raises(ValueError, match="word_divergences needs words"):
        word_divergences([terms[0], masked(2, 1)._replace(words=torch.zeros(2, D + 1))], *head)


@pytest.mark.parametrize("prediction", ["none", "pooled", "mixture"])
@pytest.mark.parametrize("number", [0, 6])
def test_ids_may_lie_on_another_device_than_words(number, prediction):
    """As in training on a GPU, where ids stay on the host; one of the two losses may be missing."""
    terms = [masked(number, 1)] if number else []
    if prediction != "none":
        terms.append(distribution(2, smoothing_mass=0.1, prediction=prediction))
    away = [one._replace(words=one.words.detach().to("meta")) for one in terms]
    head = torch.empty(V, D, dtype=torch.float64, device="meta")
    found = word._computed.__wrapped__("loss", away, head, None, None, None, rounded=False)
    expected = word_divergences(terms, torch.ones(V, D, dtype=torch.float64), None)
    assert [(one.shape, one.device.type) for one in found] == [(one.shape, "meta") for one in expected]
