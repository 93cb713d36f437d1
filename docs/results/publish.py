"""Keeps what tables need of finished runs, in one file a study.

    python docs/results/publish.py RUNS STUDY     # add runs, a glob such as 'multirun/NAME/**', to STUDY.zip
    python docs/results/publish.py                # unpack every study, STUDY.zip into STUDY/

Of each run ``STUDY/TASK/RUN/`` holds ``results.json`` and ``predictions/<language>.jsonl``, the predictions without
their probabilities. A run that is in the study already is replaced. The same runs give the same bytes, in whatever
order they were added.
"""

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from mlalign.files import PREDICTIONS, RESULTS
from mlalign.metrics.tasks import task_metrics
from mlalign.reporting.predictions import predicted_languages, predictions_file, read_predictions
from mlalign.reporting.runs import Run, find_runs

HERE = Path(__file__).parent
PUBLISHED = ("id", "gold", "predicted")


def published_files(run: Run) -> Iterator[tuple[str, bytes]]:
    """Names in the run's folder, and contents."""
    yield RESULTS, (run.folder / RESULTS).read_bytes()
    for language in predicted_languages(run.folder):
        lines = [
            json.dumps({name: getattr(one, name) for name in PUBLISHED}, ensure_ascii=False) + "\n"
            for one in read_predictions(predictions_file(run.folder, language), task_metrics()[run.results.metric])
        ]
        yield f"{PREDICTIONS}/{language}.jsonl", "".join(lines).encode()


def publish(runs: Sequence[Run], archive: Path) -> None:
    """Add runs to a study's archive, which is made if it is not there."""
    files: dict[str, bytes] = {}
    if archive.is_file():
        with ZipFile(archive) as packed:
            files = {name: packed.read(name) for name in packed.namelist()}
    for run in runs:
        folder = f"{archive.stem}/{run.results.task}/{run.folder.name}/"
        files = {name: content for name, content in files.items() if not name.startswith(folder)}
        files |= {folder + name: content for name, content in published_files(run)}
    part = archive.with_suffix(".part")
    with ZipFile(part, "w") as packed:
        for name in sorted(files):
            member = ZipInfo(name)  # dated 1980, so that the bytes depend on the content alone
            member.external_attr = 0o644 << 16
            packed.writestr(member, files[name], ZIP_DEFLATED, compresslevel=9)
    part.replace(archive)


def unpack(archive: Path, target: Path) -> None:
    """Write a study's runs to ``target/STUDY/``, in place of what is there."""
    shutil.rmtree(target / archive.stem, ignore_errors=True)
    with ZipFile(archive) as packed:
        packed.extractall(target)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        found = find_runs(sys.argv[1])
        publish(found, HERE / f"{sys.argv[2]}.zip")
        print(f"{len(found)} runs added to {HERE / sys.argv[2]}.zip")
    elif len(sys.argv) == 1:
        for study in sorted(HERE.glob("*.zip")):
            unpack(study, HERE)
    else:
        sys.exit(__doc__)
