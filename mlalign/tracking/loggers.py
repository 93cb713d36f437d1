"""Where a stage's curves go: csv files always, TensorBoard where it is asked for."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path

from lightning.pytorch.loggers import CSVLogger, Logger

from mlalign.errors import ConfigError
from mlalign.files import Json
from mlalign.reporting.curves import CURVES


def build_loggers(name: str, options: Mapping[str, Json], *, folder: Path, stage: str) -> list[Logger]:
    """Lightning's loggers for one stage of a run.

    Args:
        name: ``tensorboard``, or anything else for csv files alone.
        options: of TensorBoard's logger.
        folder: ``curves/<stage>/metrics.csv`` is written there.
        stage: ``align`` or ``finetune``.

    Raises:
        ConfigError: TensorBoard's logger has no such option.
    """
    version, number = stage, 1
    while (folder / CURVES / version).exists():  # a resumed run keeps its earlier curves
        number += 1
        version = f"{stage}-{number}"
    loggers: list[Logger] = [CSVLogger(folder, name=CURVES, version=version)]
    if name == "tensorboard":
        try:
            loggers.append(_tensorboard(options, folder, stage))
        except TypeError as error:
            raise ConfigError(f"logger.options={dict(options)}: {error}") from error
    return loggers


def check_logger(name: str) -> None:
    """Refuse a logger whose library is missing, before anything else is done.

    Raises:
        ConfigError: with the command that installs it.
    """
    if name in ("wandb", "tensorboard") and importlib.util.find_spec(name) is None:
        raise ConfigError(f"logger={name}: not installed; pip install {name}")


def _tensorboard(options: Mapping[str, Json], folder: Path, stage: str) -> Logger:
    from lightning.pytorch.loggers import TensorBoardLogger

    return TensorBoardLogger(folder, name="tensorboard", version=stage, **options)
