"""The price of each stage of a run: from its text and its encoder to operations, seconds and bytes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedModel

from mlalign.alignment.budget import BatchCost, batch_costs
from mlalign.alignment.module import AlignmentModule
from mlalign.config.schema import Align, Finetune
from mlalign.cost import FORWARD, VocabularyRows, read_operations
from mlalign.data.parallel import EVALUATION_BATCH, ParallelDataModule
from mlalign.models.subwords import Subwords
from mlalign.pricing.device import Device, Work
from mlalign.pricing.model import FLOAT, Shape, kept_bytes, learning_operations, moved_bytes, peak_bytes
from mlalign.training.trainer import validation_interval
from mlalign.wording import plural

NO_WORDS = VocabularyRows(0, 0)
SHORT, LOOKED_AT = 400, 100  # batches: of a run that is looked at whole, and of a longer one
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class StagePrice:
    """What a stage costs."""

    name: str  # of the stage
    what: str  # its steps, or what it reads
    tokens: float  # positions that the encoder reads, those without gradient counted as a third
    operations: float  # all
    seconds: float  # all
    memory: float  # bytes at most
    checkpoint: float = 0.0  # bytes of what it resumes from; 0 where it keeps nothing


@dataclass(frozen=True)
class Batches:
    """An alignment's batches, as those that were looked at."""

    number: int  # of all
    mean: BatchCost  # of one
    most: float  # tokens of the largest
    held_out: Ints  # lengths of the sentences of every validation
    final: Ints  # likewise, of those that make the prototypes at the end


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
        plan.batches,
        BatchCost(round(pairs), tokens, round(flops), rows, True),
        max(one.tokens for one in costs),
        _lengths(side for batch in data.val_dataloader() for side in (batch.source, batch.target)),
        _lengths(
            read for _, read in data.sentences(0 if module.encoder.prototypes is None else align.prototype_sentences)
        ),
    )


def _lengths(batches: Iterable[Subwords]) -> Ints:
    return np.concatenate([np.zeros(0, np.int64), *(one.attention_mask.sum(1).numpy() for one in batches)])


def evaluations(steps: int, asked: int) -> int:
    """How often a stage of so many steps is scored, the same number of them apart, if it is to be so often."""
    return steps // validation_interval(steps, asked)


def alignment_price(
    align: Align, module: AlignmentModule, batches: Batches, longest: float, device: Device
) -> StagePrice:
    """Of an alignment, its validations and prototypes included.

    Args:
        align: settings of the stage.
        module: that learns.
        batches: its own.
        longest: tokens of the largest batch there can be.
        device: that it is priced on.
    """
    model, one = module.encoder.backbone, batches.mean
    shape, vocabulary = Shape.of(model), 0 if module.head is None else len(module.head)
    whole = kept_bytes(shape, round(one.tokens), align.max_length, replace(device.computed, checkpointing=False))
    again = 1 + FORWARD * (device.computed.checkpointing + (align.cached is not None))
    step = Work(one.flops * again, moved_bytes(shape, round(whole * again), one.rows, vocabulary), 1)
    scored, at_once = evaluations(batches.number, align.validations), EVALUATION_BATCH * align.max_length
    read = forward_work(model, batches.held_out, at_once, device) * scored
    work = step * batches.number + read + forward_work(model, batches.final, at_once, device)
    at_a_time = longest if align.cached is None else min(longest, align.cached * align.max_length)
    most = kept_bytes(shape, round(at_a_time), align.max_length, device.computed)
    grown = VocabularyRows(*(round(kind * longest / max(one.tokens, 1)) for kind in one.rows))
    return StagePrice(
        "align",
        f"{plural(align.steps, 'step')} of {plural(align.batch_size * align.accumulate, 'pair')}",
        one.tokens * batches.number + FORWARD * float(scored * batches.held_out.sum() + batches.final.sum()),
        work.operations,
        device.seconds(work, shape, updates=align.steps),
        peak_bytes(shape, most, grown, vocabulary, accumulates=align.accumulate > 1),
        shape.checkpoint,
    )


def finetuning_price(
    name: str,
    settings: Finetune,
    train: Ints,
    dev: Ints,
    at_once: int,
    *,
    model: PreTrainedModel,
    device: Device,
    passes: float = 1.0,
    views: int = 1,
) -> StagePrice:
    """Of learning labels, the source's dev included.

    Args:
        name: of the stage.
        settings: of fine-tuning.
        train: lengths of its sequences.
        dev: likewise.
        at_once: tokens that go through the encoder at a time.
        model: what of it learns does.
        device: that it is priced on.
        passes: of an update, see ``Tuning.Settings.passes``.
        views: of a row whose activations are held at the same time.
    """
    shape = Shape.of(model)
    batch = min(at_once, settings.batch_size * settings.max_length)
    updates = settings.epochs * -(-len(train) // settings.batch_size)
    scored = evaluations(updates, settings.evaluations)
    learning = (learning_work if shape.learned else forward_work)(model, train, batch, device) * (
        passes * settings.epochs
    )
    launched = max(passes * updates * (1 if shape.learned else FORWARD), learning.passes)
    work = replace(learning, passes=launched) + forward_work(model, dev, at_once, device) * scored
    kept = held_bytes(shape, batch)
    if shape.learned:
        kept = kept_bytes(shape, views * batch, settings.max_length, device.computed)
    return StagePrice(
        name,
        f"{plural(updates, 'step')} of {plural(settings.batch_size, 'example')}",
        passes * float(train.sum()) * settings.epochs * (1 if shape.learned else FORWARD)
        + FORWARD * float(dev.sum()) * scored,
        work.operations,
        device.seconds(work, shape, updates=updates),
        peak_bytes(shape, kept, NO_WORDS, 0, accumulates=batch < settings.batch_size * settings.max_length),
        shape.checkpoint,
    )


def scoring_price(model: PreTrainedModel, tests: Sequence[Ints], at_once: int, device: Device) -> StagePrice:
    """Of reading every test text once.

    Args:
        model: that reads.
        tests: lengths of sequences, for each language.
        at_once: tokens that go through the encoder at a time.
        device: that it is priced on.
    """
    lengths = np.concatenate(tests)
    what = f"{plural(len(lengths), 'text')} in {plural(len(tests), 'language')}"
    return reading_price("score", what, model, lengths, at_once, device)


def reading_price(
    name: str, what: str, model: PreTrainedModel, lengths: Ints, at_once: int, device: Device
) -> StagePrice:
    """Of reading sentences once, without gradient.

    Args:
        name: of the stage.
        what: it reads.
        model: that reads.
        lengths: of the sequences.
        at_once: tokens that go through the encoder at a time.
        device: that it is priced on.
    """
    shape, work = replace(Shape.of(model), learned=0), forward_work(model, lengths, at_once, device)
    return StagePrice(
        name,
        what,
        FORWARD * float(lengths.sum()),
        work.operations,
        device.seconds(work, shape),
        peak_bytes(shape, held_bytes(shape, at_once), NO_WORDS, 0),
    )


def held_bytes(shape: Shape, positions: int) -> int:
    """Bytes of what one layer computes without gradient."""
    return positions * shape.width * 16


def learning_work(model: PreTrainedModel, lengths: Ints, at_once: int, device: Device) -> Work:
    """Forward and backward, once over all sequences."""
    again = 1 + FORWARD * device.computed.checkpointing
    once = forward_work(model, lengths, at_once, device)
    gradients = 2 * FLOAT * Shape.of(model).embeddings
    passes = -(-int(lengths.sum()) // at_once)
    return Work(learning_operations(model, lengths) * again, 3 * once.moved * again + passes * gradients, passes)


def forward_work(model: PreTrainedModel, lengths: Ints, at_once: int, device: Device) -> Work:
    """Without gradient: a third of the operations and of what is moved."""
    tokens, computed = int(lengths.sum()), replace(device.computed, checkpointing=False)
    moved = kept_bytes(Shape.of(model), tokens, int(lengths.max(initial=1)), computed)
    passes = FORWARD * -(-tokens // at_once)
    return Work(FORWARD * read_operations(model.base_model, lengths), moved, passes)
