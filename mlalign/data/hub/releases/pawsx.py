"""PAWS-X in parquet, as ``google-research-datasets/paws-x`` holds it, to the original's TSV."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from mlalign.data.hub.releases.converter import Converter, one_line
from mlalign.data.hub.releases.parquet import check_classes, parquet_rows
from mlalign.data.readers import PartName
from mlalign.data.readers.pawsx import HEADER

COLUMNS = {"id": "number", "sentence1": "text", "sentence2": "text", "label": "number"}


def rows(sources: Sequence[Path], labels: Sequence[str], *, language: str, part: PartName) -> Iterator[str]:
    """See ``converter.Rows``; a row without a label has the number -1, which the reader drops."""
    for path in sources:
        check_classes(path, "label", labels)
        for row in parquet_rows(path, COLUMNS):
            first, second = one_line(row["sentence1"]), one_line(row["sentence2"])
            label = labels[row["label"]] if 0 <= row["label"] < len(labels) else row["label"]
            yield f"{row['id']}\t{first}\t{second}\t{label}\n"


CONVERTER = Converter(rows, header="\t".join(HEADER) + "\n")
