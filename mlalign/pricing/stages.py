"""The price of each stage of a run: from its text and its encoder to operations, seconds and bytes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
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


def batches_of(module: AlignmentModule, data: ParallelDataModule, steps: int) -> Batches:
    """All of a run of so many steps.

    Where there are many, those of a shorter run are looked at, in which every loss has the same share, and batches in
    which a head learns alone are taken to cost as much as the others.
    """
    plan, align = module.optimisation.of_steps(steps), module.align
    first, looked_at, of = 0, plan.batches, steps
    if plan.batches > SHORT:
        of = max(1, LOOKED_AT // align.accumulate)
        first, looked_at = plan.head_warmup * align.accumulate, of * align.accumulate
    costs = list(islice(batch_costs(module, data, of), first, first + looked_at))
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


@dataclass(frozen=True)
class Pricing:
    """Prices what a model does on a device; what of the model learns does.

    Attributes:
        model: transformers'.
        device: that it is priced on.
        at_once: tokens that go through the encoder at a time.
    """

    model: PreTrainedModel
    device: Device
    at_once: int

    @cached_property
    def shape(self) -> Shape:
        """The model's, as it learns when first asked for."""
        return Shape.of(self.model)

    def kept(self, positions: float, length: int) -> int:
        """Bytes that so many positions of sequences of a length keep for the backward pass."""
        return kept_bytes(self.shape, round(positions), length, self.device.computed)

    def forward(self, lengths: Ints) -> Work:
        """Once over sequences of these lengths without gradient: a third of the operations and of what is moved."""
        tokens, computed = int(lengths.sum()), replace(self.device.computed, checkpointing=False)
        moved = kept_bytes(self.shape, tokens, int(lengths.max(initial=1)), computed)
        passes = FORWARD * -(-tokens // self.at_once)
        return Work(FORWARD * read_operations(self.model.base_model, lengths), moved, passes)

    def learning(self, lengths: Ints) -> Work:
        """Once over sequences of these lengths forward and backward; forward alone where nothing learns."""
        if not self.shape.learned:
            return self.forward(lengths)
        again = 1 + FORWARD * self.device.computed.checkpointing
        gradients = 2 * FLOAT * self.shape.embeddings
        passes = -(-int(lengths.sum()) // self.at_once)
        moved = 3 * self.forward(lengths).moved * again + passes * gradients
        return Work(learning_operations(self.model, lengths) * again, moved, passes)

    def stage(
        self, name: str, what: str, tokens: float, work: Work, memory: float, *, updates: int, checkpoint: float = 0.0
    ) -> StagePrice:
        """Of a stage's whole work; see ``StagePrice``."""
        seconds = self.device.seconds(work, self.shape, updates=updates)
        return StagePrice(name, what, tokens, work.operations, seconds, memory, checkpoint)

    def reading(self, name: str, what: str, lengths: Ints) -> StagePrice:
        """Of a stage that reads sequences of these lengths once, without gradient."""
        memory = peak_bytes(replace(self.shape, learned=0), held_bytes(self.shape, self.at_once), NO_WORDS, 0)
        return self.stage(name, what, FORWARD * float(lengths.sum()), self.forward(lengths), memory, updates=0)


def held_bytes(shape: Shape, positions: int) -> int:
    """Bytes of what one layer computes without gradient."""
    return positions * shape.width * 16


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
    of, one = Pricing(module.encoder.backbone, device, EVALUATION_BATCH * align.max_length), batches.mean
    shape, vocabulary = of.shape, 0 if module.head is None else len(module.head)
    whole = kept_bytes(shape, round(one.tokens), align.max_length, replace(device.computed, checkpointing=False))
    again = 1 + FORWARD * (device.computed.checkpointing + (align.cached is not None))
    step = Work(one.flops * again, moved_bytes(shape, round(whole * again), one.rows, vocabulary), 1)
    scored = evaluations(batches.number, align.validations)
    work = step * batches.number + of.forward(batches.held_out) * scored + of.forward(batches.final)
    most = of.kept(longest if align.cached is None else min(longest, align.cached * align.max_length), align.max_length)
    grown = VocabularyRows(*(round(kind * longest / max(one.tokens, 1)) for kind in one.rows))
    return of.stage(
        "align",
        f"{plural(align.steps, 'step')} of {plural(align.batch_size * align.accumulate, 'pair')}",
        one.tokens * batches.number + FORWARD * float(scored * batches.held_out.sum() + batches.final.sum()),
        work,
        peak_bytes(shape, most, grown, vocabulary, accumulates=align.accumulate > 1),
        updates=align.steps,
        checkpoint=shape.checkpoint,
    )


def finetuning_price(
    of: Pricing, name: str, settings: Finetune, train: Ints, dev: Ints, *, passes: float, views: int
) -> StagePrice:
    """Of learning labels, the source's dev included.

    Args:
        of: what learns.
        name: of the stage.
        settings: of fine-tuning.
        train: lengths of its sequences.
        dev: likewise.
        passes: of an update, see ``Tuning.Settings.passes``.
        views: of a row whose activations are held at the same time.
    """
    shape, whole = of.shape, settings.batch_size * settings.max_length
    batch, share = min(of.at_once, whole), 1.0 if shape.learned else FORWARD
    updates = settings.epochs * -(-len(train) // settings.batch_size)
    scored = evaluations(updates, settings.evaluations)
    learning = replace(of, at_once=batch).learning(train) * (passes * settings.epochs)
    launched = max(passes * updates * share, learning.passes)
    kept = of.kept(views * batch, settings.max_length) if shape.learned else held_bytes(shape, batch)
    return of.stage(
        name,
        f"{plural(updates, 'step')} of {plural(settings.batch_size, 'example')}",
        passes * float(train.sum()) * settings.epochs * share + FORWARD * float(dev.sum()) * scored,
        replace(learning, passes=launched) + of.forward(dev) * scored,
        peak_bytes(shape, kept, NO_WORDS, 0, accumulates=batch < whole),
        updates=updates,
        checkpoint=shape.checkpoint,
    )


def scoring_price(of: Pricing, tests: Sequence[Ints]) -> StagePrice:
    """Of reading every test text once; ``tests`` are lengths of sequences, for each language."""
    lengths = np.concatenate(tests)
    return of.reading("score", f"{plural(len(lengths), 'text')} in {plural(len(tests), 'language')}", lengths)
