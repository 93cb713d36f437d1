"""The predictions of a tested run as a wandb table, and its confusion matrix as a wandb chart."""

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from mlalign.data.readers import AnyExample, Part
from mlalign.files import Json
from mlalign.metrics.tasks import TaskMetric
from mlalign.reporting.predictions import read_predictions

if TYPE_CHECKING:
    import wandb
    from wandb.plot import CustomChart

COLUMNS = ("language", "id", "text", "gold", "predicted", "probability", "right")
LONGEST = 500  # characters of a text


def prediction_table(
    tested: Mapping[str, tuple[Path, Part[AnyExample]]], metric: TaskMetric, *, rows: int, texts: bool
) -> "wandb.Table":
    """A wandb table of the first examples of every language."""
    import wandb

    data = [
        row
        for language, (path, part) in tested.items()
        for row in prediction_rows(path, part, metric, language, rows=rows, texts=texts)
    ]
    return wandb.Table(columns=list(COLUMNS), data=data)


def prediction_rows(
    path: Path, part: Part[AnyExample], metric: TaskMetric, language: str, *, rows: int, texts: bool
) -> list[list[Json]]:
    """The first examples of a language, in file order, one value per column of ``COLUMNS``.

    Args:
        path: of the predictions, one line per example.
        part: the examples.
        metric: of their task.
        language: of the examples.
        rows: maximum number.
        texts: whether their text may be shown.

    Returns:
        Tags joined by spaces; the probability is that of the predicted label, None where labels have none.
    """
    found = []
    for example, one in zip(part.examples, islice(read_predictions(path, metric), rows), strict=False):
        shares = one.more.get("probabilities", {})
        found.append(
            [
                language,
                one.id,
                metric.joined.join(example.parts)[:LONGEST] if texts else None,
                metric.text(one.gold),
                metric.text(one.predicted),
                shares.get(metric.text(one.predicted)),
                metric.is_right(one),
            ]
        )
    return found


def confusion_chart(path: Path, metric: TaskMetric, labels: Sequence[str], language: str) -> "CustomChart":
    """Wandb's confusion matrix of a language."""
    import wandb

    place = {label: number for number, label in enumerate(labels)}
    found = list(read_predictions(path, metric))
    return wandb.plot.confusion_matrix(
        y_true=[place[str(one.gold)] for one in found],
        preds=[place[str(one.predicted)] for one in found],
        class_names=list(labels),
        title=language,
    )


def image(draw: Callable[[], Figure]) -> "wandb.Image":
    """A figure as a wandb image."""
    import wandb

    figure = draw()
    figure.set_dpi(150)
    return wandb.Image(figure)
