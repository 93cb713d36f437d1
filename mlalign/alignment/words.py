"""The word level of a pair of languages: both its losses from one pass over the vocabulary."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from jaxtyping import Float
from torch import Tensor

from mlalign.alignment.batch import Encoded, EncodedBatch
from mlalign.distributed import rank
from mlalign.losses import MaskedWords, WordDistribution, mean, word_divergences
from mlalign.training.gathering import weighted

Term = MaskedWords | WordDistribution


class WordLevel:
    """Computes what its settings name, once for each pair, however many losses ask.

    Args:
        settings: of ``masked_words``, ``word_distribution`` or both. The smallest
            ``chunk_size`` among them holds for the pass that they share.
    """

    def __init__(self, settings: Mapping[str, Mapping[str, Any]]) -> None:
        self.settings = {name: dict(one) for name, one in settings.items()}
        sizes = [one.pop("chunk_size", None) for one in self.settings.values()]
        self.chunk_size = min((size for size in sizes if size is not None), default=None)
        self._found: WeakKeyDictionary[EncodedBatch, dict[str, Tensor]] = WeakKeyDictionary()

    def loss(self, pair: EncodedBatch, name: str) -> Float[Tensor, ""]:
        """One of the losses, the sum over both languages or directions."""
        if pair not in self._found:
            self._found[pair] = self._losses(pair)
        return self._found[pair][name]

    def _losses(self, pair: EncodedBatch) -> dict[str, Tensor]:
        terms = [(name, term) for name, settings in self.settings.items() for term in TERMS[name](pair, **settings)]
        divergences = word_divergences(
            [term for _, term in terms],
            pair.vocabulary.weight,
            pair.vocabulary.bias,
            vocabulary=len(pair.vocabulary),
            chunk_size=self.chunk_size,
        )
        losses: dict[str, Tensor] = {}
        for (name, _), one in zip(terms, divergences, strict=True):
            loss = weighted(mean(one), len(one))
            losses[name] = losses[name] + loss if name in losses else loss
        return losses


def masked_words(pair: EncodedBatch) -> Iterator[MaskedWords]:
    """Eq. 12 for each of the two languages."""
    for side in pair.sides:
        labels = pair.vocabulary.columns(side.word_ids[side.is_hidden])
        yield MaskedWords(pair.hidden_words(side), labels)


def word_distribution(pair: EncodedBatch, *, every: int, **settings: Any) -> Iterator[WordDistribution]:
    """Eq. 13 in both directions, over every so many-th pair of the batch."""
    first = -rank() * len(pair.source.states) % every  # of this rank's rows that is chosen
    sentences = len(range(first, len(pair.source.states), every))

    def one(side: Encoded, partner: Encoded) -> WordDistribution:
        rows, theirs = (of.sentence_of_word - first for of in (side, partner))
        chosen, known = (of % every == 0 for of in (rows, theirs))
        return WordDistribution(
            pair.distribution_words(side, chosen),
            rows[chosen] // every,
            pair.vocabulary.columns(partner.word_ids[known]),
            theirs[known] // every,
            sentences,
            **settings,
        )

    yield one(pair.source, pair.target)
    yield one(pair.target, pair.source)


TERMS: dict[str, Callable[..., Iterator[Term]]] = {
    "word_distribution": word_distribution,
    "masked_words": masked_words,
}
