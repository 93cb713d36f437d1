"""Sentence level: both languages learn the vectors that a teacher gives to English."""

from dataclasses import dataclass

from jaxtyping import Float
from omegaconf import MISSING
from torch import Tensor, nn

from mlalign.alignment.batch import EncodedBatch
from mlalign.alignment.objectives.base import Needs, Objective, Parts
from mlalign.config.enums import Distance, View
from mlalign.config.schema import Train
from mlalign.cost import BatchSize, linear_operations, pooling_operations
from mlalign.losses import distillation_loss


class Distillation(Objective):
    """Reimers and Gurevych 2020 (arXiv:2004.09813); without ``data.teacher`` the untouched backbone is the teacher.

    Where the teacher's vectors have another width, a linear layer that is not exported leads to them.
    """

    level = "sentence"
    faithful = "the teacher is the run's own backbone before alignment: start from a sentence encoder"

    @dataclass
    class Settings(Objective.Settings):
        """See ``losses.distillation_loss``."""

        view: View = View.clean
        distance: Distance = MISSING

        def needs(self) -> Needs:
            """Both languages, and the teacher."""
            return Needs(frozenset({self.view.value}), teacher=True)

    @classmethod
    def differences(cls, config: Train) -> str | None:
        """Nothing with a teacher of its own."""
        return cls.faithful if config.data.teacher is None else None

    def __init__(self, settings: Settings, parts: Parts) -> None:
        super().__init__(settings, parts)
        self.settings, teacher = settings, parts.teacher
        self.dim, self.teacher_dim = parts.dim, parts.dim if teacher is None else teacher.dim
        self.dense = nn.Identity() if self.teacher_dim == self.dim else nn.Linear(self.dim, self.teacher_dim)
        if teacher is None:
            self.encodes_again = frozenset({"english"})
        elif settings.distance == Distance.mse and teacher.are_unit:
            self.doubts = (
                "all vectors of data.teacher have norm 1: with losses.distillation.distance=mse every sentence comes "
                "near every other one; set losses.distillation.distance=cosine, or take the teacher's vectors before "
                "they are normalised (without the module Normalize)",
            )

    def forward(self, batch: EncodedBatch) -> Float[Tensor, ""]:
        """A mean over pairs, which every rank has as many of."""
        pair = batch.pair(self.settings.view.value)
        source, target = (self.dense(side.vector()) for side in pair.sides)
        return distillation_loss(
            source, target, batch.taught(self.settings.view.value), distance=self.settings.distance
        )

    def operations(self, size: BatchSize) -> int:
        """Means of both sides, which the pass has made for others, and the linear layer where there is one."""
        means = pooling_operations(size.positions, size.width, learned=False)
        is_mapped = not isinstance(self.dense, nn.Identity)
        return means + (linear_operations(2 * size.pairs, self.dim * self.teacher_dim) if is_mapped else 0)
