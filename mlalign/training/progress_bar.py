"""The progress of a stage that trains."""

from typing import Never

import lightning as L
from tqdm import tqdm

from mlalign.progress import Lines, counter
from mlalign.training.module import StageModule


class StageBar(L.Callback):
    """Counts the batches of a stage and shows what its module says.

    Args:
        what: the stage, in front of the bar.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        self.bar: tqdm[Never] | Lines | None = None

    def on_train_start(self, trainer: L.Trainer, *_: object) -> None:
        """Open the bar where the run stands."""
        total = int(trainer.num_training_batches) * (trainer.max_epochs or 1)
        self.bar = counter(self.what, total, max(0, trainer.fit_loop.total_batch_idx + 1))

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: object) -> None:
        """One more."""
        assert self.bar is not None
        assert isinstance(pl_module, StageModule)
        self.bar.set_postfix(pl_module.shown, refresh=False)
        self.bar.update()

    def on_train_end(self, *_: object) -> None:
        """Leave the finished bar."""
        assert self.bar is not None
        self.bar.close()
