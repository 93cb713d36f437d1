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
    """Of one or of many steps.

    Attributes:
        operations: in products of matrices.
        moved: bytes read or written outside of them, the update left out.
        passes: forward and backward; one forward alone counts a third.
    """

    operations: float
    moved: float
    passes: float

    def __add__(self, other: "Work") -> "Work":
        """Both."""
        return Work(*(one + two for one, two in zip(astuple(self), astuple(other), strict=True)))

    def __mul__(self, number: float) -> "Work":
        """So many times."""
        return Work(*(number * one for one in astuple(self)))


@dataclass(frozen=True)
class Sheet:
    """A card by its data sheet.

    Attributes:
        name: of it.
        memory: bytes.
        rate: operations a second.
        bandwidth: bytes a second.
        computed: how it computes a step.
        error: by which share seconds may be off.
        resident: bytes that a process holds there before it has a model: none that are known.
    """

    name: str
    memory: float
    rate: float
    bandwidth: float
    computed: Computed
    error: float = ERROR
    resident: float = 0.0

    def seconds(self, work: Work, shape: Shape, updates: float = 0) -> float:
        """See ``model.seconds``."""
        moved = work.moved + updates * UPDATE * shape.learned
        return seconds(work.operations, moved, work.passes * shape.layers, rate=self.rate, bandwidth=self.bandwidth)


@dataclass(frozen=True)
class Measured:
    """This machine, by steps that it was seen to make; their updates are in them.

    Attributes:
        name: of it.
        memory: bytes.
        rate: operations a second.
        computed: how it computes a step.
        error: how far apart the steps were.
        resident: bytes that this process held before it had a model.
    """

    name: str
    memory: float
    rate: float
    computed: Computed
    error: float
    resident: float

    def seconds(self, work: Work, shape: Shape, updates: float = 0) -> float:
        """As its steps took."""
        return work.operations / self.rate


Device = Sheet | Measured


def sheet_of(config: Train) -> Sheet:
    """The card that a configuration names.

    Raises:
        ConfigError: it has no products of matrices in the precision that is asked for.
    """
    card, asked = config.card, config.trainer.precision
    takes = asked if asked != Precision.auto else Precision.float32 if card.bfloat16 is None else Precision.bfloat16
    rate = card.bfloat16 if takes == Precision.bfloat16 else card.float32
    if rate is None:
        raise ConfigError(f"trainer.precision={takes}: card={card.name} has none; set trainer.precision=auto")
    assert card.bandwidth is not None  # checked
    assert card.memory is not None
    computed = Computed(takes == Precision.bfloat16, True, config.backbone.gradient_checkpointing)
    return Sheet(card.name, card.memory, rate, card.bandwidth, computed)


def memory_here(*, gpu: bool) -> float:
    """Bytes of this machine's GPU, or of itself."""
    if gpu:
        return float(torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory)
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
