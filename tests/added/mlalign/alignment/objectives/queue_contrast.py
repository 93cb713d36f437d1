"""Sentence level: a sentence finds its translation, as a slow encoder sees it, among those of earlier batches."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from omegaconf import MISSING
from torch import Tensor
from torch.nn import functional

from mlalign.alignment.batch import EncodedBatch
from mlalign.alignment.companions import Companion
from mlalign.alignment.objectives.base import Needs, Objective, Parts
from mlalign.alignment.views import TARGET
from mlalign.config.settings import POSITIVE, SHARE, at_least, setting
from mlalign.cost import BatchSize, linear_operations
from mlalign.losses import momentum_contrast_loss
from mlalign.training.gathering import all_gather


class QueueContrast(Objective):
    """He et al. 2020 (arXiv:1911.05722), between languages: the source is the query, the target the key."""

    level = "sentence"

    @dataclass
    class Settings(Objective.Settings):
        """``momentum`` is that of the slow encoder, ``queue`` the number of keys that are held."""

        temperature: float = setting(MISSING, POSITIVE)
        momentum: float = setting(MISSING, SHARE)
        queue: int = setting(MISSING, at_least(1))

        def needs(self) -> Needs:
            """The batch, and a copy of the encoder that no gradient reaches."""
            return Needs(companions=frozenset({"momentum"}))

    encodes_again = frozenset({f"{TARGET}masked"})
    queue: Tensor

    def __init__(self, settings: Settings, parts: Parts) -> None:
        super().__init__(settings, parts)
        self.settings = settings
        self.register_buffer("queue", functional.normalize(torch.randn(settings.queue, parts.dim), dim=1))
        self._keys = self.queue[:0]

    def forward(self, batch: EncodedBatch) -> Float[Tensor, ""]:
        """Of the gathered batch."""
        query = all_gather(functional.normalize(batch.pair("masked").source.sentence, dim=1))
        with torch.no_grad():
            self._keys = all_gather(functional.normalize(batch.key("masked").vector(), dim=1))
        return momentum_contrast_loss(query, self._keys, self.queue, temperature=self.settings.temperature)

    def operations(self, size: BatchSize) -> int:
        """All similarities with the queue, which gets no gradient."""
        return linear_operations(size.pairs, len(self.queue) * size.width, frozen=True)

    @torch.no_grad()
    def stepped(self, batch: EncodedBatch) -> None:
        """The keys take the places of the oldest."""
        self.queue = torch.cat([self._keys.to(self.queue.dtype), self.queue])[: len(self.queue)]

    def updated(self, companions: Mapping[str, Companion]) -> None:
        """The slow encoder follows."""
        companions["momentum"].move(self.settings.momentum)
