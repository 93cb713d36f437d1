"""Alignments of a toy, and what happens in their steps."""

import math
from pathlib import Path
from typing import Any

import lightning as L
import torch
from training.toy import STILL, Memory, batches, built, fitted, trainer

from mlalign.alignment.module import AlignmentModule
from mlalign.config.schema import Align
from mlalign.stages.align import align

AT_ONCE = ("align.adversary.warmup=0", "align.adversary.ramp=0", "fusion.partner_drop=0", *STILL)


class Steps(L.Callback):
    """What each player steps with: rates, and gradients by the name of their group."""

    def __init__(self) -> None:
        self.rates: list[dict[str, float]] = []
        self.gradients: dict[str, list[list[torch.Tensor]]] = {}
        self.passes: list[int] = []
        self.global_steps: list[int] = []

    def on_train_start(self, trainer: Any, module: Any) -> None:
        module.encoder.register_forward_hook(lambda *_: self._count())
        for optimizer in trainer.optimizers:
            optimizer.register_step_post_hook(self._note)  # as it was clipped

    def on_train_batch_start(self, *_: Any) -> None:
        self.passes.append(0)

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        self.global_steps.append(trainer.global_step)

    def _count(self) -> None:
        self.passes[-1] += 1

    def _note(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        self.rates.append({group["name"]: group["lr"] for group in optimizer.param_groups})
        for group in optimizer.param_groups:
            given = [one.grad for one in group["params"] if one.grad is not None]
            copies = [gradient.clone() for gradient in given]
            self.gradients.setdefault(group["name"], []).append(copies)

    def norm(self, step: int, *groups: str) -> float:
        squares = [g.square().sum() for name in groups for g in self.gradients[name][step]]
        return math.sqrt(sum(map(float, squares)))


def stepped(toy: Path, folder: Path, *overrides: str) -> tuple[AlignmentModule, Steps, L.Trainer]:
    module, data = built(toy, *overrides)
    steps = Steps()
    loop = fitted(module, batches(data, data.batches), folder, [steps])
    return module, steps, loop


def aligned(toy: Path, folder: Path, *overrides: str, curves: int = 2) -> Memory:
    module, data = built(toy, *overrides)
    memory = Memory()
    align(
        module,
        data,
        Align(validations=curves, prototype_sentences=20),
        trainer=lambda *, folder, callbacks, **stage: trainer(folder, callbacks, loggers=[memory], **stage),
        folder=folder,
        resume_from=folder,
        minutes=60,
    )
    return memory
