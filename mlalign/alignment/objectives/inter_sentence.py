"""Sentence level: a translation is closer than every other sentence of the batch (Eq. 7)."""

from dataclasses import dataclass

from jaxtyping import Float
from omegaconf import MISSING
from torch import Tensor

from mlalign.alignment.batch import EncodedBatch
from mlalign.alignment.objectives.base import Needs, Objective, Parts
from mlalign.config.enums import Similarity, View
from mlalign.config.plain import plain
from mlalign.config.settings import POSITIVE, at_least, setting
from mlalign.cost import BatchSize, similarity_operations
from mlalign.losses import false_negatives, inter_sentence_loss


class InterSentence(Objective):
    """Eq. 7 of the paper on the fused sentence vectors of all ranks."""

    level = "sentence"

    @dataclass
    class Settings(Objective.Settings):
        """See ``losses.inter_sentence_loss``."""

        view: View = View.clean
        similarity: Similarity = MISSING
        temperature: float = setting(MISSING, POSITIVE)
        margin: float = MISSING
        # Margin of `losses.false_negatives`, whose guide is the encoder as it began; null: none are looked for.
        false_negatives: float | None = setting(None, at_least(0))

        def needs(self) -> Needs:
            """The sentence vectors of one view, and the guide."""
            guide = frozenset[str]() if self.false_negatives is None else frozenset({"start"})
            return Needs(frozenset({self.view.value}), fused=True, only_sentences=True, companions=guide)

    def __init__(self, settings: Settings, parts: Parts) -> None:
        super().__init__(settings, parts)
        self.settings, self.options = settings, plain(settings)
        if settings.false_negatives is not None:
            self.encodes_again = frozenset({settings.view.value})
        del self.options["view"], self.options["weight"], self.options["false_negatives"]

    def forward(self, batch: EncodedBatch) -> Float[Tensor, ""]:
        """Both directions summed."""
        pair, same, margin = batch.pair(self.settings.view), batch.same, self.settings.false_negatives
        if margin is not None:
            same = same | false_negatives(*batch.start_vectors(self.settings.view), margin=margin)
        return inter_sentence_loss(pair.source.sentences, pair.target.sentences, same=same, **self.options)

    def operations(self, size: BatchSize) -> int:
        """All pairs of sentences, once more without gradient where false negatives are looked for."""
        every = similarity_operations(size.pairs, size.width)
        return every + (every // 3 if self.encodes_again else 0)
