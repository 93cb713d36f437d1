"""What an alignment spends, and how many steps a budget allows: known before it begins."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass
from itertools import islice, takewhile
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import nn

from mlalign.alignment.masked_side import MaskedSideModule
from mlalign.alignment.module import AlignmentModule
from mlalign.alignment.views import AGAIN, TARGET
from mlalign.config.schema import Budget
from mlalign.cost import (
    FORWARD,
    BatchSize,
    VocabularyRows,
    hidden_words,
    linear_operations,
    matrix_entries,
    pooling_operations,
    read_operations,
    vocabulary_operations,
)
from mlalign.data.parallel import ParallelDataModule
from mlalign.data.sampling import BatchKey
from mlalign.errors import ConfigError
from mlalign.models.adapters import frozen_names

Ints = NDArray[np.int64]
FIRST = 1024  # batches
DEAR, MANY = 0.5, 30_000  # share of the operations of a step, words
LATE = 8  # batches, of which the last has the losses that begin later


@dataclass(frozen=True)
class Spent:
    """What an alignment has spent, all devices together; padding costs nothing.

    Attributes:
        steps: updates of the encoder.
        pairs: sentence pairs.
        tokens: positions that the encoder has read; in a pass without gradient they count a third.
        flops: operations, see ``mlalign.cost``.
    """

    steps: int = 0
    pairs: int = 0
    tokens: int = 0
    flops: int = 0

    def __add__(self, other: "Spent") -> "Spent":
        """Both together."""
        return Spent(*(one + two for one, two in zip(astuple(self), astuple(other), strict=True)))


class BatchCost(NamedTuple):
    """What one batch costs, all devices together.

    Attributes:
        pairs: sentence pairs.
        tokens: as ``Spent.tokens``, not rounded.
        flops: operations.
        rows: of the pass over the vocabulary.
        ends_update: whether the encoder is updated after it.
    """

    pairs: int
    tokens: float
    flops: int
    rows: VocabularyRows
    ends_update: bool


def steps_within(budget: Budget, module: AlignmentModule, data: ParallelDataModule) -> int:
    """The most steps that do not spend more than a budget.

    Args:
        budget: with an amount.
        module: as it begins, whatever its number of steps.
        data: what it learns from.

    Raises:
        ConfigError: the budget is spent before the first step.
    """
    amount, unit = budget.amount, budget.unit.value
    assert amount is not None

    def cost(steps: int) -> int:
        return int(getattr(spent_by(module, data, steps), unit))

    if all(one.is_learned(0.0) for one in module.objectives.named().values()):
        steps = sum(1 for _ in takewhile(lambda spent: getattr(spent, unit) <= amount, spending(module, data)))
    else:  # where losses begin at a share of the run, what a step costs depends on how many there are
        most = 1
        while cost(most) <= amount:
            most *= 2
        steps = bisect_left(range(most), True, key=lambda steps: steps > 0 and cost(steps) > amount) - 1
    if not steps:
        raise ConfigError(
            f"align.budget.amount={amount:g}: the first step costs {cost(1):g} {unit}; give a larger amount"
        )
    return steps


def spent_by(module: AlignmentModule, data: ParallelDataModule, steps: int | None = None) -> Spent:
    """What the whole run spends, or one of so many steps."""
    steps = module.align.steps if steps is None else steps
    return next(islice(spending(module, data, steps), steps - 1, None))


def spending(module: AlignmentModule, data: ParallelDataModule, steps: int | None = None) -> Iterator[Spent]:
    """What is spent after each update of the encoder, of a run without end; see ``batch_costs``."""
    updates = pairs = flops = 0
    tokens = 0.0
    for cost in batch_costs(module, data, steps):
        pairs, tokens, flops = pairs + cost.pairs, tokens + cost.tokens, flops + cost.flops
        if cost.ends_update:
            updates += 1
            yield Spent(updates, pairs, round(tokens), flops)


def batch_costs(module: AlignmentModule, data: ParallelDataModule, steps: int | None = None) -> Iterator[BatchCost]:
    """What each batch costs, of a run without end; a head that learns alone goes before.

    Args:
        module: that learns.
        data: what it learns from.
        steps: of the run that losses begin at a share of; None: those of ``module``.
    """
    align, plan = module.align, module.optimisation if steps is None else module.optimisation.of_steps(steps)
    objectives, model = module.objectives.named(), module.encoder.backbone.base_model
    frozen = bool(frozen_names(model))
    adapter = matrix_entries(model, learned=True) if frozen else 0
    for key in batches_of(data):
        size = size_of(data, key, width=module.encoder.dim, mask_rate=align.mask_rate)
        alone = plan.is_head_warmup(key.batch)
        progress = 1.0 if alone else plan.progress(key.batch)
        thinned = size.every(align.masked_every)
        sizes = {view: thinned if view.endswith("masked") else size for view in module.read(data.views, progress)}
        passes = [positions_of(view, of) for view, of in sizes.items()]
        learned = {
            name: thinned if "masked" in one.views and "masked" in sizes else size
            for name, one in objectives.items()
            if one.is_learned(progress)
        }
        again = [positions_of(view, of) for name, of in learned.items() for view in objectives[name].encodes_again]
        fast, slow = ([], passes) if alone else (passes, again)
        tokens, flops = 0.0, 0
        for share, read, adapted in ((1.0, fast, frozen), (FORWARD, slow, False)):
            tokens += share * sum(int(positions.sum()) for positions in read)
            entries = adapter if adapted else 0
            operations = [read_operations(model, positions, frozen=adapted, adapter=entries) for positions in read]
            flops += round(share * sum(operations))
        rows = _vocabulary_rows(module, learned)
        flops += _vocabulary(module, rows, frozen=frozen)
        flops += 0 if alone else _objectives(module, learned, sizes)
        yield BatchCost(size.pairs, tokens, flops, rows, plan.ends_update(key.batch) and not alone)


def dear_words(module: AlignmentModule, data: ParallelDataModule) -> str | None:
    """What to say where most of a step goes into mixtures of softmaxes over a large vocabulary, else None."""
    *_, cost = islice(batch_costs(module, data, LATE), LATE)
    vocabulary = 0 if module.head is None else len(module.head)
    share = vocabulary_operations(0, cost.rows.mixed, module.encoder.dim, vocabulary) / cost.flops
    if share <= DEAR or vocabulary < MANY:
        return None
    return (
        f"word_distribution takes {share:.0%} of the operations of a step: each word predicts {vocabulary:,} others; "
        "losses.word_distribution.prediction=pooled or align.vocabulary=seen takes a fraction of it (docs/speed.md)"
    )


def side_spending(data: ParallelDataModule, module: MaskedSideModule, batches: int, *, frozen: bool) -> Spent:
    """What masked words of one side of the pairs spend.

    Args:
        data: that is learned from.
        module: that learned.
        batches: of the run.
        frozen: whether all but the embeddings stayed as they are.
    """
    encoder, align, tokens, flops = module.encoder, module.align, 0, 0
    for key in islice(batches_of(data), batches):
        size = size_of(data, key, width=encoder.dim, mask_rate=align.mask_rate).every(align.masked_every)
        lengths: Ints = getattr(size, module.side)
        masked = hidden_words(lengths, align.mask_rate)
        tokens += int((lengths + size.overhead).sum())
        flops += read_operations(encoder.backbone.base_model, lengths + size.overhead, frozen=frozen)
        flops += linear_operations(masked, size.width**2, frozen=frozen)
        flops += vocabulary_operations(masked, 0, size.width, module.vocabulary)
    return Spent(batches // align.accumulate, batches * align.batch_size, tokens, flops)


def positions_of(view: str, size: BatchSize) -> Ints:
    """Positions of each sequence of a view.

    Two languages that are joined in any order are so in the first, and where either is the target it takes turns.
    """
    source, target = size.source + size.overhead, size.target + size.overhead
    match view.removeprefix(AGAIN):
        case "english":
            return source
        case "tlm":
            return size.joined
        case "mixed":
            rows = 2 * (size.pairs // 2)
            one, two = (np.concatenate([side[start:rows:2] for side in (source, target)]) for start in (0, 1))
            return np.minimum(one + two - 1, size.most_joined)
        case _ if view.startswith(TARGET):
            source, target = np.split(positions_of(view.removeprefix(TARGET), size), 2)
            is_source = np.arange(len(source)) % 2 * view.endswith(("mixed", "either"))
            return np.where(is_source, source, target)
        case _:
            return np.concatenate([source, target])


def size_of(data: ParallelDataModule, key: BatchKey, *, width: int, mask_rate: float) -> BatchSize:
    """What the cost of a batch depends on."""
    table, rows = data.tables[key.language], data.trained[key.language][key.rows]
    source, target = (lengths[rows].astype(np.int64) for lengths in (table.source_lengths, table.target_lengths))
    return BatchSize(
        source,
        target,
        table.links[rows],
        overhead=data.layout.overhead,
        most_joined=data.layout.most_joined,
        width=width,
        mask_rate=mask_rate,
    )


def batches_of(data: ParallelDataModule) -> Iterator[BatchKey]:
    """As a run has them, however long it is."""
    done, size = 0, FIRST
    while True:
        sampler = data.sampler(size)
        yield from (sampler.key(0, batch) for batch in range(done, size))
        done, size = size, 2 * size


def _objectives(module: AlignmentModule, learned: Mapping[str, BatchSize], passes: Mapping[str, BatchSize]) -> int:
    """Of each objective by itself, and the sentence vectors of every pass that they share or make again."""
    encoder, objectives = module.encoder, module.objectives.named()
    sentence = {name: size for name, size in learned.items() if objectives[name].level == "sentence"}
    read = frozenset().union(*(objectives[name].views for name in sentence))
    operations = sum(objectives[name].operations(size) for name, size in learned.items())
    for view, size in passes.items():
        positions, is_pair = positions_of(view, size), view.removeprefix(AGAIN) not in ("english", "tlm")
        is_fused = encoder.sentence_fusion is not None and is_pair
        is_read = is_fused or view in read or ("masked" in read and "masked" not in passes)
        if encoder.pool == "mean":
            operations += pooling_operations(int(positions.sum()), size.width, learned=is_read)
        if is_fused:
            keys = 2 * len(positions) if module.encoded.keys == "pair" else 4
            operations += linear_operations(len(positions) + keys, size.width**2)
    for name, size in sentence.items() if encoder.pool == "mean" else ():
        for view in objectives[name].encodes_again:
            operations += pooling_operations(int(positions_of(view, size).sum()), size.width, learned=False)
    return operations


def _vocabulary_rows(module: AlignmentModule, learned: Mapping[str, BatchSize]) -> VocabularyRows:
    """What enters the pass that all word losses share."""
    objectives = {name: one for name, one in module.objectives.vocabulary().items() if name in learned}
    if module.head is None or not objectives:
        return VocabularyRows(0, 0)
    rows = [one.rows(learned[name]) for name, one in objectives.items()]
    return VocabularyRows(*map(sum, zip(*rows, strict=True)))


def _vocabulary(module: AlignmentModule, rows: VocabularyRows, *, frozen: bool) -> int:
    """The pass that all word losses share."""
    if module.head is None:
        return 0
    layers = (not isinstance(module.head.transform, nn.LayerNorm)) + (
        3 if module.encoder.word_fusion is not None else 0
    )
    width = module.encoder.dim
    transform = linear_operations(layers * rows.words, width**2)
    return transform + vocabulary_operations(rows.singles, rows.mixed, width, len(module.head), frozen=frozen)
