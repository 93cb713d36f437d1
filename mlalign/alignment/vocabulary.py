"""One pass over the vocabulary for all objectives of a step that end in it."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from jaxtyping import Float
from torch import Tensor

from mlalign.alignment.batch import EncodedBatch
from mlalign.alignment.objectives.base import Objective, Parts
from mlalign.config.enums import WeightingForm
from mlalign.config.schema import Train
from mlalign.config.settings import SHARE, at_least, setting
from mlalign.cost import BatchSize, VocabularyRows
from mlalign.losses import MaskedWords, WordDistribution, mean, word_divergences
from mlalign.training.gathering import weighted


class VocabularyObjective(Objective):
    """An objective whose loss is a sum of terms over the vocabulary."""

    level: ClassVar[Literal["language", "sentence", "word"]] = "word"

    @dataclass
    class Settings(Objective.Settings):
        """``start``: share of the run before it is learned; ``chunk_size``: columns at a time, null chooses."""

        start: float = setting(0.0, SHARE)
        chunk_size: int | None = setting(None, at_least(1))

        def check(self, config: Train) -> Iterator[str]:
            """A learned weight would run away while there is no loss."""
            if self.start and config.weighting.form != WeightingForm.fixed:
                yield (
                    f"losses.*.start={self.start:g} with weighting.form={config.weighting.form}: its learned "
                    "weight would run away before; set weighting.form=fixed, or start=0"
                )

    def __init__(self, settings: Settings, parts: Parts) -> None:
        super().__init__(settings, parts)
        self.start, self.chunk_size = settings.start, settings.chunk_size

    def is_learned(self, progress: float) -> bool:
        """From ``start`` on."""
        return progress >= self.start

    @abstractmethod
    def terms(self, batch: EncodedBatch) -> Iterator[MaskedWords | WordDistribution]:
        """Each is averaged over what it ranges over."""

    def rows(self, size: BatchSize) -> VocabularyRows:
        """What the terms of a batch bring to the pass, for budgets: the masked words, unless it says otherwise."""
        return VocabularyRows(words=size.masked, singles=size.masked)

    def beside(self, batch: EncodedBatch) -> Float[Tensor, ""] | None:
        """What is added to the terms' sum; None for nothing."""
        return None

    def forward(self, batch: EncodedBatch) -> Float[Tensor, ""]:
        """The loss, from a pass of its own."""
        return vocabulary_losses({"own": self}, batch)["own"]


def vocabulary_losses(objectives: Mapping[str, VocabularyObjective], batch: EncodedBatch) -> dict[str, Tensor]:
    """Name -> loss, all from one pass; the smallest ``chunk_size`` holds for it."""
    terms = [(name, term) for name, objective in objectives.items() for term in objective.terms(batch)]
    if not terms:
        return {}
    sizes = [one.chunk_size for one in objectives.values() if one.chunk_size is not None]
    divergences = word_divergences(
        [term for _, term in terms],
        batch.vocabulary.weight,
        batch.vocabulary.bias,
        vocabulary=len(batch.vocabulary),
        chunk_size=min(sizes, default=None),
    )
    losses: dict[str, Tensor] = {}
    for (name, _), one in zip(terms, divergences, strict=True):
        loss = weighted(mean(one), len(one))
        losses[name] = losses[name] + loss if name in losses else loss
    for name, objective in objectives.items():
        added = objective.beside(batch)
        if added is not None:
            losses[name] = losses[name] + added
    return losses
