"""What the modules of all stages have in common."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning as L
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import Optimizer

from mlalign.files import JsonObject
from mlalign.training.clipping import clip_gradients
from mlalign.training.divergence import DivergenceMonitor, Learned
from mlalign.training.optimizers import parameters_of


class StageModule(L.LightningModule):
    """Learns with dropout, clips what each optimizer trains, and notes what is non-finite.

    Args:
        stage: one of ``divergence.ADVICE``.
        max_grad_norm: of each optimizer, or None.

    Attributes:
        divergence: knows what each update learned from, and has it described by the data set that is learned.
        norms: name of a gradient -> its norm before it was clipped, of the last update.
        shown: what the progress bar shows: name -> number.
    """

    def __init__(self, stage: str, max_grad_norm: float | None) -> None:
        super().__init__()
        self.max_grad_norm = max_grad_norm
        self.divergence = DivergenceMonitor(stage, lambda: Path(self.trainer.default_root_dir), self._described)
        self.norms: dict[str, Float[Tensor, ""]] = {}
        self.shown: dict[str, str] = {}

    def on_train_start(self) -> None:
        """Pretrained weights come in evaluation mode, and Lightning leaves modes as they are."""
        self.train()

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Clip all that an optimizer trains as one vector."""
        name = optimizer.param_groups[0].get("name")
        norm = clip_gradients(self.clipped(optimizer), self.max_grad_norm)
        found = {f"gradient_norm/{name}" if name else "gradient_norm": norm}
        self.norms |= found
        self.divergence.watch(self.global_step, found)

    def clipped(self, optimizer: Optimizer) -> list[nn.Parameter]:
        """What of an optimizer's parameters is clipped."""
        return parameters_of(optimizer)

    def is_reported(self, place: int) -> bool:
        """Whether numbers of this batch, or update, are read from the device, for which the host waits."""
        every: int = self.trainer.log_every_n_steps  # type: ignore[attr-defined]  # of a trainer, not of Fabric
        return every > 0 and place % every == 0

    def show(self, values: Mapping[str, Tensor | float]) -> None:
        """Put numbers on the progress bar; the host waits. ``self.log`` would do so after every batch from then on."""
        self.shown |= {name: f"{float(value):.3g}" for name, value in values.items()}

    def on_validation_start(self) -> None:
        """A diverged run is not scored, and none of its weights are kept."""
        self.divergence.check()

    def _described(self, learned: Learned) -> Sequence[JsonObject]:
        loader: Any = self.trainer.train_dataloader
        describe = getattr(loader.dataset, "described", None)
        return [] if describe is None else describe(learned.language, learned.rows, learned.epoch)
