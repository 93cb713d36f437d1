"""What runs said of each test example, as it lies in their folders."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mlalign.data.text import read_lines
from mlalign.errors import DataError
from mlalign.reporting import strict_json

FOLDER = "predictions"
ENDINGS = (".jsonl", ".jsonl.gz")  # the second one where results are published


class Prediction(NamedTuple):
    """One test example: a label, or one tag for each word."""

    id: str
    gold: str | list[str]
    predicted: str | list[str]
    probabilities: dict[str, float] | None = None  # of the labels of a text


def predictions_file(folder: Path, language: str) -> Path:
    """Where a run's predictions for a language lie, or would."""
    paths = [folder / FOLDER / (language + ending) for ending in ENDINGS]
    return next((path for path in paths if path.is_file()), paths[0])


def predicted_languages(folder: Path) -> list[str]:
    """Languages that a run has predictions for, sorted."""
    names = [path.name for ending in ENDINGS for path in (folder / FOLDER).glob(f"*{ending}")]
    return sorted({name.partition(".")[0] for name in names})


def read_predictions(path: Path) -> Iterator[Prediction]:
    """Every example's prediction, in the order of the test file.

    Raises:
        DataError: the file is empty, or a line is no prediction.
    """
    for number, line in read_lines(path):
        try:
            row = strict_json.loads(line)
            prediction = Prediction(str(row["id"]), row["gold"], row["predicted"], row.get("probabilities"))
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path}, line {number}: expected an object with id, gold and predicted, found "
                f"{line[:40]!r} ({error!r}); run again with resume=false"
            ) from error
        if not _fit(prediction.gold, prediction.predicted):
            raise DataError(
                f"{path}, line {number}: expected gold and predicted to be two labels, or two "
                "lists of as many tags; run again with resume=false"
            )
        yield prediction


def _fit(gold: object, predicted: object) -> bool:
    if isinstance(gold, list) and isinstance(predicted, list):
        return len(gold) == len(predicted)
    return isinstance(gold, str) and isinstance(predicted, str)
