"""Files that are whole or not there, and what identifies them."""

import hashlib
import os
from pathlib import Path
from typing import Any, NotRequired, TypedDict

Json = Any  # what JSON or YAML may hold: typed where it is read
JsonObject = dict[str, Json]
RESULTS = "results.json"  # in the folder of a finished run
CONFIG = "config.yaml"  # in that of one that has begun
EVALUATIONS = "evaluations"  # folders of a run that was scored again


class FileRecord(TypedDict):
    """What is known of a file that was read."""

    rows: int
    sha256: str
    left_out: NotRequired[dict[str, int]]  # of the rows: reason -> count


def sha256_of(path: Path) -> str:
    """Of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_whole(path: Path, text: str) -> None:
    """Write under another name first, so that the final name never holds half a file."""
    partial_file = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial_file.write_text(text, encoding="utf-8")
        partial_file.replace(path)
    finally:
        partial_file.unlink(missing_ok=True)
