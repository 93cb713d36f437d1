"""The price of each stage of a run: from its text and its encoder to operations, seconds and bytes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedModel

from mlalign.alignment.budget import BatchCost, batch_costs
from mlalign.alignment.module import AlignmentModule
from mlalign.config.enums import Freeze
from mlalign.config.schema import Align, Train
from mlalign.cost import FORWARD, VocabularyRows, read_operations
from mlalign.data.parallel import ParallelDataModule
from mlalign.pricing.device import Device, Work
from mlalign.pricing.model import FLOAT, Shape, kept_bytes, moved_bytes, peak_bytes

NO_WORDS = VocabularyRows(0, 0)
SHORT, LOOKED_AT = 400, 100  # batches: of a run that is looked at whole, and of a longer one
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class StagePrice:
    """What a stage costs.

    Attributes:
        name: of the stage.
        what: its steps, or what it reads.
        tokens: positions that the encoder reads, those without gradient counted as a third.
        operations: all.
        seconds: all.
        memory: bytes at most.
    """

    name: str
    what: str
    tokens: float
    operations: float
    seconds: float
    memory: float


@dataclass(frozen=True)
class Batches:
    """An alignment's batches, as those that were looked at.

    Attributes:
        number: of all.
        mean: of one.
        most: tokens of the largest.
    """

    number: int
    mean: BatchCost
    most: float


def batches_of(align: Align, module: AlignmentModule, data: ParallelDataModule, steps: int) -> Batches:
    """All of a run of so many steps.

    Where there are many, those of a shorter run are looked at, in which every loss has the same share, and batches in
    which a head learns alone are taken to cost as much as the others.
    """
    plan = replace(module.optimisation, steps=steps)
    first, looked_at, of = 0, plan.batches, steps
    if plan.batches > SHORT:
        of = max(1, LOOKED_AT // plan.accumulate)
        first, looked_at = plan.head_warmup * plan.accumulate, of * plan.accumulate
    costs = list(islice(batch_costs(align, module, data, of), first, first + looked_at))
    rows = VocabularyRows(*(round(float(np.mean(kind))) for kind in zip(*(one.rows for one in costs), strict=True)))
    pairs, tokens, flops = (
        float(np.mean([getattr(one, key) for one in costs])) for key in ("pairs", "tokens", "flops")
    )
    return Batches(
        plan.batches, BatchCost(round(pairs), tokens, round(flops), rows, True), max(one.tokens for one in costs)
    )


def alignment_price(
    config: Train, module: AlignmentModule, batches: Batches, longest: float, device: Device
) -> StagePrice:
    """Of an alignment.

    Args:
        config: checked.
        module: that learns.
        batches: its own.
        longest: tokens of the largest batch there can be.
        device: that it is priced on.
    """
    align, shape, one = config.align, Shape.of(module.encoder.backbone), batches.mean
    vocabulary = 0 if module.head is None else len(module.head)
    whole = kept_bytes(shape, round(one.tokens), align.max_length, replace(device.computed, checkpointing=False))
    again = 1 + FORWARD * device.computed.checkpointing
    moved = moved_bytes(shape, round(whole * again), one.rows, vocabulary)
    work = Work(one.flops * again * batches.number, moved * batches.number, batches.number)
    most = kept_bytes(shape, round(longest), align.max_length, device.computed)
    grown = VocabularyRows(*(round(kind * longest / max(one.tokens, 1)) for kind in one.rows))
    return StagePrice(
        "align",
        f"{align.steps:,} steps of {align.batch_size * align.accumulate:,} pairs",
        one.tokens * batches.number,
        work.operations,
        device.seconds(work, shape, updates=align.steps),
        peak_bytes(shape, most, grown, vocabulary, accumulates=align.accumulate > 1),
    )


def finetuning_price(
    config: Train, model: PreTrainedModel, train: Ints, dev: Ints, at_once: int, device: Device
) -> StagePrice:
    """Of learning English labels, English dev included.

    Args:
        config: checked.
        model: that learns.
        train: lengths of its sequences.
        dev: likewise.
        at_once: tokens that go through the encoder at a time.
        device: that it is priced on.
    """
    settings, shape = config.finetune, Shape.of(model)
    is_learned = settings.freeze != Freeze.encoder
    batch = min(at_once, settings.batch_size * settings.max_length)
    updates = settings.epochs * -(-len(train) // settings.batch_size)
    learning = _read(model, shape, train, batch, device) if is_learned else _forward(model, shape, train, batch, device)
    scoring = _forward(model, shape, dev, at_once, device)
    work = _times(learning, settings.epochs), _times(scoring, settings.evaluations)
    passes = max(updates, work[0].passes) * (1 if is_learned else FORWARD)
    total = Work(work[0].operations + work[1].operations, work[0].moved + work[1].moved, passes + work[1].passes)
    kept = kept_bytes(shape, batch, settings.max_length, device.computed)
    tokens = float(train.sum()) * settings.epochs + FORWARD * float(dev.sum()) * settings.evaluations
    return StagePrice(
        "fine-tune",
        f"{updates:,} steps of {settings.batch_size} examples",
        tokens,
        total.operations,
        device.seconds(total, shape, updates=updates if is_learned else 0),
        peak_bytes(
            shape, kept, NO_WORDS, 0, accumulates=batch < settings.batch_size * settings.max_length, learned=is_learned
        ),
    )


def scoring_price(model: PreTrainedModel, tests: Sequence[Ints], at_once: int, device: Device) -> StagePrice:
    """Of reading every test text once.

    Args:
        model: that reads.
        tests: lengths of sequences, for each language.
        at_once: tokens that go through the encoder at a time.
        device: that it is priced on.
    """
    shape, lengths = Shape.of(model), np.concatenate(tests)
    work = _forward(model, shape, lengths, at_once, device)
    return StagePrice(
        "score",
        f"{len(lengths):,} texts in {len(tests)} languages",
        FORWARD * float(lengths.sum()),
        work.operations,
        device.seconds(work, shape),
        peak_bytes(shape, at_once * shape.width * 16, NO_WORDS, 0, learned=False),
    )


def _read(model: PreTrainedModel, shape: Shape, lengths: Ints, at_once: int, device: Device) -> Work:
    """Forward and backward, once over all sequences."""
    tokens, longest = int(lengths.sum()), int(lengths.max(initial=1))
    kept = kept_bytes(shape, tokens, longest, replace(device.computed, checkpointing=False))
    again = 1 + FORWARD * device.computed.checkpointing
    passes = -(-tokens // at_once)
    moved = 3 * kept * again + passes * 2 * FLOAT * shape.embeddings
    return Work(read_operations(model.base_model, lengths) * again, moved, passes)


def _forward(model: PreTrainedModel, shape: Shape, lengths: Ints, at_once: int, device: Device) -> Work:
    """Without gradient: a third of the operations and of what is moved."""
    work = _read(model, shape, lengths, at_once, device)
    operations = FORWARD * read_operations(model.base_model, lengths)
    once = replace(device.computed, checkpointing=False)
    kept = kept_bytes(shape, int(lengths.sum()), int(lengths.max(initial=1)), once)
    return Work(operations, kept, FORWARD * work.passes)


def _times(work: Work, number: int) -> Work:
    return Work(*(number * one for one in work))
