"""Where a run's metrics are logged: csv files always, and the logger that is configured."""

import importlib.util
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from matplotlib.figure import Figure

from mlalign.data.readers import AnyExample, Part
from mlalign.errors import ConfigError
from mlalign.files import Json
from mlalign.reporting.curves import CURVES
from mlalign.reporting.results import Results

log = logging.getLogger(__name__)
Figures = Mapping[str, Callable[[], Figure]]  # name -> function that draws it


class Tracker:
    """The curves of a run's stages, and nothing more.

    Args:
        name: ``csv``, or ``tensorboard`` beside it.
        options: of the logger.
    """

    def __init__(self, name: str, options: Mapping[str, Json]) -> None:
        self.name, self.options = name, dict(options)

    def loggers(self, stage: str, folder: Path) -> list[Logger]:
        """Lightning's loggers for a stage that begins now and whose curves go to a folder.

        Raises:
            ConfigError: TensorBoard's logger has no such option.
        """
        version, number = stage, 1
        while (folder / CURVES / version).exists():  # a resumed run keeps its earlier curves
            number += 1
            version = f"{stage}-{number}"
        loggers: list[Logger] = [CSVLogger(folder, name=CURVES, version=version)]
        if self.name == "tensorboard":
            try:
                loggers.append(TensorBoardLogger(folder, name="tensorboard", version=stage, **self.options))
            except TypeError as error:
                raise ConfigError(f"logger.options={self.options}: {error}") from error
        return loggers

    def end_stage(self) -> None:
        """The stage that began last is over."""

    def test(self) -> None:
        """Testing begins."""

    def scored(self, scores: Mapping[str, float], language: str, part: Part[AnyExample]) -> None:
        """A language was tested.

        Args:
            scores: metric -> per cent.
            language: that was tested.
            part: its examples.
        """

    def show(self, results: Results, figures: Figures) -> None:
        """Log the results, also those of a run that was finished before."""

    def close(self, error: BaseException | None = None) -> None:
        """The run is over, or was stopped by the error."""


def check_logger(name: str) -> None:
    """Refuse a logger whose library is missing, before anything else is done.

    Raises:
        ConfigError: with the command that installs it.
    """
    if name in ("wandb", "tensorboard") and importlib.util.find_spec(name) is None:
        raise ConfigError(f"logger={name}: not installed; pip install {name}")
