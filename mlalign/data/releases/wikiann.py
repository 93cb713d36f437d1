"""WikiANN in parquet, as ``unimelb-nlp/wikiann`` holds it, to the lines of Rahimi's splits."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from mlalign.data.formats import PartName
from mlalign.data.releases.converter import Converter, one_line
from mlalign.data.releases.parquet import check_classes, parquet_rows
from mlalign.errors import DataError

WORDS, TAGS = "tokens", "ner_tags"


def rows(
    sources: Sequence[Path], labels: Sequence[str], *, language: str, part: PartName
) -> Iterator[str]:
    """See ``converter.Rows``; a row is a sentence: its words, one a line, and an empty line."""
    for path in sources:
        check_classes(path, TAGS, labels)
        for number, row in enumerate(parquet_rows(path, [WORDS, TAGS]), start=1):
            words, tags = row[WORDS], row[TAGS]
            if len(words) != len(tags) or not all(0 <= tag < len(labels) for tag in tags):
                raise DataError(
                    f"{path}, row {number}: expected a tag from 0 to {len(labels) - 1} for each of "
                    f"{len(words)} words, found {tags}; get it anew"
                )
            lines = (
                f"{language}:{one_line(word)}\t{labels[tag]}\n"
                for word, tag in zip(words, tags, strict=True)
            )
            yield "".join(lines) + "\n"


CONVERTER = Converter(rows)
