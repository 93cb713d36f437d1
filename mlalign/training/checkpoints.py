"""A stage that is stopped goes on from its last checkpoint, bit by bit."""

import logging
import pickle
import sys
import time
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from torch import distributed, nn

from mlalign import stopping
from mlalign.distributed import is_rank_zero, world_size
from mlalign.errors import DataError
from mlalign.files import replacing, sync_all
from mlalign.models.adapters import frozen_names

log = logging.getLogger(__name__)

MARKS = 20  # of a stage at which it may save, whatever the clock says
SAVING_SHARE = 0.05  # of the time, at most, goes into writing


class WholeCheckpoints(TorchCheckpointIO):
    """Lightning's checkpoints, written beside the last good one instead of copied over it."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: object = None) -> None:
        """See ``replacing``."""
        with replacing(Path(path)) as part:
            torch.save(checkpoint, part)

    def load_checkpoint(self, path: Any, *given: Any, **named: Any) -> dict[str, Any]:
        """As Lightning does.

        Raises:
            DataError: the file is damaged.
        """
        try:
            return super().load_checkpoint(path, *given, **named)
        except (RuntimeError, EOFError, KeyError, pickle.UnpicklingError) as error:
            reason = str(error).partition("\n")[0] or type(error).__name__
            raise DataError(f"{path}: cannot be read ({reason}); delete it, and the stage begins again") from error


class OwnSignals(L.Callback):
    """Takes the signals to stop back from Lightning, whose handlers would end a rank without the others."""

    def on_train_start(self, *_: object) -> None:
        """Lightning's are there by now, and not before."""
        stopping.listen_again()


class StageCheckpoints(L.Callback):
    """Saves a stage now and then, and when a signal asks it to stop, which it does then.

    Only between updates: a gradient that waits for the rest of its window would be lost. Not at the
    end of an epoch that is not the last, behind a validation that is due, and an update later where
    one is reported, all of which Lightning leaves out when it resumes. The first time that is due is
    taken, a later one if saving has not cost more than its share of the time: a large encoder's
    checkpoint takes longer than many steps.

    Args:
        path: of the only checkpoint.
        steps: updates of the whole stage.
        minutes: between two checkpoints, where steps are slow.
    """

    def __init__(self, path: Path, *, steps: int, minutes: float) -> None:
        self.path, self.every, self.seconds = path, max(1, steps // MARKS), 60 * minutes
        self._step = 0
        self._is_due = False
        self._signal = 0
        self._saved = self._affordable = 0.0

    def on_train_start(self, trainer: L.Trainer, *_: object) -> None:
        """Count from where the stage stands."""
        self._step, self._saved = trainer.global_step, time.perf_counter()
        often = "every update" if self.every == 1 else f"every {self.every:,} updates or {self.seconds / 60:g} minutes"
        log.info("A checkpoint %s: %s", often, self.path)

    def on_train_batch_end(self, trainer: L.Trainer, *_: object) -> None:
        """Decide, and save unless something is to come first."""
        step, now = trainer.global_step, time.perf_counter()
        if step == self._step:
            return
        self._step = step
        is_last = trainer.is_last_batch and trainer.max_epochs == 1
        is_time = step % self.every == 0 or now - self._saved >= self.seconds
        due, self._signal = _agreed(is_last or (is_time and now >= self._affordable), stopping.received())
        self._is_due |= bool(due or self._signal)
        if not _validates(trainer) and (is_last or not _reports(trainer)):
            self._save(trainer)

    def on_validation_end(self, trainer: L.Trainer, *_: object) -> None:
        """What could not be saved before."""
        self._save(trainer)

    def on_train_end(self, trainer: L.Trainer, *_: object) -> None:
        """What was reported since the last checkpoint is not reported again."""
        _sync_curves(trainer)

    def _save(self, trainer: L.Trainer) -> None:
        if not self._is_due or (trainer.is_last_batch and trainer.max_epochs != 1):
            return
        started = time.perf_counter()
        _sync_curves(trainer)
        trainer.save_checkpoint(self.path)
        self._is_due, self._saved = False, time.perf_counter()
        self._affordable = self._saved + (self._saved - started) / SAVING_SHARE
        if self._signal:
            sys.exit(stopping.status_of(self._signal))


def drop_frozen(encoder: nn.Module, checkpoint: dict[str, Any]) -> None:
    """Leave the weights under an adapter of a module's ``encoder`` out of its checkpoint."""
    for name in frozen_names(encoder):
        del checkpoint["state_dict"][f"encoder.{name}"]


def add_frozen(encoder: nn.Module, checkpoint: dict[str, Any]) -> None:
    """Give a checkpoint what ``drop_frozen`` left out of it: the encoder has it, as the stage begins with it."""
    own = encoder.state_dict()
    checkpoint["state_dict"] |= {f"encoder.{name}": own[name] for name in frozen_names(encoder)}


def fit(loop: L.Trainer, module: L.LightningModule, data: L.LightningDataModule, begun: Path) -> None:
    """Train to the end, from a checkpoint if it is there.

    Raises:
        DataError: the checkpoint is damaged.
    """
    if begun.is_file():
        log.info("Resuming from %s", begun)
    loop.fit(module, data, ckpt_path=str(begun) if begun.is_file() else None, weights_only=True)


def _sync_curves(trainer: L.Trainer) -> None:
    """Have on the disk what was reported so far: who resumes from here does not report it again."""
    for logger in trainer.loggers if is_rank_zero() else ():
        logger.save()
        if logger.log_dir is not None and Path(logger.log_dir).is_dir():
            sync_all(Path(logger.log_dir))


def _validates(trainer: L.Trainer) -> bool:
    """Whether a validation follows this batch."""
    every: Any = trainer.val_check_batch
    return trainer.enable_validation and (trainer.fit_loop.total_batch_idx + 1) % every == 0


def _reports(trainer: L.Trainer) -> bool:
    """Whether Lightning logs this batch, which it does when its callbacks are done."""
    every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
    return trainer.lightning_module.automatic_optimization and every > 1 and trainer.global_step % every == 0


def _agreed(*numbers: int) -> list[int]:
    """The largest that any rank has, each."""
    if world_size() == 1:
        return list(numbers)
    device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
    found = torch.tensor(numbers, device=device)
    distributed.all_reduce(found, distributed.ReduceOp.MAX)
    return [int(one) for one in found.tolist()]
