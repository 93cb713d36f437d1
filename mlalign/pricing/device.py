"""What a run is priced on: a card by its data sheet, or this machine by a few steps."""

import os
from dataclasses import astuple, dataclass

import torch

from mlalign.config.enums import Precision
from mlalign.config.schema import Train
from mlalign.errors import ConfigError
from mlalign.pricing.model import ERROR, UPDATE, Computed, Shape, seconds


@dataclass(frozen=True)
class Work:
    """Of one or of many steps."""

    operations: float  # in products of matrices
    moved: float  # bytes read or written outside of them, the update left out
    passes: float  # forward and backward; one forward alone counts a third

    def __add__(self, other: "Work") -> "Work":
        """Both."""
        return Work(*(one + two for one, two in zip(astuple(self), astuple(other), strict=True)))

    def __mul__(self, number: float) -> "Work":
        """So many times."""
        return Work(*(number * one for one in astuple(self)))


@dataclass(frozen=True)
class Device:
    """A card by its data sheet, or this machine by steps that it was seen to make."""

    name: str
    memory: float  # bytes
    rate: float  # operations a second
    computed: Computed  # how it computes a step
    # bytes a second; None where steps were measured, whose time is that of what they moved, too
    bandwidth: float | None = None
    error: float = ERROR  # by which share seconds may be off
    resident: float = 0.0  # bytes that a process holds before it has a model, as far as they are known

    def seconds(self, work: Work, shape: Shape, updates: float = 0) -> float:
        """As measured steps took, updates included, or by ``model.seconds``."""
        if self.bandwidth is None:
            return work.operations / self.rate
        moved = work.moved + updates * UPDATE * shape.learned
        return seconds(work.operations, moved, work.passes * shape.layers, rate=self.rate, bandwidth=self.bandwidth)


def sheet_of(config: Train) -> Device:
    """The card that a configuration names.

    Raises:
        ConfigError: it has no products of matrices in the precision that is asked for.
    """
    card, asked = config.card, config.trainer.precision
    takes = asked if asked != Precision.auto else Precision.float32 if card.bfloat16 is None else Precision.bfloat16
    rate = card.bfloat16 if takes == Precision.bfloat16 else card.float32
    if rate is None:
        raise ConfigError(f"trainer.precision={takes}: card={card.name} has none; set trainer.precision=auto")
    assert card.memory is not None  # checked
    computed = Computed(takes == Precision.bfloat16, True, config.backbone.gradient_checkpointing)
    return Device(card.name, card.memory, rate, computed, card.bandwidth)


def memory_here(*, gpu: bool) -> float:
    """Bytes of this machine's GPU, or of itself."""
    if gpu:
        return float(torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory)
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
