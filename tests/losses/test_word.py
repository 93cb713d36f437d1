"""Eqs. 12 and 13: masked words, and the words of the translation."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from mlalign.losses import masked_word_loss, word_distribution_loss

VOCABULARY = 11
CHUNKS = pytest.mark.parametrize("chunk_size", [1, 3, 4, 10, 11, 50, None])


@pytest.fixture
def head() -> tuple[Tensor, Tensor]:
    """A view of a larger, tied embedding, and a bias."""
    torch.manual_seed(1)
    embedding = torch.randn(VOCABULARY + 3, 4, dtype=torch.float64)
    return embedding[:VOCABULARY], torch.randn(VOCABULARY, dtype=torch.float64)


@pytest.fixture
def texts() -> dict[str, Any]:
    """Three sentences of 4, 1 and 2 rows, in no order; word 7 occurs twice in a translation."""
    torch.manual_seed(2)
    return {
        "words": torch.randn(7, 4, dtype=torch.float64) * 2,
        "sentence": torch.tensor([2, 0, 0, 1, 0, 2, 0]),
        "partner_words": torch.tensor([7, 0, 10, 7, 3, 3]),
        "partner_sentence": torch.tensor([0, 1, 2, 0, 0, 2]),
        "sentences": 3,
    }


def softmax(scores: list[float]) -> list[float]:
    total = sum(math.exp(score) for score in scores)
    return [math.exp(score) / total for score in scores]


def scores(row: Tensor, weight: Tensor, bias: Tensor | None) -> list[float]:
    biases = [0.0] * len(weight) if bias is None else bias.tolist()
    return [float(row @ vector) + c for vector, c in zip(weight, biases, strict=True)]


def divergence(rows: Tensor, weight: Tensor, bias: Tensor | None, words: list[int], **settings):
    """Eq. 13 for a single sentence."""
    settings = {"sentences": 1, "smoothing_mass": 0.0} | settings
    sentence, partner = (torch.zeros(size, dtype=torch.long) for size in (len(rows), len(words)))
    words = torch.tensor(words)
    return word_distribution_loss(rows, sentence, weight, bias, words, partner, **settings)


def eq13(texts, weight, bias, smoothing_mass, prediction) -> float:
    """Sentence by sentence and word by word."""
    total = 0.0
    for b in range(texts["sentences"]):
        rows = [row for row, s in zip(texts["words"], texts["sentence"], strict=True) if s == b]
        owners = zip(texts["partner_words"].tolist(), texts["partner_sentence"], strict=True)
        partners = [word for word, s in owners if s == b]
        if prediction == "pooled":
            rows = [sum(rows) / len(rows)]
        softmaxes = [softmax(scores(row, weight, bias)) for row in rows]
        for v in range(len(weight)):
            share = partners.count(v) / len(partners)
            p = (1 - smoothing_mass) * share + smoothing_mass / len(weight)
            q = sum(one[v] for one in softmaxes) / len(rows)
            total += p * math.log(p / q) if p else 0.0
    return total / texts["sentences"]


@CHUNKS
def test_masked_words_are_equation_12(head, chunk_size):
    weight, bias = head
    words, labels = torch.randn(6, 4, dtype=torch.float64), torch.tensor([3, 3, 0, 10, 5, 3])
    for c in (bias, None):
        expected = -sum(
            math.log(softmax(scores(row, weight, c))[label]) for row, label in zip(words, labels.tolist(), strict=True)
        ) / len(words)
        loss = masked_word_loss(words, weight, c, labels, chunk_size=chunk_size)
        assert loss.item() == pytest.approx(expected, rel=1e-12)


@CHUNKS
@pytest.mark.parametrize("smoothing_mass", [0.0, 0.01, 0.9])
@pytest.mark.parametrize("prediction", ["mixture", "pooled"])
def test_word_distributions_are_equation_13(texts, head, smoothing_mass, prediction, chunk_size):
    settings = {"smoothing_mass": smoothing_mass, "prediction": prediction}
    for weight, bias in (head, (head[0], None)):
        loss = word_distribution_loss(**texts, weight=weight, bias=bias, **settings, chunk_size=chunk_size)
        expected = eq13(texts, weight, bias, **settings)
        assert loss.item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("prediction", ["mixture", "pooled"])
@pytest.mark.parametrize(
    ("smoothing_mass", "chunk_size"),
    [(0.0, 3), (0.1, None), *(pytest.param(*one, marks=pytest.mark.long) for one in ((0.0, None), (0.1, 3)))],
)
def test_the_gradient_of_word_distributions_is_right(texts, head, prediction, smoothing_mass, chunk_size):
    words, *leaves = (t.clone().requires_grad_() for t in (texts.pop("words"), *head))
    settings = {"smoothing_mass": smoothing_mass, "prediction": prediction, **texts}

    def value(words, weight, bias):
        return word_distribution_loss(words, weight=weight, bias=bias, chunk_size=chunk_size, **settings)

    assert torch.autograd.gradcheck(value, (words, *leaves))
    assert torch.autograd.gradcheck(lambda w, e: value(w, e, None), (words, leaves[0]))


@pytest.mark.parametrize("chunk_size", [3, None])
def test_the_gradient_of_masked_words_is_right(head, chunk_size):
    words = torch.randn(5, 4, dtype=torch.float64)
    leaves = [tensor.clone().requires_grad_() for tensor in (words, *head)]
    labels = torch.tensor([3, 3, 0, 10, 5])

    def value(words, weight, bias):
        return masked_word_loss(words, weight, bias, labels, chunk_size=chunk_size)

    assert torch.autograd.gradcheck(value, leaves)


@pytest.mark.parametrize("chunk_size", [2, None])
def test_no_masked_words_cost_nothing_and_teach_nothing(head, chunk_size):
    leaves = [t.clone().requires_grad_() for t in (torch.zeros(0, 4).double(), *head)]
    loss = masked_word_loss(*leaves, torch.zeros(0, dtype=torch.long), chunk_size=chunk_size)
    loss.backward()
    assert loss == 0
    assert all(leaf.grad is not None and not leaf.grad.any() for leaf in leaves)


def test_equal_logits_cost_ln_v_and_leave_out_what_the_translation_does_not_tell(texts):
    weight = torch.zeros(VOCABULARY, 4)
    labels = torch.tensor([1, 2, 3, 4, 5, 6, 7])
    masked = masked_word_loss(texts["words"], weight, None, labels)
    assert masked.item() == pytest.approx(math.log(VOCABULARY))
    loss = word_distribution_loss(**texts, weight=weight, bias=None, smoothing_mass=0.0)
    entropies = (
        -2 / 3 * math.log(2 / 3) - 1 / 3 * math.log(1 / 3),  # words 7, 7, 3
        0.0,  # word 0
        math.log(2),  # words 10, 3
    )
    assert loss.item() == pytest.approx(math.log(VOCABULARY) - sum(entropies) / 3)


def test_a_right_prediction_costs_nothing():
    """Translation: words 0, 0, 1, 2. The two rows say (3/4, 1/8, 1/8) and (1/4, 3/8, 3/8)."""
    rows = torch.tensor([[6, 1, 1], [2, 3, 3]], dtype=torch.float64).div(8).log()
    assert divergence(rows, torch.eye(3), None, [0, 0, 1, 2]).item() == pytest.approx(0, abs=1e-15)


@CHUNKS
def test_the_smoothing_mass_is_spread_over_the_vocabulary(head, chunk_size):
    """With one row a sentence the gradient of the bias is q - p: there p can be read off."""
    weight, bias = head[0], head[1].clone().requires_grad_()
    row = torch.randn(1, 4, dtype=torch.float64)
    loss = divergence(row, weight, bias, [2, 5, 5], smoothing_mass=0.2, chunk_size=chunk_size)
    loss.backward()
    p = torch.softmax(row @ weight.T + bias, dim=1)[0] - bias.grad
    even = torch.full((VOCABULARY,), 0.2 / VOCABULARY, dtype=torch.float64)
    even[2] += 0.8 / 3
    even[5] += 0.8 * 2 / 3
    torch.testing.assert_close(p, even)


@pytest.mark.parametrize("chunk_size", [4, None])
def test_pooled_is_the_mixture_when_each_sentence_has_one_row(texts, head, chunk_size):
    texts |= {"words": texts["words"][:3], "sentence": torch.tensor([1, 2, 0])}
    settings = {"weight": head[0], "bias": head[1], "smoothing_mass": 0.1, "chunk_size": chunk_size}
    mixture = word_distribution_loss(**texts, **settings)
    pooled = word_distribution_loss(**texts, **settings, prediction="pooled")
    torch.testing.assert_close(mixture, pooled, rtol=1e-12, atol=0)


def test_does_not_depend_on_the_order_of_rows_words_or_sentences(texts, head):
    settings = {"weight": head[0], "bias": head[1], "smoothing_mass": 0.1, "sentences": 3}
    rows, partners, names = torch.randperm(7), torch.randperm(6), torch.tensor([2, 0, 1])
    shuffled = word_distribution_loss(
        words=texts["words"][rows],
        sentence=names[texts["sentence"][rows]].int(),
        partner_words=texts["partner_words"][partners].int(),
        partner_sentence=names[texts["partner_sentence"][partners]].int(),
        **settings,
    )
    del texts["sentences"]
    torch.testing.assert_close(shuffled, word_distribution_loss(**texts, **settings))


@pytest.mark.parametrize("chunk_size", [1, 2, None])
@pytest.mark.parametrize("peak", [180.0, 1e4])
def test_a_sure_and_wrong_prediction_costs_what_it_should(peak, chunk_size):
    """Two rows, sure of word 0; the translation is word 1. As a float32 q would be 0 already."""
    words = torch.tensor([[peak, 0.0, 0.0], [peak, 0.0, -5.0]], requires_grad=True)
    loss = divergence(words, torch.eye(3), None, [1], chunk_size=chunk_size)
    loss.backward()
    assert loss.item() == pytest.approx(peak, rel=1e-6)
    torch.testing.assert_close(words.grad, torch.tensor([[0.5, -0.5, 0.0], [0.5, -0.5, 0.0]]))
    labels = torch.tensor([1, 1])
    masked = masked_word_loss(words, torch.eye(3), None, labels, chunk_size=chunk_size)
    assert masked.item() == pytest.approx(peak, rel=1e-6)


@pytest.mark.parametrize("chunk_size", [4, None])
def test_extreme_logits_stay_finite_in_every_word(texts, head, chunk_size):
    words, weight, bias = (t.float().mul(1e4) for t in (texts.pop("words"), *head))
    leaves = [words.requires_grad_(), weight.requires_grad_(), bias.requires_grad_()]
    settings = {"smoothing_mass": 0.01, "chunk_size": chunk_size}
    loss = word_distribution_loss(words, weight=weight, bias=bias, **texts, **settings)
    loss.backward()
    assert loss.isfinite()
    assert all(leaf.grad.isfinite().all() for leaf in leaves)


def test_masked_words_refuse_what_does_not_fit(head):
    weight, bias = head
    words, labels = torch.zeros(2, 4), torch.tensor([0, 10])
    with pytest.raises(ValueError, match=r"found words \(2, 3\), weight \(11, 4\)"):
        masked_word_loss(words[:, :3], weight, bias, labels)
    with pytest.raises(ValueError, match=r"and bias \(10,\)"):
        masked_word_loss(words, weight, bias[1:], labels)
    with pytest.raises(ValueError, match=r"found words \(2, 4\), weight \(0, 4\)"):
        masked_word_loss(words, weight[:0], None, labels)
    with pytest.raises(ValueError, match=r"labels must .* in shape \(2,\), .* in shape \(1,\)"):
        masked_word_loss(words, weight, bias, labels[:1])
    with pytest.raises(ValueError, match=r"whole numbers .*found torch.float64"):
        masked_word_loss(words, weight, bias, labels.double())
    for wrong in (-100, 11):
        with pytest.raises(ValueError, match=rf"labels must lie between 0 and 10, found .*{wrong}"):
            masked_word_loss(words, weight, bias, torch.tensor([0, wrong]))
    with pytest.raises(ValueError, match="chunk_size must be None or at least 1, found 0"):
        masked_word_loss(words, weight, bias, labels, chunk_size=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"smoothing_mass": 1.0}, r"smoothing_mass must lie in \[0, 1\), found 1.0"),
        ({"smoothing_mass": -0.1}, r"smoothing_mass must lie in \[0, 1\), found -0.1"),
        ({"prediction": "max"}, "one of mixture, pooled, found 'max'"),
        ({"chunk_size": -1}, "chunk_size must be None or at least 1, found -1"),
        ({"sentences": 0}, "found 0 sentences, 7 rows and 6 partner words"),
        ({"words": torch.zeros(7, 5)}, r"found words \(7, 5\), weight \(11, 4\)"),
        ({"sentence": torch.zeros(6).long()}, r"sentence must .*\(7,\), found .*\(6,\)"),
        ({"partner_sentence": torch.zeros(7).long()}, r"partner_sentence must .*\(6,\), found"),
        ({"partner_words": torch.zeros(6).double()}, "partner_words must .*found torch.float64"),
        ({"sentences": 2}, "sentence must lie between 0 and 1, found 0 to 2"),
        ({"sentences": 4}, "at least one row, found none for sentence 3 of 4"),
        (
            {"partner_sentence": torch.tensor([0, 2, 2, 0, 0, 2])},
            "at least one partner word, found none for sentence 1 of 3",
        ),
        (
            {"partner_words": torch.tensor([7, 0, 11, 7, 3, 3])},
            "partner_words must lie between 0 and 10, found 0 to 11",
        ),
        (
            {"partner_sentence": torch.tensor([-1, 1, 2, 0, 0, 2])},
            "partner_sentence must lie between 0 and 2, found -1 to 2",
        ),
        (
            {"words": torch.zeros(0, 4), "sentence": torch.zeros(0).long()},
            "found 3 sentences, 0 rows and 6 partner words",
        ),
    ],
)
def test_word_distributions_refuse_what_does_not_fit(texts, head, change, message):
    settings = {"weight": head[0], "bias": head[1], "smoothing_mass": 0.1}
    with pytest.raises(ValueError, match=message):
        word_distribution_loss(**(texts | settings | change))
