"""Word level: one vector of a sentence predicts its hidden tokens and which tokens its translation holds."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from mlalign.alignment.batch import EncodedBatch, EncodedSide
from mlalign.alignment.objectives.base import Needs
from mlalign.alignment.vocabulary import VocabularyObjective
from mlalign.cost import BatchSize, VocabularyRows, pooling_operations
from mlalign.losses import WordDistribution


class TokenReconstruction(VocabularyObjective):
    """Mao et al. 2021 (arXiv:2105.13856), for both languages.

    Half of the mass is on a sentence's own hidden tokens, half even over the set of its translation's
    tokens; the prediction is one softmax of the mean vector.
    """

    faithful = "tokens are hidden on both sides at align.mask_rate, not one of one side; targets sum to 1"

    @dataclass
    class Settings(VocabularyObjective.Settings):
        """Those of every loss over the vocabulary."""

        def needs(self) -> Needs:
            """Something to predict."""
            return Needs(masking=True, vocabulary=True)

    def terms(self, batch: EncodedBatch) -> Iterator[WordDistribution]:
        """One for each language."""
        pair = batch.pair("masked")
        for side, other in (pair.sides, pair.sides[::-1]):
            tokens, sentence = targets(side, other)
            yield WordDistribution(
                batch.vocabulary(side.mean),
                torch.arange(len(side.mean)),
                batch.vocabulary.columns(tokens),
                sentence,
                len(side.mean),
                smoothing_mass=0.0,
                prediction="pooled",
            )

    def operations(self, size: BatchSize) -> int:
        """The means."""
        return pooling_operations(size.positions, size.width)

    def rows(self, size: BatchSize) -> VocabularyRows:
        """One of each sentence."""
        return VocabularyRows(words=2 * size.pairs, singles=2 * size.pairs)


def targets(side: EncodedSide, other: EncodedSide) -> tuple[Int[Tensor, " m"], Int[Tensor, " m"]]:
    """Tokens whose relative frequencies are what each sentence is to predict, and whose they are.

    With k hidden tokens and m different ones in the translation each hidden one is there m times and
    each of the translation k times, so that both have half of the mass.
    """
    hidden, owner = side.token_ids[side.is_masked], side.sentence_of_token[side.is_masked]
    size = 1 + int(other.token_ids.max())
    known = torch.unique(other.sentence_of_token * size + other.token_ids)
    theirs, holder = known % size, known // size
    rows = len(side.states)
    k, m = torch.bincount(owner, minlength=rows), torch.bincount(holder, minlength=rows)
    repeats = m[owner], k.clamp(min=1)[holder]
    tokens = [one.repeat_interleave(times) for one, times in zip((hidden, theirs), repeats, strict=True)]
    sentence = [one.repeat_interleave(times) for one, times in zip((owner, holder), repeats, strict=True)]
    return torch.cat(tokens), torch.cat(sentence)
