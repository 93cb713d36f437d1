"""WikiANN in parquet, as ``unimelb-nlp/wikiann`` holds it, to the lines of Rahimi's splits."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from mlalign.data.hub.releases.converter import Converter
from mlalign.data.hub.releases.entities import TAGS, sentences
from mlalign.data.hub.releases.parquet import check_classes
from mlalign.data.readers import PartName


def rows(sources: Sequence[Path], labels: Sequence[str], *, language: str, part: PartName) -> Iterator[str]:
    """See ``converter.Rows``."""
    for path in sources:
        check_classes(path, TAGS, labels)
        yield from sentences(path, labels, prefix=f"{language}:")


CONVERTER = Converter(rows)
