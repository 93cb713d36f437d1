"""Guesses from a sentence vector which of two languages the sentence is in."""

from jaxtyping import Float
from torch import Tensor, nn


class LanguageDiscriminator(nn.Module):
    """f_D of Eq. 1: two hidden layers.

    Args:
        dim: width of the sentence vectors.
        hidden: width of both hidden layers; None for that of the vectors.
        dropout: between the hidden layers.
        normalise: put a normalisation without parameters in front, which keeps the generator from
            winning by the length of its vectors alone.
    """

    def __init__(
        self,
        dim: int,
        *,
        hidden: int | None = None,
        dropout: float = 0.1,
        normalise: bool = True,
    ) -> None:
        super().__init__()
        hidden = dim if hidden is None else hidden
        self.layers = nn.Sequential(
            nn.LayerNorm(dim, elementwise_affine=False) if normalise else nn.Identity(),
            nn.Linear(dim, hidden),
            nn.LeakyReLU(0.2),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, 1),
        )

    def forward(self, vectors: Float[Tensor, "n dim"]) -> Float[Tensor, " n"]:
        """A logit per vector; positive says "source"."""
        return self.layers(vectors).squeeze(-1)
