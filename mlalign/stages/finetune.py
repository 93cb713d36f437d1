"""The fine-tuning stage: a task is learned on English labels."""

from collections.abc import Callable, Sequence

import lightning as L
from lightning.pytorch.callbacks import LearningRateMonitor

from mlalign import stopping
from mlalign.files import CHECKPOINT, JsonObject
from mlalign.finetuning.checkpoints import CheckpointKeeper
from mlalign.finetuning.module import FinetuningModule
from mlalign.tasks.data import TaskDataModule
from mlalign.training.checkpoints import StageCheckpoints, fit
from mlalign.training.trainer import require_finished, validation_interval


def learn(
    module: FinetuningModule,
    data: TaskDataModule,
    weights: CheckpointKeeper,
    trainer: Callable[..., L.Trainer],
    callbacks: Sequence[L.Callback] = (),
    *,
    minutes: float,
) -> JsonObject:
    """Learn English, from the last checkpoint in the folder if there is one; leaves the module as it is to be tested.

    Returns:
        What ``weights`` kept.

    Raises:
        TrainingError: a loss or gradient was non-finite, or not all updates were made.
        DataError: the checkpoint is damaged.
    """
    epochs, evaluations, folder = module.settings.epochs, module.settings.evaluations, weights.folder.parent
    steps, checkpoint = epochs * data.batches, folder / CHECKPOINT
    loop = trainer(
        folder=folder,
        callbacks=[
            weights,
            LearningRateMonitor("step"),
            StageCheckpoints(checkpoint, steps=steps, minutes=minutes),
            *callbacks,
        ],
        max_epochs=epochs,
        val_check_interval=validation_interval(steps, evaluations),
        check_val_every_n_epoch=None,
        enable_checkpointing=False,
    )
    with stopping.deferred():
        fit(loop, module, data, checkpoint)
        require_finished("finetune", loop, steps)
        module.divergence.check()
        return weights.finish(module, loop.global_step)
