"""Sentence level: sentences are as similar to each other in one language as in the other (Eq. 8)."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from jaxtyping import Float
from omegaconf import MISSING
from torch import Tensor

from mlalign.alignment.batch import EncodedBatch
from mlalign.alignment.diagnostics import Rule
from mlalign.alignment.objectives.base import Needs, Objective, Parts
from mlalign.config.enums import Similarity, View
from mlalign.config.plain import plain
from mlalign.config.schema import Train
from mlalign.config.settings import POSITIVE, setting
from mlalign.cost import BatchSize, similarity_operations
from mlalign.losses import clamped_entries, intra_sentence_loss

log = logging.getLogger(__name__)

MANY_CLAMPED = 50.0  # per cent of the entries of Eq. 8


class IntraSentence(Objective):
    """Eq. 8 of the paper on the fused sentence vectors of all ranks."""

    level = "sentence"
    rules = (
        Rule(
            "clamped",
            "clamped_share",
            lambda share: share > MANY_CLAMPED,
            "most entries of intra_sentence ({:.0f} %) are at its cap, where they have no gradient; "
            "raise losses.intra_sentence.temperature",
        ),
    )

    @dataclass
    class Settings(Objective.Settings):
        """See ``losses.intra_sentence_loss``."""

        view: View = View.clean
        similarity: Similarity = MISSING
        temperature: float = setting(MISSING, POSITIVE)
        exclude_self: bool = MISSING

        def needs(self) -> Needs:
            """The sentence vectors of one view."""
            return Needs(frozenset({self.view.value}), fused=True, only_sentences=True)

        def check(self, config: Train) -> Iterator[str]:
            """Nothing is refused, but alone it has a trivial minimum."""
            if "inter_sentence" not in config.losses:
                log.warning(
                    "losses.intra_sentence without losses.inter_sentence has a trivial minimum, all "
                    "sentence vectors equal: watch held_out"
                )
            return iter(())

    def __init__(self, settings: Settings, parts: Parts) -> None:
        super().__init__(settings, parts)
        self.settings, self.options = settings, plain(settings)
        del self.options["view"], self.options["weight"]

    def forward(self, batch: EncodedBatch) -> Float[Tensor, ""]:
        """Summed over columns, mean over rows."""
        pair = batch.pair(self.settings.view)
        return intra_sentence_loss(pair.source.sentences, pair.target.sentences, **self.options)

    def operations(self, size: BatchSize) -> int:
        """All pairs of sentences within each language."""
        return 2 * similarity_operations(size.pairs, size.width)

    def measures(self, batch: EncodedBatch) -> dict[str, Tensor | float]:
        """Share of the entries that are at the cap and have no gradient, in per cent."""
        pair = batch.pair(self.settings.view)
        clamped = clamped_entries(pair.source.sentences, pair.target.sentences, **self.options)
        return {"clamped_share": 100 * clamped / len(batch.same) ** 2}
