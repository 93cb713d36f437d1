"""Translations in parquet, as ``mteb/tatoeba-bitext-mining`` holds them, to pairs in lines."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from mlalign.data.hub.releases.converter import Converter, one_line
from mlalign.data.hub.releases.parquet import parquet_rows
from mlalign.data.readers import PartName

OTHER, ENGLISH = "sentence1", "sentence2"


def rows(sources: Sequence[Path], labels: Sequence[str], *, language: str, part: PartName) -> Iterator[str]:
    """See ``converter.Rows``."""
    for path in sources:
        for row in parquet_rows(path, {OTHER: "text", ENGLISH: "text"}):
            yield f"{one_line(row[ENGLISH])}\t{one_line(row[OTHER])}\n"


CONVERTER = Converter(rows)
