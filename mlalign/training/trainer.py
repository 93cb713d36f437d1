"""Lightning's trainer as every stage uses it."""

import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.loggers import Logger
from lightning.pytorch.strategies import DDPStrategy

from mlalign.config.schema import Train
from mlalign.device import Computing
from mlalign.distributed import local_world_size, on_rank_zero, world_size
from mlalign.errors import TrainingError
from mlalign.files import Json
from mlalign.training.checkpoints import OwnSignals, WholeCheckpoints
from mlalign.training.divergence import FILE
from mlalign.training.progress_bar import StageBar
from mlalign.wording import plural


def make_trainer(
    *,
    folder: Path,
    accelerator: str,
    precision: Any,
    loggers: Sequence[Logger] = (),
    callbacks: Sequence[L.Callback] = (),
    bar: str | None = None,
    options: Mapping[str, Json],
    **stage: Any,
) -> L.Trainer:
    """The trainer of one stage.

    Args:
        folder: where Lightning may write.
        accelerator: Lightning's name of it, like ``precision``.
        precision: of the encoder's matrix products.
        loggers: where curves go.
        callbacks: besides the progress bar.
        bar: what the progress bar is called; None for none.
        options: of the user; they win over those of the stage.
        **stage: further arguments of ``Trainer``.
    """
    warnings.filterwarnings("ignore", module="lightning")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)  # its import sets INFO
    return L.Trainer(
        default_root_dir=folder,
        accelerator=accelerator,
        precision=precision,
        logger=list(loggers),
        callbacks=[OwnSignals(), *callbacks, *([] if bar is None else [StageBar(bar)])],
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        strategy=DDPStrategy(broadcast_buffers=False) if world_size() > 1 else "auto",
        devices=local_world_size(),
        num_nodes=world_size() // local_world_size(),
        **{"log_every_n_steps": 10, "plugins": [WholeCheckpoints()], **stage, **options},
    )


def trainer_of(config: Train, computing: Computing, **stage: Any) -> L.Trainer:
    """The trainer of one stage as a configuration has it, see ``make_trainer``; what ``stage`` says wins."""
    own = config.trainer
    chosen = {"precision": computing.precision, "deterministic": own.deterministic, "options": own.options}
    return make_trainer(**{"accelerator": computing.accelerator, **chosen, **stage})


def validation_interval(batches: int, times: int) -> int:
    """Batches between two validations, of a stage that is validated so many times, or after every batch."""
    return max(1, batches // times)


def require_finished(stage: str, loop: L.Trainer, steps: int) -> None:
    """Refuse a stage that ended early.

    Raises:
        TrainingError: fewer updates were made than were asked for.
    """
    if loop.global_step < steps:
        raise TrainingError(
            f"{stage}: ended after {loop.global_step} of {plural(steps, 'update')}, so nothing of it is saved as "
            "finished; the same command resumes from its last checkpoint"
        )
    on_rank_zero((Path(loop.default_root_dir) / FILE).unlink)(missing_ok=True)  # of an attempt before
