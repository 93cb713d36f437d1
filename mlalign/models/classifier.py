"""The head of a task: from a vector to one number for each output."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

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
