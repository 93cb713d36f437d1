"""What sentences are to predict: some words with their mass, and a little for every word."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor


class Targets(NamedTuple):
    """A distribution over the vocabulary for each sentence, without ever writing it out.

    ``p[sentence, word] = even[sentence] + mass`` of the entry, if there is one.

    Attributes:
        words: of the entries, ascending; a sentence has each word once.
        sentence: of each entry.
        mass: of each entry, above ``even``.
        even: what every word of the vocabulary has.
    """

    words: Int[Tensor, " k"]
    sentence: Int[Tensor, " k"]
    mass: Float[Tensor, " k"]
    even: Float[Tensor, " sentences"]

    @classmethod
    def of(
        cls,
        words: Int[Tensor, " m"],
        sentence: Int[Tensor, " m"],
        smoothing_mass: Float[Tensor, " sentences"],
        vocabulary: int,
    ) -> "Targets":
        """Smoothed relative frequencies of words that may be repeated."""
        sentences = len(smoothing_mass)
        entries, counts = torch.unique(words * sentences + sentence, return_counts=True)
        words = entries.div(max(1, sentences), rounding_mode="floor")
        sentence = entries - words * sentences
        counts = counts.to(smoothing_mass)
        lengths = torch.zeros_like(smoothing_mass).index_add_(0, sentence, counts)
        mass = counts * ((1 - smoothing_mass) / lengths)[sentence]
        return cls(words, sentence, mass, smoothing_mass / vocabulary)

    def negative_entropy(self, vocabulary: int) -> Float[Tensor, " sentences"]:
        """The sum of p ln p over the vocabulary."""
        p = self.mass + self.even[self.sentence]
        others = vocabulary - torch.bincount(self.sentence, minlength=len(self.even))
        total = torch.xlogy(self.even, self.even) * others
        return total.index_add_(0, self.sentence, torch.xlogy(p, p))

    def to(self, device: torch.device) -> "Targets":
        """The same on a device, without waiting for it."""
        return Targets(*(one.to(device, non_blocking=True) for one in self))

    def starts(self, columns: list[range]) -> list[int]:
        """The first entry of each range of words; waits for the device that the entries are on."""
        starts = torch.tensor([one.start for one in columns], device=self.words.device)
        found: list[int] = torch.searchsorted(self.words, starts).tolist()
        return found

    def parts(self, columns: list[range], places: list[int]) -> list["Targets"]:
        """The entries of some words of the vocabulary each, counted from the first of these.

        Args:
            columns: ranges of words.
            places: what ``starts`` says of them.
        """
        ends = [*places[1:], len(self.words)]
        return [
            Targets(
                self.words[start:end] - one.start,
                self.sentence[start:end],
                self.mass[start:end],
                self.even,
            )
            for one, start, end in zip(columns, places, ends, strict=True)
        ]

    def expected(self, values: Float[Tensor, "sentences columns"], *, smoothed: bool) -> Float[Tensor, " sentences"]:
        """The sum of p times a value over the words."""
        picked = values[self.sentence, self.words] * self.mass
        total = values.sum(dim=1).mul_(self.even) if smoothed else torch.zeros_like(self.even)
        return total.index_add_(0, self.sentence, picked)

    def subtract_from(
        self,
        values: Float[Tensor, "sentences columns"],
        factor: Float[Tensor, " sentences"],
        *,
        smoothed: bool,
    ) -> None:
        """Take p times each sentence's factor off the values, in place."""
        if smoothed:
            values.sub_((self.even * factor)[:, None])
        values.index_put_((self.sentence, self.words), -self.mass * factor[self.sentence], accumulate=True)
