"""Where a run's metrics are logged: csv files always, and the logger that is configured."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from lightning.pytorch.loggers import Logger
from matplotlib.figure import Figure

from mlalign.data.readers import AnyExample, Part
from mlalign.files import Json
from mlalign.reporting.results import Results
from mlalign.tracking.loggers import build_loggers

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
        """Lightning's loggers for a stage that begins now and whose curves go to a folder."""
        return build_loggers(self.name, self.options, folder=folder, stage=stage)

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
