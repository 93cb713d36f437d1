"""What the word losses are made of, and what is wrong with it."""

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mlalign.config.enums import Prediction
from mlalign.losses.targets import Targets


class Bound(NamedTuple):
    """The lowest and highest number that was found, between what they must lie, and else."""

    found: Int[Tensor, " 2"]
    low: int
    high: int
    message: str


class Rows(NamedTuple):
    """What both losses come down to: rows of sentences that are to predict words.

    All but ``words`` is on the device of the ids that were given, the host for choice.

    Attributes:
        words: what is multiplied with the vocabulary.
        sentence: of each row.
        true_words: what the sentences are to predict.
        true_sentence: whose each of these is.
        smoothing_mass: of each sentence.
    """

    words: Float[Tensor, "n d"]
    sentence: Int[Tensor, " n"]
    true_words: Int[Tensor, " m"]
    true_sentence: Int[Tensor, " m"]
    smoothing_mass: Float[Tensor, " sentences"]

    @classmethod
    def joined(cls, parts: Sequence["Rows"], like: Float[Tensor, "_ d"], home: torch.device) -> "Rows":
        """The sentences of the parts one behind the other; of none, words as ``like`` and ids on ``home``."""
        ids, none = (torch.zeros(0, dtype=kind, device=home) for kind in (torch.long, like.dtype))
        parts = [cls(like.new_zeros(0, like.shape[1]), ids, ids, ids, none), *parts]
        starts = [0, *accumulate(len(part.smoothing_mass) for part in parts)]
        return cls(
            torch.cat([part.words for part in parts]),
            torch.cat([part.sentence + start for part, start in zip(parts, starts, strict=False)]),
            torch.cat([part.true_words for part in parts]),
            torch.cat([part.true_sentence + start for part, start in zip(parts, starts, strict=False)]),
            torch.cat([part.smoothing_mass for part in parts]),
        )

    def targets(self, vocabulary: int) -> Targets:
        """What the sentences are to predict, as distributions."""
        return Targets.of(self.true_words, self.true_sentence, self.smoothing_mass, vocabulary)


class MaskedWords(NamedTuple):
    """Eq. 12 for one language; see ``masked_word_loss``."""

    words: Float[Tensor, "n d"]
    labels: Int[Tensor, " n"]

    @property
    def is_mixture(self) -> bool:
        """No sentence has several rows."""
        return False

    def rows(self) -> Rows:
        """Each row by itself is a sentence that is to predict the one word that was there."""
        row = torch.arange(len(self.words), device=self.labels.device)
        none = torch.zeros(len(row), dtype=self.words.dtype, device=row.device)
        return Rows(self.words, row, self.labels.long(), row, none)

    def check(self, loss: str, vocabulary: int) -> list[Bound]:
        """What can be seen without waiting for numbers, and what these must keep.

        Raises:
            ValueError: shapes that don't fit.
        """
        check_ids(loss, "labels", self.labels, len(self.words))
        return [_within(loss, "labels", self.labels, vocabulary)] if len(self.labels) else []


class WordDistribution(NamedTuple):
    """Eq. 13 in one direction; see ``word_distribution_loss``."""

    words: Float[Tensor, "n d"]
    sentence: Int[Tensor, " n"]
    partner_words: Int[Tensor, " m"]
    partner_sentence: Int[Tensor, " m"]
    sentences: int
    smoothing_mass: float
    prediction: str = "mixture"

    @property
    def is_mixture(self) -> bool:
        """Whether a sentence has several rows."""
        return self.prediction == "mixture"

    def rows(self) -> Rows:
        """All rows, or the mean of each sentence's."""
        words, sentence = self.words, self.sentence.long()
        if not self.is_mixture:
            row = sentence.to(words.device, non_blocking=True)
            lengths = lengths_of(sentence, self.sentences).to(words.device, non_blocking=True)
            total = words.new_zeros(self.sentences, words.shape[1]).index_add(0, row, words)
            words = total / lengths[:, None]
            sentence = torch.arange(self.sentences, device=sentence.device)
        smoothing_mass = torch.full((self.sentences,), self.smoothing_mass, dtype=words.dtype, device=sentence.device)
        return Rows(
            words,
            sentence,
            self.partner_words.long(),
            self.partner_sentence.long(),
            smoothing_mass,
        )

    def check(self, loss: str, vocabulary: int) -> list[Bound]:
        """What can be seen without waiting for numbers, and what these must keep.

        Raises:
            ValueError: shapes that don't fit, settings out of range.
        """
        check_ids(loss, "sentence", self.sentence, len(self.words))
        check_ids(loss, "partner_words", self.partner_words, len(self.partner_words))
        check_ids(loss, "partner_sentence", self.partner_sentence, len(self.partner_words))
        if not 0 <= self.smoothing_mass < 1:
            raise ValueError(f"{loss}: smoothing_mass must lie in [0, 1), found {self.smoothing_mass}")
        if self.prediction not in list(Prediction):
            choices = ", ".join(Prediction)
            raise ValueError(f"{loss}: prediction must be one of {choices}, found {self.prediction!r}")
        if not (self.sentences > 0 and len(self.words) and len(self.partner_words)):
            raise ValueError(
                f"{loss} needs sentences, rows and partner words, found {self.sentences} "
                f"sentences, {len(self.words)} rows and {len(self.partner_words)} partner words"
            )
        return [
            _within(loss, "sentence", self.sentence, self.sentences),
            _within(loss, "partner_words", self.partner_words, vocabulary),
            _within(loss, "partner_sentence", self.partner_sentence, self.sentences),
            self._covered(loss, "row", self.sentence),
            self._covered(loss, "partner word", self.partner_sentence),
        ]

    def _covered(self, loss: str, what: str, owner: Tensor) -> Bound:
        lengths = lengths_of(owner, self.sentences)
        empty = (lengths == 0).long()
        message = f"{loss}: every sentence needs at least one {what}, found none for sentence {{0}} of {self.sentences}"
        return Bound(torch.where(empty.any(), empty.argmax(), -1).expand(2), -1, -1, message)


def lengths_of(owner: Int[Tensor, " n"], sentences: int) -> Int[Tensor, " sentences"]:
    """How many of the rows each sentence owns; ids out of range go to the nearest."""
    counts = torch.zeros(sentences, dtype=torch.long, device=owner.device)
    return counts.index_add_(0, owner.clamp(0, sentences - 1), torch.ones_like(owner).long())


def check_head(loss: str, words: Tensor, weight: Tensor, bias: Tensor | None, chunk_size: int | None) -> None:
    """Refuse what no product of matrices can take.

    Raises:
        ValueError: shapes that don't fit, chunk_size < 1.
    """
    fits = words.dim() == weight.dim() == 2 and words.shape[1] == weight.shape[1]
    if not (fits and weight.numel() and (bias is None or bias.shape == weight.shape[:1])):
        raise ValueError(
            f"{loss} needs words [n, d], weight [v, d] and bias [v] or None, found words "
            f"{tuple(words.shape)}, weight {tuple(weight.shape)} and bias "
            f"{None if bias is None else tuple(bias.shape)}"
        )
    if chunk_size is not None and chunk_size < 1:
        raise ValueError(f"{loss}: chunk_size must be None or at least 1, found {chunk_size}")


def check_ids(loss: str, name: str, ids: Tensor, rows: int) -> None:
    """Refuse what cannot be the ids of so many rows.

    Raises:
        ValueError: shape or type don't fit.
    """
    whole = not (ids.is_floating_point() or ids.dtype == torch.bool)
    if not whole or ids.dim() != 1 or len(ids) != rows:
        raise ValueError(
            f"{loss}: {name} must hold whole numbers in shape {(rows,)}, found {ids.dtype} in shape {tuple(ids.shape)}"
        )


def check_bounds(bounds: Sequence[Bound]) -> None:
    """Look at all numbers at once: the host waits a single time.

    Raises:
        ValueError: one is out of its bounds.
    """
    found = torch.stack([bound.found for bound in bounds]).tolist() if bounds else []
    for (low, high), bound in zip(found, bounds, strict=True):
        if low < bound.low or high > bound.high:
            raise ValueError(bound.message.format(low, high))


def _within(loss: str, name: str, ids: Int[Tensor, " n"], size: int) -> Bound:
    message = f"{loss}: {name} must lie between 0 and {size - 1}, found {{0}} to {{1}}"
    return Bound(torch.stack(ids.aminmax()).long(), 0, size - 1, message)
