"""Non-finite numbers: noted on the device at every update, read by the host at reports."""

from collections.abc import Mapping

import torch
from jaxtyping import Int
from torch import Tensor

from mlalign.errors import TrainingError


class DivergenceMonitor:
    """Remembers at which update each loss or gradient norm first was non-finite.

    Args:
        stage: ``align`` or ``finetune``, the keys' prefix in messages.
    """

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self._first: dict[tuple[str, ...], Int[Tensor, " names"]] = {}  # -1: never

    @torch.no_grad()
    def watch(self, step: int, values: Mapping[str, Tensor]) -> None:
        """Note what is non-finite at this update, without waiting for the device."""
        names = tuple(values)
        stacked = torch.stack([value.detach().double().reshape(()) for value in values.values()])
        never = torch.full_like(stacked, -1, dtype=torch.long)
        first = self._first.get(names, never)
        self._first[names] = torch.where((first < 0) & ~stacked.isfinite(), step, first)

    def check(self) -> None:
        """Read what was noted; the host waits once.

        Raises:
            TrainingError: names what was non-finite first, and when.
        """
        found = [
            (step, name)
            for names, first in self._first.items()
            for name, step in zip(names, first.tolist(), strict=True)
            if step >= 0
        ]
        if found:
            step, name = min(found, key=lambda one: one[0])  # losses are noted first
            raise TrainingError(
                f"{self.stage}: {name} is non-finite since update {step}; nothing can be learned "
                f"from that, and nothing of it is saved. Lower {self.stage}.learning_rate or set "
                f"{self.stage}.max_grad_norm"
            )
