"""A few steps on this machine, of which nothing is kept: how many operations a second it makes of them."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import lightning as L
import torch

from mlalign.alignment.budget import batch_costs
from mlalign.config.frozen import freeze
from mlalign.config.schema import Train
from mlalign.device import Computing
from mlalign.models.learning import configure_training
from mlalign.pricing.model import learning_operations
from mlalign.stages.align import AlignmentStage
from mlalign.training.trainer import make_trainer

STEPS = 3  # that are timed, after a first
LONG = 1e11  # operations of a step that a CPU takes a few seconds for: larger ones are measured with fewer pairs
FEWEST = 2  # pairs


class Rate(NamedTuple):
    """Operations a second."""

    median: float  # of the steps
    spread: float  # the most that one of them was off it, as a share

    @classmethod
    def of(cls, operations: Sequence[float], seconds: Sequence[float]) -> "Rate":
        """Of steps."""
        rates = [one / taken for one, taken in zip(operations, seconds, strict=True)]
        median = statistics.median(rates)
        return cls(median, max(abs(rate / median - 1) for rate in rates))


class Stopwatch(L.Callback):
    """When each batch began, and when the last ended."""

    def __init__(self) -> None:
        self.marks: list[float] = []

    def on_train_batch_start(self, trainer: L.Trainer, *_: object) -> None:
        """One more; the device has done all before it."""
        self.mark()

    def on_train_end(self, trainer: L.Trainer, *_: object) -> None:
        """The last one."""
        self.mark()

    def mark(self) -> None:
        """Now."""
        synchronise()
        self.marks.append(time.perf_counter())


def synchronise() -> None:
    """Wait for the device."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def alignment_rate(stage: AlignmentStage, operations: float, computing: Computing, scratch: Path) -> Rate:
    """Of the alignment's own steps in Lightning's trainer, updates included; all but the first.

    Args:
        stage: as it is priced; it is assembled anew.
        operations: of one of its batches.
        computing: of this machine.
        scratch: a folder that is deleted.
    """
    align = stage.asked.align
    share = 1.0 if computing.gpu else min(1.0, LONG / operations)
    pairs = max(FEWEST, int(align.batch_size * share))
    short = replace(align, batch_size=pairs, steps=STEPS + 1, accumulate=1, head_warmup=0)
    config = freeze(replace(stage.asked, align=short))
    module, data, _ = stage.assembled(config, stage.attention)
    stage.configure_training(module.encoder.backbone)
    costs = [cost.flops for cost in islice(batch_costs(module, data), STEPS + 1)]
    watch = Stopwatch()
    make_trainer(
        folder=scratch,
        accelerator=computing.accelerator,
        precision=computing.precision,
        callbacks=[watch],
        options={},
        max_epochs=1,
        limit_val_batches=0,
        enable_checkpointing=False,
    ).fit(module, data)
    taken = [later - one for one, later in zip(watch.marks, watch.marks[1:], strict=False)]
    return Rate.of(costs[1:], taken[1:])


def encoder_rate(model: Any, positions: int, length: int, computing: Computing, config: Train) -> Rate:
    """Of forward, backward and update of the encoder alone, as fine-tuning has them.

    Args:
        model: transformers', without its head; what of it learns does.
        positions: of a batch.
        length: of its sequences.
        computing: of this machine.
    """
    device = torch.device("cuda" if computing.gpu else "cpu")
    operations = learning_operations(model, [length])
    most = positions // length if computing.gpu else int(LONG / operations)
    rows = max(1, min(positions // length, most))
    model = model.to(device).train()
    configure_training(
        model, gradient_checkpointing=config.backbone.gradient_checkpointing, compiled=config.trainer.compile
    )
    learned = [one for one in model.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=0.0) if learned else None
    ids = torch.randint(model.get_input_embeddings().num_embeddings, (rows, length), device=device)

    def step() -> None:
        is_bfloat16 = computing.precision.startswith("bf16")
        with torch.autocast(device.type, torch.bfloat16, enabled=is_bfloat16), torch.set_grad_enabled(bool(learned)):
            loss = model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state.float().mean()
        if optimizer is not None:
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()

    taken = [_timed(step) for _ in range(STEPS + 1)]
    return Rate.of([rows * operations] * STEPS, taken[1:])


def _timed(step: Callable[[], None]) -> float:
    synchronise()
    since = time.perf_counter()
    step()
    synchronise()
    return time.perf_counter() - since
