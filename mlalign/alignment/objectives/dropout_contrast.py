"""Sentence level: an English sentence finds itself, seen through another dropout, among the others."""

from collections.abc import Iterator
from dataclasses import dataclass

from jaxtyping import Float
from omegaconf import MISSING
from torch import Tensor

from mlalign.alignment.batch import EncodedBatch
from mlalign.alignment.objectives.base import Needs, Objective, Parts
from mlalign.alignment.views import AGAIN
from mlalign.config.schema import Train
from mlalign.config.settings import POSITIVE, setting
from mlalign.cost import BatchSize, similarity_operations
from mlalign.data.reads import PIVOT_SIDE
from mlalign.losses import inter_sentence_loss


class DropoutContrast(Objective):
    """SimCSE (Gao et al. 2021, arXiv:2104.08821) on a multilingual encoder (Wang et al. 2022, arXiv:2211.06127).

    No translation is read: the control for what parallel text adds.
    """

    level = "sentence"
    text = PIVOT_SIDE
    faithful = "reads the English sides of the parallel text alone; both directions summed, no projection in training"

    @dataclass
    class Settings(Objective.Settings):
        """See ``losses.inter_sentence_loss``, by cosine."""

        temperature: float = setting(MISSING, POSITIVE)

        def needs(self) -> Needs:
            """English twice."""
            return Needs(frozenset({"english", f"{AGAIN}english"}), only_sentences=True)

        def check(self, config: Train) -> Iterator[str]:
            """Two passes without dropout are one."""
            if config.backbone.dropout == 0:
                yield (
                    "losses.dropout_contrast with backbone.dropout=0: both passes would be the same; "
                    "set backbone.dropout=0.1, or null for the backbone's own"
                )

    def __init__(self, settings: Settings, parts: Parts) -> None:
        super().__init__(settings, parts)
        self.settings = settings

    def forward(self, batch: EncodedBatch) -> Float[Tensor, ""]:
        """Both directions summed."""
        one, other = (batch.joined(view).sentences for view in ("english", f"{AGAIN}english"))
        return inter_sentence_loss(one, other, temperature=self.settings.temperature, same=batch.same)

    def operations(self, size: BatchSize) -> int:
        """All pairs of sentences."""
        return similarity_operations(size.pairs, size.width)
