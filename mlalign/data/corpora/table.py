"""Tables of pairs: TSV with or without a header, and parquet as the hub keeps it."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mlalign.data.corpora.codes import release_code
from mlalign.data.languages import ENGLISH
from mlalign.data.parquet import is_text, opened, read_batches
from mlalign.data.readers.leftovers import Leftovers
from mlalign.data.text import LONGEST, read_lines, require_columns
from mlalign.errors import DataError

BATCH = 10_000
TRANSLATION = "translation"
PAIRED = ("english", "non_english")


def read_tsv(path: Path, columns: Sequence[str], *, english_first: bool, left: Leftovers) -> Iterator[tuple[str, str]]:
    """Yield ``(English, other)`` from the lines of a TSV file; a quote is an ordinary character.

    Args:
        path: the file, ``.gz`` or not.
        columns: where English and the other language are: names, if the first line is a header,
            or numbers, the first being 1; empty for the only two columns.
        english_first: of the only two columns; what ``columns`` names is in this order anyway.
        left: counts the lines that have other columns.

    Raises:
        DataError: the file cannot be read, a column is not there, or a line is short and ``left``
            refuses such lines.
    """
    lines = read_lines(path)
    chosen = (0, 1) if english_first else (1, 0)
    if columns and not all(column.isdecimal() for column in columns):
        _, header = next(lines)
        chosen = _places(path, columns, header.split("\t"))
    elif columns:
        chosen = (int(columns[0]) - 1, int(columns[1]) - 1)
    kept = 0
    for number, line in lines:
        fields = line.split("\t")
        if max(chosen) >= len(fields) or (not columns and len(fields) != 2):
            left.bad(number, "wrong number of fields", _expected(columns, len(fields)))
            continue
        kept += 1
        yield fields[chosen[0]], fields[chosen[1]]
    left.check(kept)


def _expected(columns: Sequence[str], found: int) -> str:
    if columns:
        return f"expected the tab-separated columns {' and '.join(columns)}, found {found} columns"
    return (
        f"expected 2 tab-separated fields, found {found}; if others are right, name the columns of "
        "English and the other language, for example with prepare.columns=[2,3]"
    )


def _places(path: Path, columns: Sequence[str], header: Sequence[str]) -> tuple[int, int]:
    require_columns(f"{path}, line 1, its header", columns, header, "set prepare.columns")
    for column in columns:
        if header.count(column) > 1:
            raise DataError(
                f"{path}, line 1: expected one column {column}, found {header.count(column)}; give prepare.columns as "
                "numbers, and take the header away"
            )
    return header.index(columns[0]), header.index(columns[1])


def read_parquet(
    path: Path, language: str, columns: Sequence[str], codes: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Yield ``(English, other)`` from parquet, some thousand rows in memory at a time.

    Args:
        path: the file.
        language: the other language.
        columns: of English and of the other language; empty to take ``translation`` (a struct with
            a field per language), ``english`` and ``non_english``, or columns named by codes.
        codes: see ``release_code``.

    Raises:
        DataError: the file is damaged, has no such columns, or holds more text than a file of its size does.
    """
    with opened(path) as file:
        english, other = _columns(path, file.schema_arrow, language, columns, codes)
        _refuse_long_rows(path, file.metadata)
        row = 0
        for batch in read_batches(path, file.metadata, list(dict.fromkeys((english, other))), BATCH):
            sides = [batch.column(english), batch.column(other)]
            if english == other:
                names = [field.name for field in batch.schema.field(english).type]
                sides = [
                    side.field(release_code(one, names, codes, str(path)))
                    for side, one in zip(sides, (ENGLISH, language), strict=True)
                ]
            try:
                texts = [side.to_pylist() for side in sides]
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{path}, after row {row}: expected UTF-8, found other bytes ({error.reason}); get it anew"
                ) from None
            for one, two in zip(*texts, strict=True):
                yield one or "", two or ""
            row += len(batch)


def _refuse_long_rows(path: Path, about: pq.FileMetaData) -> None:
    for number in range(about.num_row_groups):
        group = about.row_group(number)
        if group.total_byte_size > LONGEST * max(1, group.num_rows):
            raise DataError(f"{path}: expected at most {LONGEST} bytes in a row, found more; get the file anew")


def _columns(
    path: Path, schema: pa.Schema, language: str, columns: Sequence[str], codes: Mapping[str, str]
) -> tuple[str, str]:
    """Of English and the other language; the same twice where one struct holds both."""
    names = schema.names
    require_columns(str(path), columns, names, "set prepare.columns")
    if columns:
        english, other = columns[0], columns[-1]
    elif TRANSLATION in names and pa.types.is_struct(schema.field(TRANSLATION).type):
        english = other = TRANSLATION
    elif set(PAIRED) <= set(names):
        english, other = PAIRED
    else:
        english, other = (release_code(one, names, codes, f"{path} (its columns)") for one in (ENGLISH, language))
    for column in (english, other):
        kind = schema.field(column).type
        inner = [field.type for field in kind] if pa.types.is_struct(kind) else []
        kinds = inner if english == other else [kind]
        if not kinds or not all(map(is_text, kinds)):
            raise DataError(f"{path}: expected text in the column {column}, found {kind}; set prepare.columns")
    return english, other
