"""The head of a task: from a vector to one number for each output."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

ACTIVATIONS = {"tanh": nn.Tanh, "relu": nn.ReLU, "gelu": nn.GELU}


def perceptron(
    dim: int, outputs: int, *, hidden: Sequence[int], activation: str = "tanh", dropout: float = 0.0
) -> nn.Sequential:
    """Hidden layers in front of the linear one, as LASER classifies documents (Schwenk and Li 2018, arXiv:1805.09821).

    Args:
        dim: of a vector.
        outputs: how many numbers.
        hidden: widths of the hidden layers, at least one.
        activation: after each of them: a name in ``ACTIVATIONS``.
        dropout: after that.
    """
    layers: list[nn.Module] = []
    for before, after in pairwise([dim, *hidden]):
        layers += [nn.Linear(before, after), ACTIVATIONS[activation](), nn.Dropout(dropout)]
    return nn.Sequential(*layers, nn.Linear(hidden[-1], outputs))


class Convolution(nn.Module):
    """Filters over neighbouring words, the largest value of each over the text, then the linear layer.

    As Schwenk and Li 2018 (arXiv:1805.09821) classify documents from word vectors; the form is that of Kim 2014
    (arXiv:1408.5882). A filter stands on every word; beyond the text's ends, and where no word is, are zeros.

    Args:
        dim: of a word's vector.
        outputs: how many numbers.
        filters: how many.
        width: words that a filter sees, an odd number.
        activation: of the filters: a name in ``ACTIVATIONS``.
        dropout: after that.
    """

    def __init__(self, dim: int, outputs: int, *, filters: int, width: int, activation: str, dropout: float) -> None:
        super().__init__()
        self.filters = nn.Conv1d(dim, filters, width, padding=width // 2)
        self.activation, self.dropout = ACTIVATIONS[activation](), nn.Dropout(dropout)
        self.linear = nn.Linear(filters, outputs)

    def forward(
        self, words: Float[Tensor, "batch length dim"], is_content_token: Bool[Tensor, "batch length"]
    ) -> Float[Tensor, "batch outputs"]:
        """Outputs of each text; those of the linear layer's bias alone for a text without words."""
        seen = words.masked_fill(~is_content_token[..., None], 0)
        found = self.activation(self.filters(seen.transpose(1, 2)))
        best = found.masked_fill(~is_content_token[:, None], -torch.inf).amax(-1)
        best = best.masked_fill(~is_content_token.any(1, keepdim=True), 0)
        outputs: Tensor = self.linear(self.dropout(best))
        return outputs
