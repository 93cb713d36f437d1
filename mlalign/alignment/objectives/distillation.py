"""Sentence level: both languages learn the vectors that the encoder gave to English when it began."""

from dataclasses import dataclass

from jaxtyping import Float
from omegaconf import MISSING
from torch import Tensor

from mlalign.alignment.batch import EncodedBatch, EncodedSide
from mlalign.alignment.objectives.base import Needs, Objective, Parts
from mlalign.config.enums import Distance, View
from mlalign.losses import distillation_loss


class Distillation(Objective):
    """Reimers and Gurevych 2020 (arXiv:2004.09813), with the untouched backbone as the teacher."""

    level = "sentence"
    faithful = "the teacher is the run's own backbone before alignment: start from a sentence encoder"

    @dataclass
    class Settings(Objective.Settings):
        """See ``losses.distillation_loss``."""

        view: View = View.clean
        distance: Distance = MISSING

        def needs(self) -> Needs:
            """Both languages, and the encoder as it began."""
            return Needs(frozenset({self.view.value}), companions=frozenset({"start"}))

    def __init__(self, settings: Settings, parts: Parts) -> None:
        super().__init__(settings, parts)
        self.settings = settings

    def forward(self, batch: EncodedBatch) -> Float[Tensor, ""]:
        """A mean over pairs, which every rank has as many of."""
        pair, teacher = batch.pair(self.settings.view.value), batch.companions["start"]
        english = pair.source.given
        known = EncodedSide(english, dict(enumerate(teacher(english.subwords))), teacher.encoder)
        return distillation_loss(
            pair.source.vector(), pair.target.vector(), known.vector(), distance=self.settings.distance
        )
