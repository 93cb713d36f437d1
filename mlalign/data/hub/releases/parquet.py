"""Rows of a parquet file: as much as is needed at a time, its columns checked first."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from mlalign.errors import DataError, did_you_mean

BATCH = 4096


def parquet_rows(path: Path, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file with these columns.

    Raises:
        DataError: it is no parquet file, or a column is not there.
    """
    with _opened(path) as file:
        there = file.schema_arrow.names
        for column in columns:
            if column not in there:
                raise DataError(
                    f"{path}: expected the columns {', '.join(columns)}, found "
                    f"{', '.join(there)}{did_you_mean(column, there)}; the release has changed"
                )
        for batch in file.iter_batches(BATCH, columns=list(columns)):
            yield from batch.to_pylist()


def class_names(path: Path, column: str) -> list[str] | None:
    """Names of the classes that a column's numbers stand for, where ``datasets`` noted them."""
    with _opened(path) as file:
        noted = json.loads((file.schema_arrow.metadata or {}).get(b"huggingface", b"{}"))
    feature = noted.get("info", {}).get("features", {}).get(column, {})
    names = feature.get("feature", feature).get("names")  # a list's own feature is inside it
    return None if names is None else list(names)


def needed_class_names(path: Path, column: str) -> list[str]:
    """The same, where numbers mean nothing without them.

    Raises:
        DataError: there are none.
    """
    names = class_names(path, column)
    if names is None:
        raise DataError(
            f"{path}: expected the names of the classes of the column {column} in its schema, "
            "found none; the release has changed"
        )
    return names


@contextmanager
def _opened(path: Path) -> Iterator[pyarrow.parquet.ParquetFile]:
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            yield file
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path}: cannot be read as parquet ({error}); get it anew") from None


def check_classes(path: Path, column: str, labels: Sequence[str]) -> None:
    """Refuse a file whose numbers stand for other classes than the task's labels.

    Raises:
        DataError: it says so itself.
    """
    found = class_names(path, column)
    if found is not None and found != list(labels):
        raise DataError(
            f"{path}: expected the classes {', '.join(labels)} in the column {column}, found "
            f"{', '.join(found)}; the release has changed"
        )
