"""What the model of a first stage predicted of another view of an example is still predicted of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from omegaconf import MISSING
from torch import Tensor
from torch.func import functional_call

from mlalign.config.schema import Train
from mlalign.config.settings import OPEN_SHARE, setting
from mlalign.cost import FORWARD
from mlalign.finetuning.tunings.base import Parts, first_epoch_after
from mlalign.finetuning.tunings.consistency import Consistency, scored
from mlalign.losses import model_consistency_loss
from mlalign.tasks.base import TaskBatch

if TYPE_CHECKING:
    from mlalign.finetuning.module import FinetuningModule
    from mlalign.tasks.data import TaskDataModule


class ModelConsistency(Consistency):
    """Model consistency R2 of xTune (Zheng et al. 2021, arXiv:2106.08226), the second stage; R1 is ``consistency``.

    After a share of the epochs the encoder and the head are copied. From then on their predictions of
    the view, without dropout, are what is to be predicted of it; where the view is noise, those of the
    row as it is.
    """

    faithful = "one run: the first stage is its first epochs, whose weights go on learning (published: learned anew)"

    @dataclass
    class Settings(Consistency.Settings):
        """See ``losses.model_consistency_loss``."""

        start: float = setting(MISSING, OPEN_SHARE)  # of the epochs that are the first stage

        def check(self, config: Train) -> Iterator[str]:
            """There is an epoch before and after."""
            yield from super().check(config)
            if config.finetune.epochs == 1:
                yield "tuning=model_consistency has two stages of whole epochs: set finetune.epochs to 2 at least"

        def passes(self, epochs: int) -> float:
            """The view by both models, once the first stage is over."""
            return 1 + (1 + FORWARD) * (epochs - first_epoch_after(self.start, epochs)) / epochs

    def __init__(self, settings: Settings, parts: Parts) -> None:
        super().__init__(settings, parts)
        self.start = first_epoch_after(settings.start, parts.epochs)
        self.first: dict[str, Tensor] = {}  # name -> weight of the first stage

    def epoch_started(self, module: "FinetuningModule", data: "TaskDataModule") -> None:
        """Copy the encoder and the head once, when the first stage is over."""
        if module.current_epoch == self.start:
            self.first = {
                name: value.detach().clone()
                for name, value in (*module.named_parameters(), *module.named_buffers())
                if name.startswith(("encoder.", "head."))
            }

    def remembered(self) -> dict[str, Tensor]:
        """The weights of the first stage, once it is over."""
        return self.first

    def remember(self, known: dict[str, Tensor]) -> None:
        """The same again."""
        self.first = known

    def row_term(
        self, module: "FinetuningModule", part: TaskBatch, outputs: Tensor, view: TaskBatch | None
    ) -> Float[Tensor, ""] | None:
        """The divergence, summed over the labels of the part; none in the first stage."""
        if not self.first:
            return None
        other = part if view is None else view
        self.first = {name: value.to(outputs.device) for name, value in self.first.items()}  # a resumed run's are not
        module.eval()
        with torch.no_grad():
            first = scored(module, functional_call(module, self.first, (other,)), other)
        module.train()
        logits = scored(module, self.again(module, other), other)
        return self.summed(model_consistency_loss(logits, first), logits)
