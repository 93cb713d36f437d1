"""XNLI in parquet, as ``facebook/xnli`` holds it, to the columns of its training file."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from mlalign.data.hub.releases.converter import Converter, one_line
from mlalign.data.hub.releases.parquet import check_classes, parquet_rows
from mlalign.data.readers import PartName
from mlalign.errors import DataError


def rows(sources: Sequence[Path], labels: Sequence[str], *, language: str, part: PartName) -> Iterator[str]:
    """See ``converter.Rows``."""
    for path in sources:
        check_classes(path, "label", labels)
        columns = {"premise": "text", "hypothesis": "text", "label": "number"}
        for number, row in enumerate(parquet_rows(path, columns), start=1):
            if not 0 <= row["label"] < len(labels):
                raise DataError(
                    f"{path}, row {number}: expected a label from 0 to {len(labels) - 1}, found "
                    f"{row['label']}; get it anew"
                )
            premise, hypothesis = one_line(row["premise"]), one_line(row["hypothesis"])
            yield f"{premise}\t{hypothesis}\t{labels[row['label']]}\n"


CONVERTER = Converter(rows, header="premise\thypo\tlabel\n")
