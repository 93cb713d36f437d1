"""Word level: a masked token points at its translation, which the encoder itself found in the text without masks."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mlalign.alignment.batch import EncodedBatch, EncodedSide
from mlalign.alignment.objectives.base import Needs, Objective, Parts
from mlalign.config.settings import at_least, setting
from mlalign.cost import BatchSize, linear_operations
from mlalign.losses import mutual_links, pointer_loss, sinkhorn
from mlalign.training.gathering import weighted


class LinkPointer(Objective):
    """XLM-Align's denoising word alignment (Chi et al. 2021, arXiv:2106.06381); see ``losses.pointer_loss``.

    Links are the mutual best matches of the unmasked row, see ``losses.mutual_links``; they get no gradient.
    """

    level = "word"
    encodes_again = frozenset({"tlm"})
    faithful = (
        "both directions are one mean and a token with two links points at both; vectors that are linked are of the "
        "last layer unless `layer` is set (published: 10 of 12); from scratch the links begin as chance"
    )

    @dataclass
    class Settings(Objective.Settings):
        """``layer``: whose vectors are linked, null for the last; ``sinkhorn``: iterations before."""

        layer: int | None = setting(None, at_least(0))
        sinkhorn: int = setting(2, at_least(0))

        def needs(self) -> Needs:
            """Pairs in one row."""
            return Needs(frozenset({"tlm"}))

    def __init__(self, settings: Settings, parts: Parts) -> None:
        super().__init__(settings, parts)
        self.settings = settings
        parts.require_layer("losses.link_pointer.layer", settings.layer)
        self.query = nn.Linear(parts.dim, parts.dim)
        self.key = nn.Linear(parts.dim, parts.dim, bias=False)  # one would be the same for all keys of a query

    def forward(self, batch: EncodedBatch) -> Float[Tensor, ""]:
        """A mean over the links of masked tokens, in both directions."""
        rows = batch.joined("tlm")
        across, links = self.links(rows)
        is_masked = rows.on_device(rows.given.masked)[:, :, None]
        pointed = (links | links.transpose(1, 2)) & is_masked
        allowed = across | across.transpose(1, 2)
        loss = pointer_loss(self.query(rows.states), self.key(rows.states), pointed, allowed)
        return weighted(loss, int(pointed.sum()))

    @torch.no_grad()
    def links(self, rows: EncodedSide) -> tuple[Bool[Tensor, "rows length length"], Bool[Tensor, "rows length length"]]:
        """Which tokens of the first half could be linked with which of the second, and which are."""
        assert rows.given.half is not None  # a row holds both sentences
        half = rows.on_device(rows.given.half * rows.given.is_content_token)
        across = (half == 1)[:, :, None] & (half == 2)[:, None, :]
        layers = rows.unmasked_layers()
        states = layers[-1 if self.settings.layer is None else self.settings.layer].float()
        shares = sinkhorn(states @ states.transpose(1, 2), across, iterations=self.settings.sinkhorn)
        return across, mutual_links(shares, across)

    def operations(self, size: BatchSize) -> int:
        """Two maps of each position, and two products of all positions of a row, one without gradient."""
        products = linear_operations(int((size.joined**2).sum()), size.width)
        return 2 * linear_operations(int(size.joined.sum()), size.width**2) + products + products // 3
