"""Sentence level: a sentence finds its translation, as a slow encoder sees it, among those that came before."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from omegaconf import MISSING
from torch import Tensor, nn
from torch.nn import functional

from mlalign.alignment.batch import EncodedBatch
from mlalign.alignment.companions import Companion
from mlalign.alignment.objectives.base import Needs, Objective, Parts
from mlalign.alignment.views import TARGET
from mlalign.config.enums import ContrastView, Projection
from mlalign.config.schema import Train
from mlalign.config.settings import POSITIVE, SHARE, at_least, setting
from mlalign.cost import BatchSize, linear_operations
from mlalign.losses import momentum_contrast_loss
from mlalign.training.gathering import all_gather
from mlalign.wording import plural

log = logging.getLogger(__name__)


class MomentumContrast(Objective):
    """Chi et al. 2021 (arXiv:2007.07834); the source is the query, the target the key.

    With ``view=either`` the source of a row is either language. Until the queue is full the keys of
    the batch are the negatives. All ranks hold the same queue.
    """

    level = "sentence"
    faithful = (
        "queue, batch and steps are this run's (InfoXLM: 131,072 keys, 200,000 steps of 2,048 pairs), vectors are "
        "of the last layer unless `layer` is set (InfoXLM: 8 of 12), and until the queue is full the batch stands in"
    )

    @dataclass
    class Settings(Objective.Settings):
        """See ``losses.momentum_contrast_loss``."""

        view: ContrastView = ContrastView.masked
        layer: int | None = setting(None, at_least(0))  # null: the last
        projection: Projection = MISSING
        normalise: bool = MISSING
        temperature: float = setting(MISSING, POSITIVE)
        momentum: float | None = setting(None, SHARE)  # of the slow encoder; null: 1 - 10 / align.steps
        queue: int = setting(MISSING, at_least(0))

        def needs(self) -> Needs:
            """Both languages, and the target from a slow encoder too."""
            layers = frozenset() if self.layer is None else frozenset({self.layer})
            return Needs(frozenset({self.view.value}), layers=layers, companions=frozenset({"momentum"}))

        def check(self, config: Train) -> Iterator[str]:
            """Nothing is refused, but a queue that is rarely full is none."""
            keys = config.align.batch_size * config.align.steps * config.align.accumulate
            keys //= 2 if self.view == ContrastView.mixed else 1
            if self.queue > keys / 4:
                log.warning(
                    "losses.momentum_contrast.queue=%d is full after more than a quarter of the run (%s in all)",
                    self.queue,
                    plural(keys, "key"),
                )
            return iter(())

    queue: Tensor
    pushed: Tensor
    slow: Tensor | None

    def __init__(self, settings: Settings, parts: Parts) -> None:
        super().__init__(settings, parts)
        self.settings, self.encodes_again = settings, frozenset({f"{TARGET}{settings.view}"})
        parts.require_layer("losses.momentum_contrast.layer", settings.layer)
        self.momentum = settings.momentum if settings.momentum is not None else max(0.0, 1 - 10 / parts.align.steps)
        weight = torch.empty(parts.dim, parts.dim).normal_(std=0.02)
        is_linear = settings.projection == Projection.linear
        self.projection = nn.Parameter(weight) if is_linear else None
        self.register_buffer("slow", weight.clone() if is_linear else None)
        self.register_buffer("queue", torch.zeros(settings.queue, parts.dim))
        self.register_buffer("pushed", torch.zeros((), dtype=torch.long))
        self._keys: Tensor | None = None

    def forward(self, batch: EncodedBatch) -> Float[Tensor, ""]:
        """One direction."""
        settings = self.settings
        query = all_gather(self._vector(batch.pair(settings.view).source.vector(settings.layer), self.projection))
        with torch.no_grad():
            keys = all_gather(self._vector(batch.key(settings.view).vector(settings.layer), self.slow))
        self._keys = keys
        return momentum_contrast_loss(
            query,
            keys,
            torch.cat([keys, self.queue.to(keys.dtype)]),
            temperature=settings.temperature,
            excluded=self._excluded(batch, len(keys)),
        )

    def operations(self, size: BatchSize) -> int:
        """All similarities with the keys of the batch and of the queue, which get no gradient, and both projections."""
        rows = size.pairs // 2 if self.settings.view == ContrastView.mixed else size.pairs
        similarities = linear_operations(rows, (rows + len(self.queue)) * size.width, frozen=True)
        projections = 0 if self.projection is None else linear_operations(rows, size.width**2)
        return similarities + projections + projections // 3

    def _vector(self, vectors: Float[Tensor, "n dim"], weight: Tensor | None) -> Float[Tensor, "n dim"]:
        if weight is not None:
            vectors = functional.linear(vectors, weight)
        return functional.normalize(vectors, dim=-1) if self.settings.normalise else vectors

    def _excluded(self, batch: EncodedBatch, rows: int) -> Bool[Tensor, "rows others"]:
        """What is no negative of a row: its own key, what says the same, and the whole batch once the queue is full."""
        own = torch.eye(rows, dtype=torch.bool, device=self.queue.device)
        if self.settings.view != ContrastView.mixed:
            own = own | batch.same
        size = len(self.queue)
        places = torch.arange(size, device=self.queue.device)
        is_full = (self.pushed >= size) & (size > 0)
        return torch.cat([own | is_full, (places >= self.pushed).expand(rows, size)], 1)

    @torch.no_grad()
    def stepped(self, batch: EncodedBatch) -> None:
        """The batch's keys take the places of the oldest."""
        size = len(self.queue)
        if size and self._keys is not None:
            keys = self._keys[-size:].to(self.queue.dtype)
            places = (self.pushed + torch.arange(len(keys), device=self.queue.device)) % size
            self.queue.index_copy_(0, places, keys)
            self.pushed += len(keys)
        self._keys = None

    @torch.no_grad()
    def updated(self, companions: Mapping[str, Companion]) -> None:
        """The slow encoder and the slow projection follow."""
        companions["momentum"].move(self.momentum)
        if self.projection is not None and self.slow is not None:
            self.slow.lerp_(self.projection.detach(), 1 - self.momentum)
