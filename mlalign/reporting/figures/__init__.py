"""The paper's figures: one file each, found by its name.

Each other file of this folder is a figure, with the attributes of ``FigureFile``. It opens no encoder: what is computed
from encoders comes with the ``Request``.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import pandas as pd
from matplotlib.figure import Figure

from mlalign.reporting.runs import Run

Panels = Mapping[str, Sequence[Run]]  # a panel, or a line in one -> its runs
NAMES = tuple(sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py")))


class Vectors(Protocol):
    """What can be computed from encoders, see ``stages.shown_vectors``."""

    pair_vectors: Callable[..., Any]
    words_of_languages: Callable[..., Any]
    translations: Callable[..., Any]
    documents: Callable[..., Any]


@dataclass(frozen=True)
class Request:
    """What a figure is asked for, beside its runs.

    Attributes:
        vectors: computes vectors of encoders.
        encoders: opens the encoders of some panels, for ``vectors``.
        measures: of a run's encoder on held-out pairs.
        language: of the text that is shown; None for the first target language that all runs share.
        seed: of what is sampled at random, and of t-SNE.
        points: documents, subwords of each language or pairs; None for the figure's own number.
        pair: a sentence and its translation; None for a held-out pair.
        words: a file of English, tab, translation; None for the sample's dictionary.
    """

    vectors: Vectors
    encoders: Callable[[Panels], object]
    measures: Callable[[Run], Mapping[str, float]]
    language: str | None = None
    seed: int = 1
    points: int | None = None
    pair: Sequence[str] | None = None
    words: Path | None = None


class FigureFile(Protocol):
    """A figure.

    Attributes:
        NUMBER: in the paper, or after its last.
        TITLE, CAPTION: on a report's page; ``{runs}`` and ``{language}`` are filled in.
        BY_NAME: whether the runs of a table's row, its seeds, are one panel; else each run has its own.
        IN_REPORT: the rows that a report draws, see ``commands.report_figures``; none where it is empty.
        collect: the table of the plotted numbers.
        draw: the figure, from that table alone.
    """

    NUMBER: int
    TITLE: str
    CAPTION: str
    BY_NAME: bool
    IN_REPORT: str

    def collect(self, panels: Panels, request: Request) -> pd.DataFrame: ...  # noqa: D102
    def draw(self, frame: pd.DataFrame) -> Figure: ...  # noqa: D102


def figure(name: str) -> FigureFile:
    """The figure of a name in ``NAMES``."""
    return cast(FigureFile, importlib.import_module(f"{__name__}.{name}"))
