"""English examples that are like target text weigh more."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from omegaconf import MISSING
from torch import Tensor
from torch.nn import functional

from mlalign.config.schema import Train
from mlalign.config.settings import POSITIVE, at_least, setting
from mlalign.data.sampling import stream
from mlalign.finetuning.evaluating import read_all
from mlalign.finetuning.tunings.base import Parts, Tuning, UnlabelledText, Vector, refuse_spans
from mlalign.tasks.base import TaskBatch
from mlalign.tasks.updates import EpochRows, Row, encode_rows

if TYPE_CHECKING:
    from mlalign.finetuning.module import FinetuningModule
    from mlalign.tasks.data import TaskDataModule


class Similarity(StrEnum):
    """What an English example is compared with."""

    centroid = "centroid"  # the mean of the target vectors
    bank = "bank"  # every target vector, the mean of the cosines


class InstanceWeighting(Tuning):
    """A reconstruction of Li et al. 2021: losses are weighted by similarity to unlabelled target text.

    Before every epoch each English example gets exp(cosine / temperature), scaled to a mean of 1
    over these examples and clipped; rows of other languages, as translations or a few labels, weigh 1.
    An update divides by the sum of its weights.
    """

    reads = frozenset({"unlabelled", "sides"})
    faithful = "a reconstruction: the published similarity was not read"
    neutral = {"least": 1, "most": 1}  # noqa: RUF012

    @dataclass
    class Settings(UnlabelledText):
        """What is compared, and how weights follow."""

        vector: Vector = MISSING
        similarity: Similarity = MISSING
        texts: int = setting(MISSING, at_least(1))  # target texts that are compared with, of all languages together
        temperature: float = setting(MISSING, POSITIVE)
        least: float = setting(MISSING, at_least(0))
        most: float = setting(MISSING, POSITIVE)

        def check(self, config: Train) -> Iterator[str]:
            """Weights are in order, and belong to the rows of an epoch."""
            yield from refuse_spans("instance_weighting", config)
            if self.least > self.most:
                yield (
                    f"tuning.instance_weighting.least={self.least:g} is more than "
                    f"tuning.instance_weighting.most={self.most:g}; lower the one, or raise the other"
                )
            if "self_training" in config.tuning:
                yield "tuning=[instance_weighting,self_training]: only English rows get a weight; choose one of the two"

        def passes(self, epochs: int) -> None:
            """Unlabelled text is read besides."""

    settings: Settings

    def __init__(self, settings: Settings, parts: Parts) -> None:
        super().__init__(settings, parts)
        self.weights: Float[Tensor, " examples"] | None = None

    def epoch_started(self, module: "FinetuningModule", data: "TaskDataModule") -> None:
        """Weigh the rows of the epoch with the encoder as it is."""
        rows = data.updates.at(module.current_epoch)
        is_english = torch.tensor([row.language == self.parts.source for row in rows.rows])
        english = self._vectors(module, data, rows)[is_english]
        target = self._vectors(module, data, encode_rows(data.task, self.target_rows(), data.layout))
        weights = similarity_weights(english, target, self.settings.similarity, self.settings.temperature)
        self.weights = torch.ones(len(rows.rows), dtype=weights.dtype)
        self.weights[is_english] = weights.clamp(self.settings.least, self.settings.most)

    def target_rows(self) -> list[Row]:
        """The target texts that are compared with: in every epoch the same."""
        rows, random = self.settings.rows(self.parts.resources), stream(self.parts.seed, self.parts.name)
        return [rows[place] for place in random.permutation(len(rows))[: self.settings.texts]]

    def remembered(self) -> Float[Tensor, " examples"] | None:
        """The weights of the epoch."""
        return self.weights

    def remember(self, known: Float[Tensor, " examples"] | None) -> None:
        """The same again."""
        self.weights = known

    def row_weights(self, part: TaskBatch) -> Float[Tensor, " rows"] | None:
        """None where all weigh the same."""
        if self.weights is None or (self.weights == 1).all():
            return None
        return self.weights[part.examples].to(part.labels.device)

    def _vectors(
        self, module: "FinetuningModule", data: "TaskDataModule", rows: EpochRows
    ) -> Float[Tensor, "examples dim"]:
        """Of every example; of a long one its first sequence's."""
        found = torch.zeros(len(rows.rows), module.encoder.dim, dtype=torch.float64)

        def read(batch: TaskBatch) -> Tensor:
            return self.settings.vector.of(module.represent(batch)).double().cpu()

        for batch, vectors in read_all(module, data, rows, read):
            for example, first, vector in zip(batch.examples, batch.firsts, vectors, strict=True):
                if first == 0:
                    found[example] = vector
        return found


def similarity_weights(
    english: Float[Tensor, "n dim"], target: Float[Tensor, "m dim"], similarity: Similarity, temperature: float
) -> Float[Tensor, " n"]:
    """Weights of English vectors, with a mean of 1: exp(cosine / temperature), not clipped.

    Args:
        english: to be weighed.
        target: compared with.
        similarity: with their mean, or with each.
        temperature: the larger, the more alike the weights are.
    """
    english = functional.normalize(english, dim=1)
    if similarity == Similarity.centroid:
        cosines = english @ functional.normalize(target.mean(0), dim=0)
    else:
        cosines = english @ functional.normalize(target, dim=1).mean(0)
    return len(english) * torch.softmax(cosines / temperature, 0)
