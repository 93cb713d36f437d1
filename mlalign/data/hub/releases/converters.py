"""From files of releases on the hub to the lines of the tasks' original layouts."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mlalign.data.hub.releases.parquet import check_classes, needed_class_names, parquet_rows
from mlalign.data.readers import PartName
from mlalign.data.readers.pawsx import HEADER as PAWSX
from mlalign.data.text import excerpt, read_lines
from mlalign.errors import DataError

SIB200 = ("index_id", "category", "text")
TAGS = "ner_tags"


class Rows(Protocol):
    """Reads rows of a release."""

    def __call__(self, path: Path, labels: Sequence[str], *, language: str, part: PartName) -> Iterator[str]:
        r"""Yield one row after another as the task's format writes it, line ends included.

        Args:
            path: one of the release's files for this language and part.
            labels: the task's labels or tags, in the order of their numbers.
            language: whose rows are wanted, by the name that the release has for it.
            part: which rows are wanted, where the files hold several parts.

        Raises:
            DataError: the file is not what the release promises.
        """


@dataclass(frozen=True)
class Converter:
    """Writes a release in its task's original layout.

    Args:
        rows: what makes the rows.
        columns: in the line above them; none where there is no such line.
    """

    rows: Rows
    columns: Sequence[str] = ()

    @property
    def header(self) -> str:
        """The line above the rows, line end included."""
        return "\t".join(self.columns) + "\n" if self.columns else ""


def bitext(path: Path, labels: Sequence[str], *, language: str, part: PartName) -> Iterator[str]:
    """Translations in parquet, as ``mteb/tatoeba-bitext-mining`` holds them, to pairs in lines."""
    for row in parquet_rows(path, {"sentence1": "text", "sentence2": "text"}):
        yield f"{one_line(row['sentence2'])}\t{one_line(row['sentence1'])}\n"


def entities(path: Path, labels: Sequence[str], *, language: str, part: PartName) -> Iterator[str]:
    """Named entities in parquet to words and tags in lines; tags keep the release's names, which the task may map."""
    yield from _sentences(path, needed_class_names(path, TAGS))


def wikiann(path: Path, labels: Sequence[str], *, language: str, part: PartName) -> Iterator[str]:
    """WikiANN in parquet, as ``unimelb-nlp/wikiann`` holds it, to the lines of Rahimi's splits."""
    check_classes(path, TAGS, labels)
    yield from _sentences(path, labels, prefix=f"{language}:")


def massive(path: Path, labels: Sequence[str], *, language: str, part: PartName) -> Iterator[str]:
    """MASSIVE in parquet, as the hub converted it, to its JSON lines; intents and slots are tasks of the same files."""
    intents = needed_class_names(path, "intent")
    columns = {"id": "text", "intent": "number", "utt": "text", "annot_utt": "text"}
    for number, row in enumerate(parquet_rows(path, columns), start=1):
        entry = {"id": row["id"], "locale": language, "partition": part}
        entry |= {"intent": _class_of(path, number, "an intent", row["intent"], intents)}
        entry |= {"utt": row["utt"], "annot_utt": row["annot_utt"]}
        yield json.dumps(entry, ensure_ascii=False) + "\n"


def pawsx(path: Path, labels: Sequence[str], *, language: str, part: PartName) -> Iterator[str]:
    """PAWS-X in parquet, as ``google-research-datasets/paws-x`` holds it, to the original's TSV.

    A row without a label has the number -1, which the reader drops.
    """
    check_classes(path, "label", labels)
    for row in parquet_rows(path, {"id": "number", "sentence1": "text", "sentence2": "text", "label": "number"}):
        label = labels[row["label"]] if 0 <= row["label"] < len(labels) else row["label"]
        yield f"{row['id']}\t{one_line(row['sentence1'])}\t{one_line(row['sentence2'])}\t{label}\n"


def sib200(path: Path, labels: Sequence[str], *, language: str, part: PartName) -> Iterator[str]:
    """SIB-200 lies on the hub as it was released: a header and tab-separated lines, which are passed on."""
    header = "\t".join(SIB200)
    for number, line in read_lines(path):
        if number > 1:
            yield f"{line}\n"
        elif line != header:
            raise DataError(f"{path}: expected the header {header!r}, found {excerpt(line)}; the release has changed")


def xnli(path: Path, labels: Sequence[str], *, language: str, part: PartName) -> Iterator[str]:
    """XNLI in parquet, as ``facebook/xnli`` holds it, to the columns of its training file."""
    check_classes(path, "label", labels)
    columns = {"premise": "text", "hypothesis": "text", "label": "number"}
    for number, row in enumerate(parquet_rows(path, columns), start=1):
        label = _class_of(path, number, "a label", row["label"], labels)
        yield f"{one_line(row['premise'])}\t{one_line(row['hypothesis'])}\t{label}\n"


CONVERTERS = {
    "bitext": Converter(bitext),
    "entities": Converter(entities),
    "massive": Converter(massive),
    "pawsx": Converter(pawsx, PAWSX),
    "sib200": Converter(sib200, SIB200),
    "wikiann": Converter(wikiann),
    "xnli": Converter(xnli, ["premise", "hypo", "label"]),
}


def one_line(text: str) -> str:
    """A text without line ends and tabs, which a format without quotes cannot hold."""
    return " ".join(text.split()) if any(mark in text for mark in "\t\n\r") else text


def _class_of(path: Path, number: int, kind: str, found: int, names: Sequence[str]) -> str:
    """The name of a row's class."""
    if not 0 <= found < len(names):
        raise DataError(f"{path}, row {number}: expected {kind} from 0 to {len(names) - 1}, found {found}; get it anew")
    return names[found]


def _sentences(path: Path, names: Sequence[str], *, prefix: str = "") -> Iterator[str]:
    """Yield a sentence after another: its words and tags, a pair a line, and an empty line.

    Args:
        path: of the release, a list of words and one of tags a row.
        names: of its tags, in the order of their numbers.
        prefix: stands before every word.

    Raises:
        DataError: words and tags do not match, or a column is not there.
    """
    for number, row in enumerate(parquet_rows(path, {"tokens": "list of text", TAGS: "list of number"}), start=1):
        words, tags = row["tokens"], row[TAGS]
        if len(words) != len(tags) or not all(0 <= tag < len(names) for tag in tags):
            raise DataError(
                f"{path}, row {number}: expected a tag from 0 to {len(names) - 1} for each of "
                f"{len(words)} words, found {tags}; get it anew"
            )
        lines = (f"{prefix}{one_line(word)}\t{names[tag]}\n" for word, tag in zip(words, tags, strict=True))
        yield "".join(lines) + "\n"
