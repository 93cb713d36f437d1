"""Sentence level: each dimension of a sentence vector agrees with itself in the translation, and with no other."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from omegaconf import MISSING
from torch import Tensor, nn

from mlalign.alignment.batch import EncodedBatch
from mlalign.alignment.objectives.base import Needs, Objective, Parts
from mlalign.config.enums import View
from mlalign.config.settings import POSITIVE, setting


class BarlowTwins(Objective):
    """Zbontar et al. 2021 (arXiv:2103.03230), on projected sentence vectors."""

    level = "sentence"

    @dataclass
    class Settings(Objective.Settings):
        """``redundancy`` weighs the off-diagonal correlations."""

        view: View = View.masked
        redundancy: float = setting(MISSING, POSITIVE)

        def needs(self) -> Needs:
            """The sentence vectors of one view."""
            return Needs(frozenset({self.view.value}), fused=True)

    def __init__(self, settings: Settings, parts: Parts) -> None:
        super().__init__(settings, parts)
        self.settings = settings
        self.projection = nn.Linear(parts.dim, 8, bias=False)
        self.register_buffer("batches", torch.zeros((), dtype=torch.long))

    def forward(self, batch: EncodedBatch) -> Float[Tensor, ""]:
        """0 for an identity of correlations."""
        sides = (self.projection(side.sentences).float() for side in batch.pair(self.settings.view).sides)
        source, target = ((one - one.mean(0)) / (one.std(0, correction=0) + 1e-5) for one in sides)
        correlation = source.T @ target / len(source)
        diagonal = torch.eye(len(correlation), device=correlation.device)
        errors = (correlation - diagonal).square()
        return (errors * torch.where(diagonal > 0, 1.0, self.settings.redundancy)).sum()

    @torch.no_grad()
    def stepped(self, batch: EncodedBatch) -> None:
        """Count."""
        self.batches += 1

    def measures(self, batch: EncodedBatch) -> dict[str, Tensor | float]:
        """Batches before this one."""
        return {"batches": self.batches}
