"""What a run said of each test example: ``predictions/<language>.jsonl``."""

import json
from pathlib import Path
from typing import NamedTuple

from mlalign.errors import DataError

FOLDER = "predictions"


class Prediction(NamedTuple):
    """One example; its answers are a label each, or a list of tags."""

    id: str
    gold: str | list[str]
    predicted: str | list[str]


def predictions_path(run: Path, language: str) -> Path:
    """Where a run's predictions in a language lie."""
    return run / FOLDER / f"{language}.jsonl"


def read_predictions(path: Path) -> list[Prediction]:
    """Every line of a file of predictions.

    Raises:
        DataError: a line is broken, or there is none.
    """
    found = []
    with path.open(encoding="utf-8") as lines:  # an id may hold what only str.splitlines parts at
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
                found.append(Prediction(str(row["id"]), row["gold"], row["predicted"]))
            except (ValueError, KeyError, TypeError) as error:
                raise DataError(
                    f"{path}, line {number}: expected an object with id, gold and predicted, found "
                    f"{line[:40]!r} ({error!r}); run again with resume=false"
                ) from error
    if not found:
        raise DataError(f"{path}: no predictions in it; run again with resume=false")
    return found
