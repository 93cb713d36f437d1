"""Word level: masked words, and the words of the translation, from the same vocabulary head."""

from typing import Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from mlalign.losses.precision import in_full_precision
from mlalign.losses.vocabulary import Chunks, MixtureDivergence, Partner

Prediction = Literal["mixture", "pooled"]


@in_full_precision
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
        L = -\frac1n \sum_i \ln \mathrm{softmax}_v (w_v \cdot g_i + c_v) [y_i]

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
    _check_head("masked_word_loss", words, weight, bias, chunk_size)
    _check_ids("masked_word_loss", "labels", labels, len(words))
    if not len(words):
        return functional.linear(words, weight, bias).sum()
    low, high = torch.stack(labels.aminmax()).tolist()
    _check_range("masked_word_loss", "labels", low, high, len(weight))
    chunks = Chunks.of(words, weight, chunk_size)
    if chunks.kept:
        return functional.cross_entropy(functional.linear(words, weight, bias), labels.long())
    # each row by itself is a sentence, and its translation the one word that was there
    row, one = torch.arange(len(words), device=words.device), words.new_ones(len(words))
    return MixtureDivergence.apply(
        words, weight, bias, row, one, Partner(labels.long(), row, one, 0.0), chunks
    )


@in_full_precision
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
    prediction: Prediction = "mixture",
    chunk_size: int | None = None,
) -> Float[Tensor, ""]:
    r"""The words of a sentence tell, together, which words its translation holds.

    .. math::
        L = \frac1B \sum_b \mathrm{KL}(p_b \,\|\, q_b), \qquad
        p_b(v) = (1 - \epsilon) \frac{\mathrm{count}_b(v)}{m_b} + \frac{\epsilon}{V}

        \mathrm{mixture}: q_b = \frac1{n_b} \sum_{i \in b} \mathrm{softmax}(W g_i + c), \qquad
        \mathrm{pooled}: q_b = \mathrm{softmax} \Bigl( W \frac1{n_b} \sum_{i \in b} g_i + c \Bigr)

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
    name = "word_distribution_loss"
    _check_head(name, words, weight, bias, chunk_size)
    _check_ids(name, "sentence", sentence, len(words))
    _check_ids(name, "partner_words", partner_words, len(partner_words))
    _check_ids(name, "partner_sentence", partner_sentence, len(partner_words))
    if not 0 <= smoothing_mass < 1:
        raise ValueError(f"{name}: smoothing_mass must lie in [0, 1), found {smoothing_mass}")
    if prediction not in get_args(Prediction):
        choices = ", ".join(get_args(Prediction))
        raise ValueError(f"{name}: prediction must be one of {choices}, found {prediction!r}")
    if not (sentences > 0 and len(words) and len(partner_words)):
        raise ValueError(
            f"{name} needs sentences, rows and partner words, found {sentences} sentences, "
            f"{len(words)} rows and {len(partner_words)} partner words"
        )
    ids = {
        "sentence": (sentence, sentences),
        "partner_words": (partner_words, len(weight)),
        "partner_sentence": (partner_sentence, sentences),
    }
    rows, partners = (_lengths(owner, sentences) for owner in (sentence, partner_sentence))
    extremes = [extreme for values, _ in ids.values() for extreme in values.aminmax()]
    *found, fewest_rows, fewest_partners = torch.stack(
        [*extremes, rows.min(), partners.min()]
    ).tolist()  # the one time that the host waits
    for (key, (_, size)), low, high in zip(ids.items(), found[::2], found[1::2], strict=True):
        _check_range(name, key, low, high, size)
    for what, fewest, lengths in (
        ("row", fewest_rows, rows),
        ("partner word", fewest_partners, partners),
    ):
        if not fewest:
            raise ValueError(
                f"{name}: every sentence needs at least one {what}, "
                f"found none for sentence {int(lengths.argmin())} of {sentences}"
            )

    lengths = rows.to(words.dtype)
    if prediction == "pooled":
        words = words.new_zeros(sentences, words.shape[1]).index_add(0, sentence, words)
        words = words / lengths[:, None]
        sentence, lengths = torch.arange(sentences, device=words.device), torch.ones_like(lengths)
    partner = Partner(
        partner_words.long(), partner_sentence.long(), partners.to(words.dtype), smoothing_mass
    )
    chunks = Chunks.of(words, weight, chunk_size)
    return MixtureDivergence.apply(words, weight, bias, sentence.long(), lengths, partner, chunks)


def _lengths(owner: Int[Tensor, " n"], sentences: int) -> Int[Tensor, " sentences"]:
    """How many of the rows each sentence owns; ids out of range go to the nearest."""
    counts = torch.zeros(sentences, dtype=torch.long, device=owner.device)
    return counts.index_add_(0, owner.clamp(0, sentences - 1), torch.ones_like(owner).long())


def _check_head(
    loss: str, words: Tensor, weight: Tensor, bias: Tensor | None, chunk_size: int | None
) -> None:
    fits = words.dim() == weight.dim() == 2 and words.shape[1] == weight.shape[1]
    if not (fits and weight.numel() and (bias is None or bias.shape == weight.shape[:1])):
        raise ValueError(
            f"{loss} needs words [n, d], weight [v, d] and bias [v] or None, found words "
            f"{tuple(words.shape)}, weight {tuple(weight.shape)} and bias "
            f"{None if bias is None else tuple(bias.shape)}"
        )
    if chunk_size is not None and chunk_size < 1:
        raise ValueError(f"{loss}: chunk_size must be None or at least 1, found {chunk_size}")


def _check_ids(loss: str, name: str, ids: Tensor, rows: int) -> None:
    whole = not (ids.is_floating_point() or ids.dtype == torch.bool)
    if not whole or ids.dim() != 1 or len(ids) != rows:
        raise ValueError(
            f"{loss}: {name} must hold whole numbers in shape {(rows,)}, "
            f"found {ids.dtype} in shape {tuple(ids.shape)}"
        )


def _check_range(loss: str, name: str, low: int, high: int, size: int) -> None:
    if low < 0 or high >= size:
        raise ValueError(f"{loss}: {name} must lie between 0 and {size - 1}, found {low} to {high}")
