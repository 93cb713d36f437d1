"""Copies what tables need of finished runs into this folder.

    python docs/results/publish.py RUNS TARGET

RUNS is a glob, 'outputs/sample/**' for example, TARGET a folder beside this file. Of each run:
``results.json``, and the predictions without their probabilities, with gzip. The same runs give the
same bytes.
"""

import gzip
import json
import sys
from pathlib import Path

from mlalign.metrics.tasks import METRICS
from mlalign.reporting.predictions import (
    FOLDER,
    predicted_languages,
    predictions_file,
    read_predictions,
)
from mlalign.reporting.results import FILE
from mlalign.reporting.runs import Run, find_runs

PUBLISHED = ("id", "gold", "predicted")


def publish(run: Run, target: Path) -> None:
    """One run, under its task's and its own folder's names."""
    folder = target / run.results["task"] / run.folder.name
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_bytes((run.folder / FILE).read_bytes())
    for language in predicted_languages(run.folder):
        lines = [
            json.dumps({name: getattr(one, name) for name in PUBLISHED}, ensure_ascii=False) + "\n"
            for one in read_predictions(predictions_file(run.folder, language), METRICS[run.results["metric"]])
        ]
        packed = gzip.compress("".join(lines).encode(), mtime=0)
        (folder / FOLDER / f"{language}.jsonl.gz").write_bytes(packed)


if __name__ == "__main__":
    runs = find_runs(sys.argv[1])
    for run in runs:
        publish(run, Path(sys.argv[2]))
    print(f"{len(runs)} runs in {sys.argv[2]}")
