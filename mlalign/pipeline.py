"""The three stages in order: align, fine-tune on English, test in every language."""

import hashlib
import json
import logging
import shutil
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import lightning as L
import torch
from filelock import FileLock
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.strategies import DDPStrategy

from mlalign.alignment.module import AlignmentModule
from mlalign.data.parallel import ParallelBatch, ParallelDataModule
from mlalign.distributed import barrier, broadcast_object, is_rank_zero, local_world_size, world_size
from mlalign.errors import TrainingError
from mlalign.finetuning.checkpoints import CheckpointKeeper
from mlalign.finetuning.module import FinetuningModule
from mlalign.models.encoder import Encoder
from mlalign.progress import StageBar
from mlalign.reporting.curves import CURVES, write_curves
from mlalign.tasks.data import TaskDataModule

log = logging.getLogger(__name__)

CHECKPOINT = "last"
CHECKPOINTS = 20  # of an alignment at most, for resuming
SAVING_SHARE = 0.05  # of the time, at most, goes into writing them


def fingerprint_of(settings: Any) -> str:
    """A short name for everything that shaped something."""
    text = json.dumps(settings, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def get_or_create(folder: Path, make: Callable[[Path], None], *, complete: str, fresh: bool = False) -> Path:
    """A folder that holds ``complete``: as it is, or made now under another name.

    Two runs that want the same folder wait for each other. All ranks of a run call this.

    Args:
        folder: the final name.
        make: fills the folder that it is given, ``folder`` with ``.partial`` behind, which keeps
            what an interrupted run left there; called in every rank.
        complete: the file by which a whole folder is known.
        fresh: make it anew even if it is there.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.with_name(f".{folder.name}.lock")):
        if fresh and is_rank_zero():
            shutil.rmtree(partial_of(folder), ignore_errors=True)
        if broadcast_object(fresh or not (folder / complete).is_file()):
            partial_of(folder).mkdir(exist_ok=True)
            make(partial_of(folder))
            barrier()
            if is_rank_zero():
                shutil.rmtree(folder, ignore_errors=True)
                partial_of(folder).rename(folder)
            barrier()
    return folder


def locked(path: Path) -> AbstractContextManager[Any]:
    """Keeps other runs out; the first rank holds the lock for all."""
    return FileLock(path) if is_rank_zero() else nullcontext()


def partial_of(folder: Path) -> Path:
    """Where a folder is made before it gets its name."""
    return folder.with_name(f"{folder.name}.partial")


def make_trainer(
    *,
    folder: Path,
    accelerator: str,
    precision: Any,
    loggers: Sequence[Any],
    callbacks: Sequence[L.Callback],
    bar: str | None,
    options: Mapping[str, Any],
    **stage: Any,
) -> L.Trainer:
    """Lightning's trainer as all stages use it."""
    warnings.filterwarnings("ignore", module="lightning")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)  # its import sets INFO
    return L.Trainer(
        default_root_dir=folder,
        accelerator=accelerator,
        precision=precision,
        logger=list(loggers),
        callbacks=[*callbacks, *([] if bar is None else [StageBar(bar)])],
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        strategy=DDPStrategy(broadcast_buffers=False) if world_size() > 1 else "auto",
        devices=local_world_size(),
        num_nodes=world_size() // local_world_size(),
        **{"log_every_n_steps": 10, **stage, **options},
    )


class BetweenUpdates(ModelCheckpoint):
    """Saves only where no gradient is waiting for the rest of its window: it would be lost.

    The first mark is saved, a later one if saving has not cost more than its share of the time: a
    large encoder's checkpoint takes longer to write than many steps.
    """

    _due = 0.0

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: Any, outputs: Any, batch: ParallelBatch, batch_idx: int
    ) -> None:
        """Lightning asks only whether the step is one to save, also of the batches before it."""
        between = (batch.place + 1) % pl_module.optimisation.accumulate == 0
        marked = trainer.global_step % self._every_n_train_steps == 0
        if between and marked and broadcast_object(time.perf_counter() >= self._due):
            super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)

    def _save_checkpoint(self, trainer: L.Trainer, filepath: str) -> None:
        started = time.perf_counter()
        super()._save_checkpoint(trainer, filepath)
        ended = time.perf_counter()
        self._due = ended + (ended - started) / SAVING_SHARE


def align(
    module: AlignmentModule,
    data: ParallelDataModule,
    *,
    folder: Path,
    curves: int,
    prototype_sentences: int,
    trainer: Callable[..., L.Trainer],
    resume_from: Path,
) -> float:
    """Train, then set the prototypes exactly; returns the seconds that it took.

    The whole run is one epoch, so that a batch's place in it is all there is to resume from.
    """
    started = time.perf_counter()
    steps = module.optimisation.updates
    checkpoints = BetweenUpdates(
        dirpath=folder / "checkpoints",
        filename=CHECKPOINT,
        every_n_train_steps=max(1, steps // CHECKPOINTS),
        enable_version_counter=False,
    )
    loop = trainer(
        folder=folder,
        callbacks=[checkpoints],
        max_epochs=1,
        val_check_interval=max(1, data.batches // curves),
    )
    last = resume_from / "checkpoints" / f"{CHECKPOINT}.ckpt"
    if last.is_file():
        log.info("Going on from %s", last)
    loop.fit(module, data, ckpt_path=str(last) if last.is_file() else None, weights_only=True)
    require_finished("align", loop, steps)
    module.divergence.check()
    module.encoder.to(loop.strategy.root_device)  # which Lightning takes it off behind the last step
    finalise_prototypes(module.encoder, data, prototype_sentences, loop)
    if is_rank_zero():
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
        write_curves(folder / CURVES, "align", folder / f"{CURVES}.csv")
    return time.perf_counter() - started


def require_finished(stage: str, loop: L.Trainer, steps: int) -> None:
    """Refuse a stage that ended early, as ``trainer.options.max_time`` makes it.

    Raises:
        TrainingError: fewer updates were made than were asked for.
    """
    if loop.global_step < steps:
        raise TrainingError(
            f"{stage}: ended after {loop.global_step} of {steps} updates, so nothing of it is "
            "saved as finished; the same command resumes an alignment from its last checkpoint. "
            f"Leave out what ends it early (trainer.options.max_time or the like)"
        )


@torch.inference_mode()
def finalise_prototypes(encoder: Encoder, data: ParallelDataModule, sentences: int, trainer: L.Trainer) -> None:
    """Set every language's prototype to the mean of its language vectors in clean text."""
    if encoder.prototypes is None:
        return
    encoder.eval()
    sums: dict[str, Any] = {}
    counts: dict[str, int] = {}
    with trainer.precision_plugin.forward_context():
        for language, subwords in data.sentences(sentences):
            moved = trainer.strategy.batch_to_device(subwords, encoder.device)
            vectors = encoder(moved)[:, 1].float()
            sums[language] = sums.get(language, 0) + vectors.sum(0)
            counts[language] = counts.get(language, 0) + len(vectors)
    for language, total in sums.items():
        encoder.prototypes.finalise(language, total / counts[language])


def finetune(
    module: FinetuningModule,
    data: TaskDataModule,
    *,
    folder: Path,
    epochs: int,
    evaluations: int,
    weights: CheckpointKeeper,
    trainer: Callable[..., L.Trainer],
) -> dict[str, Any]:
    """Learn English; leaves the module as it is to be tested. Returns what ``weights`` kept."""
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
