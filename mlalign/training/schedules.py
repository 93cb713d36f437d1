"""How long and how fast the players learn; every length is a share of the run."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from mlalign.config.enums import AdversarySchedule
from mlalign.config.schema import Align


@dataclass(frozen=True)
class Optimisation:
    """How the two players learn.

    Attributes:
        align: settings of the stage.
        head_warmup: updates before the first of these in which only a head that starts at random
            learns; 0 where there is none.
        adapter: peak learning rate of an adapter.
    """

    align: Align
    head_warmup: int
    adapter: float

    @property
    def alternate(self) -> bool:
        """Whether the discriminator learns first and the generator then plays against what it has learned.

        Otherwise both learn from the same logits in one backward.
        """
        return self.align.adversary.schedule == AdversarySchedule.alternate

    def of_steps(self, steps: int) -> "Optimisation":
        """The same for a run of so many steps."""
        return replace(self, align=replace(self.align, steps=steps))

    @property
    def updates(self) -> int:
        """Of the whole run, the head's own among them."""
        return self.head_warmup + self.align.steps

    @property
    def batches(self) -> int:
        """Of the whole run."""
        return self.updates * self.align.accumulate

    def is_head_warmup(self, place: int) -> bool:
        """Whether in this batch of the run only the head learns."""
        return place < self.head_warmup * self.align.accumulate

    def progress(self, place: int) -> float:
        """The share of the generator's run before this batch."""
        return (place - self.head_warmup * self.align.accumulate) / (self.align.steps * self.align.accumulate)

    def update(self, place: int) -> int:
        """The update that this batch belongs to."""
        return place // self.align.accumulate

    def ends_update(self, place: int) -> bool:
        """Whether this batch is the last of its update."""
        return (place + 1) % self.align.accumulate == 0


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
