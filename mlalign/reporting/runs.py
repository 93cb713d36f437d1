"""Runs on disk, found by patterns: finished ones, and those without results."""

import glob
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mlalign.config.failures import FAILED
from mlalign.errors import DataError
from mlalign.files import CONFIG, EVALUATIONS, RESULTS
from mlalign.reporting.results import Results, read_results

LOCK = ".lock"  # taken before a run begins
FORMS = ("{0}", "{0}/{1}", "{0}/**/{1}")


@dataclass(frozen=True)
class Run:
    """A finished run."""

    folder: Path
    results: Results


@dataclass(frozen=True)
class Unfinished:
    """A run's folder without results: it failed, was stopped, or is running."""

    folder: Path
    error: str | None = None

    @property
    def task(self) -> str:
        """The folder of a run is in that of its task."""
        return self.folder.parent.name

    def __str__(self) -> str:
        return f"{self.folder}{'' if self.error is None else f' ({self.error})'}"


def find_runs(patterns: str) -> list[Run]:
    """Every finished run under folders or glob patterns, comma-separated.

    Runs that were scored again stay out, unless a pattern names their folder, ``evaluations``.

    Raises:
        DataError: there are none, or one's results cannot be read.
    """
    folders = sorted({path.parent for path in _files(patterns, RESULTS)})
    if not folders:
        begun = "".join(f"\n  not finished: {one}" for one in find_unfinished(patterns))
        raise DataError(
            f"runs={patterns}: no {RESULTS} there; expected folders of finished runs, such as "
            f"runs='outputs/**' or runs='multirun/**'{begun}"
        )
    return [Run(folder, read_results(folder)) for folder in folders]


def by_task(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """Task -> its runs, as they come."""
    found: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        found[run.results.task].append(run)
    return found


def find_unfinished(patterns: str) -> list[Unfinished]:
    """Every run under folders or glob patterns that began and has no results."""
    begun = {path.parent for name in (CONFIG, LOCK, FAILED) for path in _files(patterns, name)}
    return [Unfinished(folder, _error(folder)) for folder in sorted(begun) if not (folder / RESULTS).is_file()]


def _files(patterns: str, name: str) -> Iterator[Path]:
    for pattern in patterns.split(","):
        for form in FORMS:
            shape = form.format(pattern.strip(), name)
            for found in glob.glob(shape, recursive=True, include_hidden=True):  # noqa: PTH207
                path = Path(found)  # absolute patterns too, which Path.glob refuses
                if path.name == name and (EVALUATIONS in pattern or EVALUATIONS not in path.parts):
                    yield path


def _error(folder: Path) -> str | None:
    path = folder / FAILED
    if not path.is_file():
        return None
    try:
        return " ".join(json.loads(path.read_text(encoding="utf-8"))["error"].split())
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return f"{FAILED} cannot be read"
