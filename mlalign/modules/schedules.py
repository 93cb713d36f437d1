"""How long and how fast the players learn; every length is a share of the run."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Optimisation:
    """How the two players learn.

    Attributes:
        steps: updates of the generator in the whole run.
        accumulate: batches per update.
        max_grad_norm: of each player, or None.
        warmup: share of the run over which the generator's learning rates rise.
        backbone, embeddings, heads, discriminator: peak learning rates.
        weights: of the learned weights in a run of 20,000 steps; a shorter run gets more.
        discriminator_steps: updates of the discriminator per batch, where it learns first.
        alternate: whether the discriminator learns first and the generator then plays against what
            it has learned; otherwise both learn from the same guesses in one backward.
    """

    steps: int
    accumulate: int
    max_grad_norm: float | None
    warmup: float
    backbone: float
    embeddings: float
    heads: float
    discriminator: float
    weights: float
    discriminator_steps: int
    alternate: bool


def are_on_gpu(groups: Iterable[Mapping[str, Any]]) -> bool:
    """Whether all parameters are, so that one fused kernel can update them."""
    return all(parameter.is_cuda for group in groups for parameter in group["params"])


def warmup_then_linear(steps: int, warmup: float) -> Callable[[int], float]:
    """Rises over the first ``warmup`` of the run, then falls to 0 at its end."""
    rising = round(warmup * steps)

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / rising
        return max(0.0, (steps - step) / max(1, steps - rising))

    return factor
