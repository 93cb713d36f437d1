"""The fine-tuning stage: a task is learned on English labels."""

from collections.abc import Callable
from pathlib import Path

import lightning as L
from lightning.pytorch.callbacks import LearningRateMonitor

from mlalign.files import JsonObject
from mlalign.finetuning.checkpoints import CheckpointKeeper
from mlalign.finetuning.module import FinetuningModule
from mlalign.tasks.data import TaskDataModule
from mlalign.training.trainer import require_finished


def learn(
    module: FinetuningModule,
    data: TaskDataModule,
    *,
    folder: Path,
    epochs: int,
    evaluations: int,
    weights: CheckpointKeeper,
    trainer: Callable[..., L.Trainer],
) -> JsonObject:
    """Learn English; leaves the module as it is to be tested. Returns what ``weights`` kept.

    Raises:
        TrainingError: a loss or gradient was non-finite, or not all updates were made.
    """
    loop = trainer(
        folder=folder,
        callbacks=[weights, LearningRateMonitor("step")],
        max_epochs=epochs,
        val_check_interval=max(1, epochs * data.batches // evaluations),
        check_val_every_n_epoch=None,
        enable_checkpointing=False,
    )
    loop.fit(module, data)
    require_finished("finetune", loop, epochs * data.batches)
    module.divergence.check()
    return weights.finish(module, loop.global_step)
