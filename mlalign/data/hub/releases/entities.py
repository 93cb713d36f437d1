"""Named entities in parquet, a list of words and one of tags a row, to words and tags in lines."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from mlalign.data.hub.releases.converter import Converter, one_line
from mlalign.data.hub.releases.parquet import needed_class_names, parquet_rows
from mlalign.data.readers import PartName
from mlalign.errors import DataError

WORDS, TAGS = "tokens", "ner_tags"


def rows(sources: Sequence[Path], labels: Sequence[str], *, language: str, part: PartName) -> Iterator[str]:
    """See ``converter.Rows``; tags keep the release's own names, which the task may map."""
    for path in sources:
        yield from sentences(path, needed_class_names(path, TAGS))


def sentences(path: Path, names: Sequence[str], *, prefix: str = "") -> Iterator[str]:
    """Yield a sentence after another: its words and tags, a pair a line, and an empty line.

    Args:
        path: of the release.
        names: of its tags, in the order of their numbers.
        prefix: stands before every word.

    Raises:
        DataError: words and tags do not match, or a column is not there.
    """
    for number, row in enumerate(parquet_rows(path, {WORDS: "list of text", TAGS: "list of number"}), start=1):
        words, tags = row[WORDS], row[TAGS]
        if len(words) != len(tags) or not all(0 <= tag < len(names) for tag in tags):
            raise DataError(
                f"{path}, row {number}: expected a tag from 0 to {len(names) - 1} for each of "
                f"{len(words)} words, found {tags}; get it anew"
            )
        lines = (f"{prefix}{one_line(word)}\t{names[tag]}\n" for word, tag in zip(words, tags, strict=True))
        yield "".join(lines) + "\n"


CONVERTER = Converter(rows)
