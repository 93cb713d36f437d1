"""The processes that share one run, one per device: who is first, and what all of them know.

With one process there is nobody to wait for and nothing to tell; the same code runs.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from numpy.typing import NDArray
from torch import distributed

Known = TypeVar("Known")
Given = ParamSpec("Given")
Items = TypeVar("Items", bound=Sequence[Any] | NDArray[Any])


def world_size() -> int:
    """How many processes share the run."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """This process among them, 0 being the first."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def own_share(items: Items) -> tuple[Items, bool]:
    """What this process has of items that all processes share out; one that gets none has the first, not to count it.

    Returns:
        The items, and whether they count.
    """
    given: Any = items
    own = given[rank() :: world_size()]
    return (own, True) if len(own) else (given[:1], False)


def local_world_size() -> int:
    """How many of them are on this machine; all machines have as many."""
    machines = int(os.environ.get("GROUP_WORLD_SIZE") or os.environ.get("SLURM_NNODES") or 1)
    return max(1, world_size() // machines)


def is_rank_zero() -> bool:
    """Whether this process writes files, logs and results; the others leave them alone."""
    return rank() == 0


def barrier() -> None:
    """Until all processes are here."""
    if world_size() > 1:
        distributed.barrier()


@contextmanager
def rank_zero_first() -> Iterator[None]:
    """The first process goes through the block alone; the others follow and find its work done."""
    if not is_rank_zero():
        barrier()
    yield
    if is_rank_zero():
        barrier()


def on_rank_zero(job: Callable[Given, object]) -> Callable[Given, None]:
    """The job where this is the first process, and nothing elsewhere."""

    def done(*given: Given.args, **named: Given.kwargs) -> None:
        if is_rank_zero():
            job(*given, **named)

    return done


def broadcast_object(value: Known) -> Known:
    """What the first process knows, in all of them."""
    if world_size() == 1:
        return value
    known = [value]
    distributed.broadcast_object_list(known, src=0)
    return known[0]


def all_gather_object(value: Known) -> list[Known]:
    """What each process knows, in all of them, in the order of ranks."""
    if world_size() == 1:
        return [value]
    known = [value] * world_size()
    distributed.all_gather_object(known, value)
    return known
