"""What can be followed while a run lasts, with ``tail -f``: its messages, and a line for everything that it reports."""

import json
import logging
import time
from pathlib import Path

from lightning.pytorch.loggers.logger import Logger

from mlalign.config.failures import described
from mlalign.files import METRICS


class JsonLines(Logger):
    """Appends one object a line, at once; a stage that resumes may report again what came after its checkpoint.

    Args:
        folder: of the run, whatever folder the stage itself works in.
        stage: ``align``, ``finetune``, or ``finetune/shots`` and its like where there are two.
    """

    def __init__(self, folder: Path, stage: str) -> None:
        super().__init__()
        self.path, self.stage = folder / METRICS, stage

    @property
    def name(self) -> str:
        """Of the stage."""
        return self.stage

    @property
    def version(self) -> str:
        """None: all go to one file."""
        return ""

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Numbers that are none are null, as strict JSON has it."""
        found = {name: value if abs(value) < float("inf") else None for name, value in metrics.items()}
        line = json.dumps({"time": round(time.time(), 3), "stage": self.stage, "step": step, **found})
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def log_hyperparams(self, *_: object, **__: object) -> None:
        """Nothing: the run's folder holds its configuration."""


def log_to(path: Path) -> logging.Handler:
    """Append what is told from now on to a file; see ``close_log``."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logging.getLogger().addHandler(handler)
    return handler


def close_log(handler: logging.Handler, error: BaseException | None) -> None:
    """Say how a run ended, and end its file."""
    ended = "Ended" if error is None else described(error) if isinstance(error, Exception) else type(error).__name__
    level = logging.INFO if error is None else logging.ERROR
    handler.emit(logging.LogRecord(__name__, level, __file__, 0, ended, None, None))
    logging.getLogger().removeHandler(handler)
    handler.close()
