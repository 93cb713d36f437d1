"""Streams of random numbers that depend on nothing but what they are for."""

import torch

from mlalign.data.sampling import stream


def seed_everything_for(seed: int, *purpose: str | int) -> None:
    """Give what follows (dropout) a random stream that depends on nothing but its place."""
    torch.manual_seed(int(stream(seed, *purpose).integers(2**62)))
