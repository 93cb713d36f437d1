"""Rows of a parquet file: as much as is needed at a time, its columns checked first."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow

from mlalign.data.parquet import is_text, opened, read_batches
from mlalign.data.text import parse_json, require_columns
from mlalign.errors import DataError

BATCH = 4096


def parquet_rows(path: Path, columns: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file with these columns.

    Args:
        path: the file.
        columns: name -> what it holds: ``text``, ``number``, ``list of text`` or ``list of number``.

    Raises:
        DataError: it is no parquet file, or holds more text than a file of its size does; a column is not there or
            holds something else; or a value is missing.
    """
    with opened(path) as file:
        require_columns(str(path), columns, file.schema_arrow.names, "the release has changed")
        for column in columns:
            found = _kind(file.schema_arrow.field(column).type)
            if found != columns[column]:
                raise DataError(
                    f"{path}: expected {columns[column]} in the column {column}, found {found}; the release has changed"
                )
        number = 0
        for batch in read_batches(path, file.metadata, list(columns), BATCH):
            for row in batch.to_pylist():
                number += 1
                if any(value is None or (isinstance(value, list) and None in value) for value in row.values()):
                    raise DataError(f"{path}, row {number}: expected a value in every column, found none; get it anew")
                yield row


def _kind(form: pyarrow.DataType) -> str:
    """What a column holds, in words."""
    types = pyarrow.types
    if types.is_list(form) or types.is_large_list(form) or types.is_fixed_size_list(form):
        return f"list of {_kind(form.value_type)}"
    if is_text(form):
        return "text"
    return "number" if types.is_integer(form) else str(form)


def class_names(path: Path, column: str) -> list[str] | None:
    """Names of the classes that a column's numbers stand for, where ``datasets`` noted them."""
    with opened(path) as file:
        noted = (file.schema_arrow.metadata or {}).get(b"huggingface", b"{}")
    try:
        feature = parse_json(noted.decode()).get("info", {}).get("features", {}).get(column, {})
        names = feature.get("feature", feature).get("names")  # a list's own feature is inside it
        return None if names is None else [str(name) for name in names]
    except (ValueError, AttributeError, TypeError):
        raise DataError(f"{path}: expected what `datasets` notes in a schema, found other; get it anew") from None


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
