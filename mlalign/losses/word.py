"""Word level: masked words, and the words of the translation, from the same vocabulary head."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mlalign.losses.fused_vocabulary import Chunks, Plan, VocabularyDivergence
from mlalign.losses.fused_vocabulary_bfloat16 import SingleRowDivergence, products_in_bfloat16
from mlalign.losses.precision import in_full_precision
from mlalign.losses.word_terms import (
    MaskedWords,
    Rows,
    WordDistribution,
    check_bounds,
    check_head,
)


def masked_word_loss(
    words: Float[Tensor, "n d"],
    weight: Float[Tensor, "v d"],
    bias: Float[Tensor, " v"] | None,
    labels: Int[Tensor, " n"],
    *,
    chunk_size: int | None = None,
) -> Float[Tensor, ""]:
    r"""A masked word is the word that its context says.

    .. math::
        L = -\frac{1}{n} \sum_i \ln \mathrm{softmax}_v (w_v \cdot g_i + c_v) [y_i]

    Eq. 12 of the paper for one language.

    Args:
        words: g, the masked positions alone, gathered.
        weight: w, one row per word of the vocabulary; may be a view of a larger embedding.
        bias: c.
        labels: y, the words that were there.
        chunk_size: columns of the vocabulary at a time; None chooses. The value is the same.

    Returns:
        Mean over the rows, in nats; ln v for equal logits, and 0 with a zero gradient for no rows.

    Raises:
        ValueError: shapes that don't fit, labels outside the vocabulary, chunk_size < 1.
    """
    terms = [MaskedWords(words, labels)]
    return mean(_divergences("masked_word_loss", terms, weight, bias, chunk_size)[0])


def word_distribution_loss(
    words: Float[Tensor, "n d"],
    sentence: Int[Tensor, " n"],
    weight: Float[Tensor, "v d"],
    bias: Float[Tensor, " v"] | None,
    partner_words: Int[Tensor, " m"],
    partner_sentence: Int[Tensor, " m"],
    *,
    sentences: int,
    smoothing_mass: float,
    prediction: str = "mixture",
    chunk_size: int | None = None,
) -> Float[Tensor, ""]:
    r"""The words of a sentence tell, together, which words its translation holds.

    .. math::
        L = \frac{1}{B} \sum_b \mathrm{KL}(p_b \,\|\, q_b), \qquad
        p_b(v) = (1 - \epsilon) \frac{\mathrm{count}_b(v)}{m_b} + \frac{\epsilon}{V}

        \mathrm{mixture}: q_b = \frac{1}{n_b} \sum_{i \in b} \mathrm{softmax}(W g_i + c), \qquad
        \mathrm{pooled}: q_b = \mathrm{softmax} \Bigl( W \frac{1}{n_b} \sum_{i \in b} g_i + c \Bigr)

    Eq. 13 of the paper in one direction. Its Laplace smoothing is set by the mass that it gives
    away; ``pooled`` is the form of Mao et al. 2021 (arXiv:2105.13856).

    Args:
        words: g, all counted positions of all sentences in any order, after the head's own
            transform.
        sentence: the sentence of each row, 0 to ``sentences`` - 1.
        weight: W, one row per word of the vocabulary; may be a view of a larger embedding.
        bias: c.
        partner_words: the words of the translations, repeated as often as they occur.
        partner_sentence: the sentence of each of these.
        sentences: B; each has at least one row and one partner word.
        smoothing_mass: epsilon in [0, 1), spread evenly over the vocabulary.
        prediction: ``mixture`` lets each position speak for some of the words; ``pooled`` is
            cheaper by the length of a sentence.
        chunk_size: columns of the vocabulary at a time; None chooses. The value is the same.

    Returns:
        Mean over sentences, in nats; 0 when the prediction is right, ln v minus the entropy of
        p for equal logits.

    Raises:
        ValueError: shapes that don't fit, ids out of range, a sentence without row or partner
            word, smoothing_mass outside [0, 1), an unknown prediction, chunk_size < 1.
    """
    term = WordDistribution(words, sentence, partner_words, partner_sentence, sentences, smoothing_mass, prediction)
    return mean(_divergences("word_distribution_loss", [term], weight, bias, chunk_size)[0])


def word_divergences(
    terms: Sequence[MaskedWords | WordDistribution],
    weight: Float[Tensor, "v d"],
    bias: Float[Tensor, " v"] | None,
    *,
    vocabulary: int | None = None,
    chunk_size: int | None = None,
) -> list[Float[Tensor, " ranged_over"]]:
    """Several word losses of one head in a single pass over its vocabulary.

    Their rows are multiplied with the vocabulary together, and its gradient is written once.

    Args:
        terms: arguments of ``masked_word_loss`` and ``word_distribution_loss``, in any order.
        weight: one row per word of the vocabulary.
        bias: of the vocabulary.
        vocabulary: how many of the rows are words, the first ones; None for all. Cheaper than a
            view of these rows, whose gradient would be copied into one of all rows.
        chunk_size: columns of the vocabulary at a time; None chooses. The values are the same.

    Returns:
        For each term, in nats, what its loss is the ``mean`` of: one number per masked word, or
        per sentence. The sum and the count are left to the caller, who may know of more of them.

    Raises:
        ValueError: as the two losses do.
    """
    return _divergences("word_divergences", terms, weight, bias, chunk_size, vocabulary)


def mean(divergences: Float[Tensor, " ranged_over"]) -> Float[Tensor, ""]:
    """The mean, and 0 with a zero gradient for none."""
    return divergences.sum() / max(1, len(divergences))


def _divergences(
    loss: str,
    terms: Sequence[MaskedWords | WordDistribution],
    weight: Float[Tensor, "v d"],
    bias: Float[Tensor, " v"] | None,
    chunk_size: int | None,
    vocabulary: int | None = None,
) -> list[Float[Tensor, " ranged_over"]]:
    """See ``word_divergences``; looks at autocast before it is switched off."""
    rounded = products_in_bfloat16(weight.device)
    return _computed(loss, terms, weight, bias, chunk_size, vocabulary, rounded=rounded)


@in_full_precision
def _computed(
    loss: str,
    terms: Sequence[MaskedWords | WordDistribution],
    weight: Float[Tensor, "v d"],
    bias: Float[Tensor, " v"] | None,
    chunk_size: int | None,
    vocabulary: int | None,
    *,
    rounded: bool,
) -> list[Float[Tensor, " ranged_over"]]:
    for term in terms:
        check_head(loss, term.words, weight, bias, chunk_size)
    words_known = len(weight) if vocabulary is None else vocabulary
    if not 0 < words_known <= len(weight):
        raise ValueError(
            f"{loss}: vocabulary must lie between 1 and the {len(weight)} rows of weight, found {vocabulary}"
        )
    check_bounds([bound for term in terms for bound in term.check(loss, words_known)])
    order = sorted(range(len(terms)), key=lambda place: terms[place].is_mixture)  # stable
    rows = [terms[place].rows() for place in order]
    first = sum(not term.is_mixture for term in terms)
    home = rows[0].sentence.device if rows else torch.device("cpu")
    singles, mixtures = (Rows.joined(part, weight, home) for part in (rows[:first], rows[first:]))
    pass_over = _rounded if rounded and weight.dtype == torch.float32 else _exact
    divergences = pass_over(singles, mixtures, weight, bias, words_known, chunk_size)
    found = divergences.split([len(one.smoothing_mass) for one in rows])
    return [one for _, one in sorted(zip(order, found, strict=True), key=lambda pair: pair[0])]


def _exact(
    singles: Rows,
    mixtures: Rows,
    weight: Float[Tensor, "v d"],
    bias: Float[Tensor, " v"] | None,
    vocabulary: int,
    chunk_size: int | None,
    *,
    rounded: bool = False,
) -> Float[Tensor, " divergences"]:
    """All rows in one pass."""
    words = torch.cat([singles.words, mixtures.words])
    of_singles, of_mixtures = (one.targets(vocabulary) for one in (singles, mixtures))
    entropies = [one.negative_entropy(vocabulary) for one in (of_singles, of_mixtures)]
    sentence = mixtures.sentence.long()
    lengths = torch.zeros_like(mixtures.smoothing_mass)
    lengths.index_add_(0, sentence, lengths.new_ones(len(sentence)))
    chunks = Chunks.of(words, vocabulary, chunk_size)
    device = words.device
    return VocabularyDivergence.apply(
        words,
        weight,
        bias,
        Plan.of(chunks, of_singles, of_mixtures, rounded=rounded),
        of_singles.to(device),
        sentence.to(device, non_blocking=True),
        lengths.to(device, non_blocking=True),
        of_mixtures.to(device),
        torch.cat(entropies).to(device, non_blocking=True),
    )


def _rounded(
    singles: Rows,
    mixtures: Rows,
    weight: Float[Tensor, "v d"],
    bias: Float[Tensor, " v"] | None,
    vocabulary: int,
    chunk_size: int | None,
) -> Float[Tensor, " divergences"]:
    """Single rows in a pass of their own, products in bfloat16."""
    found = []
    if len(singles.smoothing_mass):
        targets, device = singles.targets(vocabulary), weight.device
        divergence = SingleRowDivergence.apply(
            singles.words,
            weight,
            bias,
            targets.to(device),
            targets.negative_entropy(vocabulary).to(device, non_blocking=True),
            bool(targets.even.any()),
            Chunks.of(singles.words, vocabulary, chunk_size).columns,
        )
        found.append(divergence)
    if len(mixtures.smoothing_mass):
        none = Rows(*(one[:0] for one in mixtures))
        found.append(_exact(none, mixtures, weight, bias, vocabulary, chunk_size, rounded=True))
    return torch.cat([weight.new_zeros(0), *found])
