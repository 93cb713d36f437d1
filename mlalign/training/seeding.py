"""Streams of random numbers that depend on nothing but what they are for."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from mlalign.data.sampling import stream


def seed_everything_for(seed: int, *purpose: str | int) -> None:
    """Give what follows (dropout) a random stream that depends on nothing but its place."""
    torch.manual_seed(int(stream(seed, *purpose).integers(2**62)))


@contextmanager
def own_stream(device: torch.device, seed: int, *purpose: str | int) -> Iterator[None]:
    """Give what is in here a random stream of its own; what follows goes on as if it had not been."""
    with torch.random.fork_rng([device.index or 0] if device.type == "cuda" else []):
        seed_everything_for(seed, *purpose)
        yield
