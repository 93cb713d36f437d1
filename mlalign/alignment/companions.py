"""Other encoders that an alignment looks at: copies of its own, which no gradient reaches."""

import copy

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from mlalign.models.encoder import Encoder
from mlalign.models.subwords import Subwords


class Companion(nn.Module):
    """A copy of the encoder without its head and additions, always in evaluation mode.

    ``momentum`` is moved after every step by the objective that needs it, ``start`` stays as the
    encoder began. It is saved in checkpoints, and not in the encoder's folder.

    Args:
        encoder: that is trained.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = Encoder(copy.deepcopy(encoder.backbone.base_model), pool=encoder.pool).requires_grad_(False)
        self._trained = [encoder]  # in a list, so that it is no part of this
        self.eval()

    def train(self, mode: bool = True) -> "Companion":
        """Without dropout, whatever the mode."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, subwords: Subwords) -> tuple[Float[Tensor, "batch length dim"], ...]:
        """The hidden states of all layers, the embeddings' first."""
        return self.encoder.layers(subwords)

    def distance(self) -> Float[Tensor, ""]:
        r"""How far the encoder is away, :math:`\lVert \theta - \xi \rVert_2`, with its gradient."""
        own, trained = self.encoder.backbone.parameters(), self._trained[0].backbone.base_model.parameters()
        norms = [torch.linalg.vector_norm(one - other) for one, other in zip(trained, own, strict=True)]
        return torch.linalg.vector_norm(torch.stack(norms))

    @torch.no_grad()
    def move(self, momentum: float) -> None:
        r"""Follow the encoder: :math:`\xi \leftarrow m \xi + (1 - m) \theta` (He et al. 2020, arXiv:1911.05722)."""
        own, trained = self.encoder.backbone.parameters(), self._trained[0].backbone.base_model.parameters()
        get_ema_multi_avg_fn(momentum)(list(own), list(trained), 0)
