"""What runs predicted for each test example, as it is in their folders."""

from collections.abc import Iterator
from pathlib import Path

from mlalign.data.text import parse_json, read_lines
from mlalign.errors import DataError
from mlalign.files import PREDICTIONS
from mlalign.metrics.tasks import Prediction, TaskMetric

ENDINGS = (".jsonl", ".jsonl.gz")  # the second one where results are published


def predictions_file(folder: Path, language: str) -> Path:
    """Where a run's predictions for a language lie, or would."""
    paths = [folder / PREDICTIONS / (language + ending) for ending in ENDINGS]
    return next((path for path in paths if path.is_file()), paths[0])


def predicted_languages(folder: Path) -> list[str]:
    """Languages that a run has predictions for, sorted."""
    names = [path.name for ending in ENDINGS for path in (folder / PREDICTIONS).glob(f"*{ending}")]
    return sorted({name.partition(".")[0] for name in names})


def read_predictions(path: Path, metric: TaskMetric) -> Iterator[Prediction]:
    """Every example's prediction, in the order of the test file.

    Args:
        path: of a run's predictions for a language.
        metric: of its task.

    Raises:
        DataError: the file is empty, or a line is no prediction.
    """
    for number, line in read_lines(path):
        try:
            yield metric.from_json(parse_json(line))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"{path}, line {number}: expected an object with id, and gold and predicted, {metric.expected}, "
                f"found {line[:40]!r} ({error!r}); run again with resume=false"
            ) from error
