"""Sentence level: a translation is closer than every other sentence of the batch (Eq. 7)."""

from dataclasses import dataclass

from jaxtyping import Float
from omegaconf import MISSING
from torch import Tensor

from mlalign.alignment.batch import EncodedBatch
from mlalign.alignment.objectives.base import Needs, Objective, Parts
from mlalign.config.enums import Similarity, View
from mlalign.config.plain import plain
from mlalign.config.settings import POSITIVE, setting
from mlalign.cost import BatchSize, similarity_operations
from mlalign.losses import inter_sentence_loss


class InterSentence(Objective):
    """Eq. 7 of the paper on the fused sentence vectors of all ranks."""

    level = "sentence"

    @dataclass
    class Settings(Objective.Settings):
        """See ``losses.inter_sentence_loss``."""

        view: View = View.masked
        similarity: Similarity = MISSING
        temperature: float = setting(MISSING, POSITIVE)
        margin: float = MISSING

        def needs(self) -> Needs:
            """The sentence vectors of one view."""
            return Needs(frozenset({self.view.value}), fused=True, only_sentences=True)

    def __init__(self, settings: Settings, parts: Parts) -> None:
        super().__init__(settings, parts)
        self.settings, self.options = settings, plain(settings)
        del self.options["view"], self.options["weight"]

    def forward(self, batch: EncodedBatch) -> Float[Tensor, ""]:
        """Both directions summed."""
        pair = batch.pair(self.settings.view)
        return inter_sentence_loss(pair.source.sentences, pair.target.sentences, same=batch.same, **self.options)

    def operations(self, size: BatchSize) -> int:
        """All pairs of sentences."""
        return similarity_operations(size.pairs, size.width)
