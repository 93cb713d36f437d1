"""How long and how fast the players learn; every length is a share of the run."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Optimisation:
    """How the two players learn.

    Attributes:
        steps: updates of the generator in the whole run.
        accumulate: batches per update.
        head_warmup: updates before the first of these in which only a head that starts at random
            learns; 0 where there is none.
        max_grad_norm: of each player, or None.
        betas: of Adam, for both players.
        warmup: share of the run over which the generator's learning rates rise.
        backbone, embeddings, heads, adapter, discriminator: peak learning rates.
        weights: of the learned weights in a run of 20,000 steps; a shorter run gets more.
        discriminator_steps: updates of the discriminator per batch, where it learns first.
        alternate: whether the discriminator learns first and the generator then plays against what
            it has learned; otherwise both learn from the same logits in one backward.
    """

    steps: int
    accumulate: int
    head_warmup: int
    max_grad_norm: float | None
    betas: tuple[float, float]
    warmup: float
    backbone: float
    embeddings: float
    heads: float
    adapter: float
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

    def is_head_warmup(self, place: int) -> bool:
        """Whether in this batch of the run only the head learns."""
        return place < self.head_warmup * self.accumulate

    def progress(self, place: int) -> float:
        """The share of the generator's run before this batch."""
        return (place - self.head_warmup * self.accumulate) / (self.steps * self.accumulate)

    def update(self, place: int) -> int:
        """The update that this batch belongs to."""
        return place // self.accumulate

    def ends_update(self, place: int) -> bool:
        """Whether this batch is the last of its update."""
        return (place + 1) % self.accumulate == 0


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
