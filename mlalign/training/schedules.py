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
        head_warmup: updates before the first of these in which only a head that starts at random
            learns; 0 where there is none.
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
    head_warmup: int
    max_grad_norm: float | None
    warmup: float
    backbone: float
    embeddings: float
    heads: float
    discriminator: float
    weights: float
    discriminator_steps: int
    alternate: bool

    @property
    def updates(self) -> int:
        """Of the whole run, the head's own among them."""
        return self.head_warmup + self.steps

    @property
    def batches(self) -> int:
        """Of the whole run."""
        return self.updates * self.accumulate


def are_on_gpu(groups: Iterable[Mapping[str, Any]]) -> bool:
    """Whether all parameters are, so that one fused kernel can update them."""
    return all(parameter.is_cuda for group in groups for parameter in group["params"])


def warmup_then_linear(steps: int, warmup: float, before: int = 0) -> Callable[[int], float]:
    """Rises over the first ``warmup`` of the run, then falls to 0 at its end.

    ``before`` steps at the full rate come first; they do not count.
    """
    rising = round(warmup * steps)

    def factor(step: int) -> float:
        step -= before
        if step < 0:
            return 1.0
        if step < rising:
            return (step + 1) / rising
        return max(0.0, (steps - step) / max(1, steps - rising))

    return factor
