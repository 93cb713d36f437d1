"""The record of a run while it lasts: its folder, device and precision, files read, seconds taken."""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import lightning as L
from omegaconf import OmegaConf

from mlalign.config.enums import LoggerName
from mlalign.config.plain import container
from mlalign.config.schema import Train
from mlalign.data.coverage import Coverage
from mlalign.device import choose_tokens
from mlalign.distributed import is_rank_zero, rank_zero_first
from mlalign.files import CONFIG, LOG, RESULTS, FileRecord, write_whole
from mlalign.models.backbone import quiet_transformers
from mlalign.stages.code import code_hashes
from mlalign.stages.run_folder import remove_made
from mlalign.tracking.log import JsonLines, close_log, log_to
from mlalign.tracking.start import in_sweep
from mlalign.tracking.tracker import Tracker, check_logger
from mlalign.tracking.wandb_tracker import WandbTracker
from mlalign.training.computing import set_up
from mlalign.training.trainer import trainer_of

BARS = {"align": "aligning", "parse": "parsing", "finetune": "fine-tuning"}


class RunRecord:
    """Clears the folder of a run that begins anew, and closes the tracker at the end, whatever happens.

    Attributes:
        data: path of a file that was read -> rows and SHA-256.
        parallel: language -> the parallel files that were read.
        seconds: stage -> seconds it took.
        coverage: ``scored`` or ``parallel`` -> language -> how the tokenizer covers that text.
    """

    def __init__(self, config: Train, folder: Path) -> None:
        self.config, self.folder = config, folder
        self.computing = set_up(config)
        self.tokens = choose_tokens(config.trainer.tokens, gpu=self.computing.gpu)
        self.code = code_hashes()  # before it runs: a checkout can change meanwhile
        self.tracker = tracker_of(config, folder)
        self.data: dict[str, FileRecord] = {}
        self.parallel: dict[str, list[str]] = {}
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.coverage: dict[str, dict[str, Coverage]] = {"scored": {}, "parallel": {}}
        self._log: logging.Handler | None = None
        quiet_transformers()

    def __enter__(self) -> "RunRecord":
        self._started = time.perf_counter()
        with rank_zero_first():
            if is_rank_zero():
                self.folder.mkdir(parents=True, exist_ok=True)
                self._log = log_to(self.folder / LOG)
                if self.config.resume is False or (self.folder / RESULTS).exists():
                    remove_made(self.folder)
                write_whole(self.folder / CONFIG, OmegaConf.to_yaml(OmegaConf.create(container(self.config))))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.tracker.close(error)
        if self._log is not None:
            close_log(self._log, error)

    @property
    def total_seconds(self) -> dict[str, float]:
        """Stage -> seconds, rounded, and those of the whole run so far."""
        stages = {**self.seconds, "total": time.perf_counter() - self._started}
        return {stage: round(seconds, 2) for stage, seconds in stages.items()}

    def trainer(self, stage: str, *, called: str | None = None) -> Callable[..., L.Trainer]:
        """Function that makes the trainer of a stage, with its loggers; ``called`` tells two of a kind apart."""

        def make(*, folder: Path, callbacks: Sequence[L.Callback], **options: Any) -> L.Trainer:
            loggers = [] if stage == "test" else self.tracker.loggers(stage, folder)
            if loggers and is_rank_zero():
                loggers.append(JsonLines(self.folder, called or stage))  # which can be followed
            return trainer_of(
                self.config,
                self.computing,
                folder=folder,
                loggers=loggers,
                callbacks=callbacks,
                bar=BARS.get(stage) if self.config.trainer.progress else None,
                **options,
            )

        return make


def tracker_of(config: Train, folder: Path) -> Tracker:
    """The tracker of a run that starts.

    Raises:
        ConfigError: the logger is not installed, or has no such option.
    """
    logger = config.logger
    check_logger(logger.name.value)
    if not is_rank_zero():
        return Tracker(LoggerName.csv.value, {})  # nothing outside csv files
    if logger.name != LoggerName.wandb:
        return Tracker(logger.name.value, logger.options)
    return WandbTracker(config, folder)


def is_watched(config: Train) -> bool:
    """Whether the results must be logged even if the run was finished before."""
    return config.logger.name == LoggerName.wandb and in_sweep()
