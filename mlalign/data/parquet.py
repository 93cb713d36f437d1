"""Parquet by batches of rows, whose text is counted before it is written out: a dictionary may repeat it endlessly."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mlalign.data.text import what_it_is
from mlalign.errors import DataError

LARGEST = 1 << 28  # bytes of text in a batch
TIMES = 1000  # bytes of text for each of a file: gzip reaches no more


@contextmanager
def opened(path: Path) -> Iterator[pq.ParquetFile]:
    """A file, and words for what goes wrong while it is open.

    Raises:
        DataError: it is not there, damaged or no parquet.
    """
    try:
        with pq.ParquetFile(path) as file:
            yield file
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; check the path") from None
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: expected a whole parquet file, found a damaged or other one "
            f"({str(error).splitlines()[0]}); get it anew{what_it_is(path)}"
        ) from None


def read_batches(path: Path, about: pq.FileMetaData, columns: Sequence[str], rows: int) -> Iterator[pa.RecordBatch]:
    """Yield some columns, texts as numbers of a dictionary's entries.

    Args:
        path: the file.
        about: what it says of itself.
        columns: names.
        rows: of a batch.

    Raises:
        DataError: it holds more text than a file of its size does.
        ArrowException: it is damaged.
    """
    texts = [place for place in range(about.num_columns) if about.schema.column(place).physical_type == "BYTE_ARRAY"]
    most, seen = max(LARGEST, TIMES * path.stat().st_size), 0
    with pq.ParquetFile(path, metadata=about, read_dictionary=texts) as file:
        for group in range(about.num_row_groups):  # one by one: each has a dictionary of its own
            for batch in file.iter_batches(rows, row_groups=[group], columns=list(columns)):
                size = sum(map(text_bytes, batch.columns))
                seen += size
                if size > LARGEST or seen > most:
                    raise DataError(
                        f"{path}: expected at most {LARGEST} bytes of text in {rows} rows and {TIMES} times the file's "
                        f"own size in all, found {size} and {seen}: it repeats long texts endlessly; get the file anew"
                    )
                yield batch


def is_text(form: pa.DataType) -> bool:
    """Whether a column holds text, or categories that are texts."""
    values = form.value_type if pa.types.is_dictionary(form) else form
    return pa.types.is_string(values) or pa.types.is_large_string(values)


def text_bytes(array: pa.Array) -> int:
    """How large an array is when every entry of its dictionaries is written out."""
    types = pa.types
    if types.is_dictionary(array.type):
        sizes = pc.binary_length(array.dictionary).cast(pa.int64())
        return pc.sum(sizes.take(array.indices)).as_py() or 0
    if types.is_struct(array.type):
        return sum(map(text_bytes, array.flatten()))
    if types.is_list(array.type) or types.is_large_list(array.type) or types.is_fixed_size_list(array.type):
        return text_bytes(array.flatten())
    return int(array.nbytes)
