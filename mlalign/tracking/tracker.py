"""Where a run's numbers go: csv files always, and what was asked for besides."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from mlalign.data.readers import Part
from mlalign.reporting.results import Results
from mlalign.tracking.loggers import build_loggers

log = logging.getLogger(__name__)
Figures = Mapping[str, Callable[[], Figure]]  # name -> what draws it


class Tracker:
    """The curves of a run's stages, and nothing more.

    Args:
        name: ``csv``, or ``tensorboard`` beside it.
        options: of the logger.
    """

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        self.name, self.options = name, dict(options)

    def loggers(self, stage: str, folder: Path) -> list[Any]:
        """Lightning's loggers for a stage that begins now and whose curves go to a folder."""
        return build_loggers(self.name, self.options, folder=folder, stage=stage)

    def end_stage(self) -> None:
        """What began last is over."""

    def test(self) -> None:
        """The test begins."""

    def scored(self, scores: Mapping[str, float], language: str, part: Part[Any]) -> None:
        """A language was tested: metric -> per cent."""

    def show(self, results: Results, figures: Figures) -> None:
        """The run's results, those of a run that was found included."""

    def close(self, error: BaseException | None = None) -> None:
        """The run is over, or was stopped by an error."""
