"""The figures of a single run, which its tracker may log."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from mlalign.errors import DataError
from mlalign.metrics.tasks import task_metrics
from mlalign.reporting.figures import confusion, correlation, curves
from mlalign.reporting.recorded import curves_of, labels_of, predictions_of
from mlalign.reporting.results import Results
from mlalign.reporting.runs import Run
from mlalign.stages.before_after import BeforeAfter
from mlalign.stages.shown_vectors import pair_vectors
from mlalign.tracking.tracker import Figures


def figures_of(results: Results, folder: Path) -> Figures:
    """Name -> function that draws it, of every figure of a single run."""
    run = Run(folder, results)
    figures: dict[str, Callable[[], Figure]] = {"curves": partial(_curves, run)}
    if task_metrics()[results.metric].has_labels:
        figures["confusion"] = partial(_confusion, run)
    if results.aligned is not None:
        figures["correlation"] = partial(_correlation, run)
    return figures


def _curves(run: Run) -> Figure:
    numbers = curves_of(run)
    if numbers.empty:
        raise DataError("nothing was trained")
    return curves.draw(numbers)


def _confusion(run: Run) -> Figure:
    """One confusion matrix per language."""
    labels = labels_of(run)
    return confusion.draw(
        pd.concat(
            confusion.numbers({language: predictions_of(run, language)}, labels, language)
            for language in run.results.scores
        )
    )


def _correlation(run: Run) -> Figure:
    """A held-out pair before and after alignment."""
    encoders = BeforeAfter(run)
    shown = {"before alignment": encoders.before, "after alignment": encoders.last}
    words, vectors = pair_vectors(shown, encoders.text.languages[0], None)
    return correlation.draw(correlation.numbers(vectors, *words))
