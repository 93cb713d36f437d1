"""Where a stage's curves go: csv files always, and what was asked for besides."""

import importlib.util
import logging
import netrc
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger

from mlalign.errors import ConfigError

log = logging.getLogger(__name__)

CURVES = "curves"


def build_loggers(
    name: str, options: Mapping[str, Any], *, folder: Path, stage: str, run: str
) -> list[Any]:
    """Lightning's loggers for one stage of a run.

    Args:
        name: ``csv``, ``wandb`` or ``tensorboard``.
        options: passed on to the logger as they are.
        folder: ``curves/<stage>/metrics.csv`` is written there.
        stage: ``align`` or ``finetune``.
        run: what the run is called.

    Raises:
        ConfigError: the library is not installed, or it has no such option.
    """
    version, number = stage, 1
    while (folder / CURVES / version).exists():  # a resumed run keeps its earlier curves
        number += 1
        version = f"{stage}-{number}"
    loggers: list[Any] = [CSVLogger(folder, name=CURVES, version=version)]
    try:
        if name == "wandb":
            loggers.append(_wandb(dict(options), folder, stage, run))
        elif name == "tensorboard":
            loggers.append(_tensorboard(dict(options), folder, stage))
    except TypeError as error:
        raise ConfigError(f"logger.options={dict(options)}: {error}") from error
    return loggers


def check_logger(name: str) -> None:
    """Refuse a logger whose library is missing, before anything else is done.

    Raises:
        ConfigError: with the command that installs it.
    """
    if name in ("wandb", "tensorboard") and importlib.util.find_spec(name) is None:
        raise ConfigError(f"logger={name}: not installed; pip install 'mlalign[{name}]'")


def _wandb(options: dict[str, Any], folder: Path, stage: str, run: str) -> Any:
    import wandb
    from lightning.pytorch.loggers import WandbLogger

    wandb.finish()  # the stage before, or a sweep's job before, would get our curves otherwise
    if not _has_account() and "WANDB_MODE" not in os.environ:
        options.setdefault("offline", True)
        log.info("wandb: no account here, so this is kept offline; `wandb sync` sends it later")
    options.setdefault("group", run)
    return WandbLogger(name=f"{run}/{stage}", save_dir=folder, job_type=stage, **options)


def _has_account() -> bool:
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        return netrc.netrc().authenticators("api.wandb.ai") is not None
    except (OSError, netrc.NetrcParseError):
        return False


def _tensorboard(options: dict[str, Any], folder: Path, stage: str) -> Any:
    from lightning.pytorch.loggers import TensorBoardLogger

    return TensorBoardLogger(folder, name="tensorboard", version=stage, **options)


def finish_loggers(name: str) -> None:
    """End a stage's wandb run, so that the next one gets a run of its own."""
    if name == "wandb":
        import wandb

        wandb.finish()
