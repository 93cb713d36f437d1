"""SIB-200 lies on the hub as it was released: a header and tab-separated lines."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from mlalign.data.hub.releases.converter import Converter
from mlalign.data.readers import PartName
from mlalign.data.text import excerpt, read_lines
from mlalign.errors import DataError

HEADER = "index_id\tcategory\ttext"


def rows(sources: Sequence[Path], labels: Sequence[str], *, language: str, part: PartName) -> Iterator[str]:
    """See ``converter.Rows``; lines are passed on as they are."""
    for path in sources:
        for number, line in read_lines(path):
            if number > 1:
                yield f"{line}\n"
            elif line != HEADER:
                raise DataError(f"{path}: expected the header {HEADER!r}, found {excerpt(line)}")


CONVERTER = Converter(rows, header=f"{HEADER}\n")
