"""Learning rates over a run; every length is a share of the run."""

from collections.abc import Callable


def warmup_then_linear(steps: int, warmup: float) -> Callable[[int], float]:
    """Rises over the first ``warmup`` of the run, then falls to 0 at its end."""
    rising = round(warmup * steps)

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / rising
        return max(0.0, (steps - step) / max(1, steps - rising))

    return factor
