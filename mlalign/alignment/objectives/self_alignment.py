"""Word level: the encoder's own alignment of the words of a pair is made sharper."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from mlalign.alignment.batch import EncodedBatch
from mlalign.alignment.objectives.base import Needs, Objective, Parts
from mlalign.config.enums import View
from mlalign.config.settings import SHARE, at_least, setting
from mlalign.cost import BatchSize, linear_operations
from mlalign.losses import self_alignment_loss


class SelfAlignment(Objective):
    """Dou and Neubig 2021 (arXiv:2101.08231): self-training and consistency; see ``losses.self_alignment_loss``.

    From scratch it has nothing to sharpen: it needs a pretrained encoder.
    """

    level = "word"
    faithful = (
        "the guide is one of tokens, not of words; no translation language modelling and no classifier of pairs; from "
        "scratch it sharpens chance"
    )

    @dataclass
    class Settings(Objective.Settings):
        """``layer``: whose vectors are aligned, null for the last; ``threshold``: of the guide."""

        view: View = View.clean
        layer: int | None = setting(None, at_least(0))
        threshold: float = setting(1e-3, SHARE)

        def needs(self) -> Needs:
            """One layer of both languages."""
            layers = frozenset[int]() if self.layer is None else frozenset({self.layer})
            return Needs(frozenset({self.view.value}), layers=layers)

    def __init__(self, settings: Settings, parts: Parts) -> None:
        super().__init__(settings, parts)
        self.settings = settings
        parts.require_layer("losses.self_alignment.layer", settings.layer)

    def forward(self, batch: EncodedBatch) -> Float[Tensor, ""]:
        """A mean over pairs, which every rank has as many of."""
        sides, layer = batch.pair(self.settings.view.value).sides, self.settings.layer
        return self_alignment_loss(
            *(side.states if layer is None else side.layer(layer) for side in sides),
            *(side.given.subwords.is_content_token for side in sides),
            threshold=self.settings.threshold,
        )

    def operations(self, size: BatchSize) -> int:
        """All dot products between the positions of each pair."""
        rows, columns = size.source + size.overhead, size.target + size.overhead
        return linear_operations(int((rows * columns).sum()), size.width)
