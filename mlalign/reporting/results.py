"""``results.json``: what a run found, and all that is needed to believe it."""

import importlib.metadata
import platform
import subprocess
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from mlalign.data.languages import ENGLISH
from mlalign.errors import DataError, TrainingError
from mlalign.files import RESULTS, write_whole
from mlalign.reporting import strict_json

SCHEMA = 1
FILE = RESULTS
PACKAGES = (
    "mlalign",
    "torch",
    "lightning",
    "transformers",
    "tokenizers",
    "datasets",
    "torchmetrics",
)


def summary(scores: Mapping[str, float | None]) -> dict[str, float | None]:
    """Averages over all languages and over all but English, and what English is ahead.

    Where a score is missing (None) there is no average: one over fewer languages would not be the
    same thing.
    """
    targets = [score for language, score in scores.items() if language != ENGLISH]
    transfer = _mean(targets)
    english = scores.get(ENGLISH)
    gap = english - transfer if english is not None and transfer is not None else None
    return {
        "average": _mean(scores.values()),
        "transfer_average": transfer,
        "transfer_gap": gap,
    }


def _mean(scores: Collection[float | None]) -> float | None:
    known = [score for score in scores if score is not None]
    return sum(known) / len(known) if known and len(known) == len(scores) else None


def versions() -> dict[str, str]:
    """Of Python and of the libraries that a score depends on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def commit() -> str | None:
    """The checkout's commit, with ``+`` where files differ from it; None outside a checkout."""
    here = Path(__file__).parent

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", *words], cwd=here, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def write_results(folder: Path, results: Mapping[str, Any]) -> None:
    """Write ``results.json``; a folder that has one holds a finished run.

    Raises:
        TrainingError: a number in it is not finite.
    """
    found = ", ".join(strict_json.not_finite(results))
    if found:
        raise TrainingError(f"{folder / FILE}: not written, non-finite numbers: {found}")
    text = strict_json.dumps({"schema": SCHEMA, **results}, indent=1)
    write_whole(folder / FILE, text + "\n")


def read_results(folder: Path) -> dict[str, Any]:
    """The results of a finished run.

    Raises:
        DataError: there are none, or they are of another schema.
    """
    path = folder / FILE
    if not path.is_file():
        raise DataError(f"{path}: no such file; expected the folder of a finished run")
    try:
        results = strict_json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path}: no JSON ({error}); run again with resume=false") from error
    if not isinstance(results, dict) or "config" not in results:
        raise DataError(f"{path}: not the results of a run; run again with resume=false")
    if results.get("schema") != SCHEMA:
        raise DataError(
            f"{path}: schema {results.get('schema')}, expected {SCHEMA}; it was written by another "
            "version of mlalign: run again with resume=false"
        )
    return results
