"""Named entities: a word and its tag a line, and a blank line after each sentence.

The form is known by the first sentence:

* ``word<TAB>tag``: XTREME's copy of WikiANN (``test-de.tsv``), WikiNEuRal;
* ``de:word<TAB>tag``: the WikiANN splits of Rahimi et al. (ACL 2019); there only the first colon
  separates, and the word can be, hold or lack anything after it;
* ``index<TAB>word<TAB>tag<TAB>...`` and comments behind ``#``: Universal NER (Mayhew et al., 2024);
* ``word ... tag`` with spaces: MasakhaNER (Adelani et al., 2022) and CoNLL-2003, whose tag is the
  last of four columns and whose ``-DOCSTART-`` is no sentence.

Tags are taken as they are, also where IOB2 would forbid an ``I-``.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mlalign.data.readers.format import Format, PartName
from mlalign.data.readers.leftovers import CARRIAGE_RETURN, PartFile, unexpected
from mlalign.data.readers.records import TaggedSentence
from mlalign.data.text import excerpt, read_lines
from mlalign.errors import DataError

Line = tuple[int, str]
PREFIX = re.compile(r"[a-z]{2,}(?:-[a-z]+)*:")
TAG = re.compile(r"O|[BIES]-\S+")
DOCUMENT = "-DOCSTART-"
NO_WORDS = {  # what an indexed line is that is no word -> its index
    "range of words": re.compile(r"\d+-\d+"),
    "word that is not written": re.compile(r"\d+\.\d+"),
}


class Columns(NamedTuple):
    """What stands where in a line."""

    names: Sequence[str]
    word: int = 0
    tag: int = -1
    separator: str = "\t"

    def split(self, content: str) -> list[str]:
        """The fields of a line; runs of spaces separate as one."""
        fields = content.split(self.separator)
        return fields if self.separator == "\t" else [field for field in fields if field]


PLAIN = Columns(["word", "tag"])
INDEXED = Columns(["index", "word", "tag", "tag of the annotator", "annotator"], word=1, tag=2)
SPACED = Columns(["word", "tag"], separator=" ")
CONLL = Columns(["word", "part of speech", "chunk", "tag"], separator=" ")


def examples(file: PartFile) -> Iterator[TaggedSentence]:
    """Read one file; an example's id is the number of its sentence. See ``format.Reader``.

    A faulty line costs its whole sentence. A word of which nothing is left stays as ``""``.
    """
    columns, prefix = PLAIN, ""
    for number, sentence in enumerate(_sentences(file), start=1):
        if number == 1:
            columns = _columns(file.path, [content for _, content in sentence])
            prefix = _prefix(file.path, sentence, file.language) if columns is PLAIN else ""
        words: list[str] = []
        tags: list[int] = []
        for line, content in sentence:
            fields = columns.split(content)
            besides = _besides(fields, columns)
            if besides is not None:
                file.besides[besides] += 1
                continue
            fault = CARRIAGE_RETURN if "\r" in content else _fault(fields, columns, prefix, file.labels)
            if fault is not None:
                file.bad(line, *fault)
                file.besides["rest of a sentence left out"] += len(words) + sentence[-1][0] - line
                break
            words.append(fields[columns.word][len(prefix) :])
            tags.append(file.labels[fields[columns.tag]])
        else:
            if words:
                yield TaggedSentence(str(number), tuple(words), tuple(tags))


def _sentences(file: PartFile) -> Iterator[list[Line]]:
    """Group the lines between blank ones, which are counted; runs of blank lines make no empty sentence."""
    sentence: list[Line] = []
    for line, content in read_lines(file.path):
        if content.strip(" "):
            sentence.append((line, content))
            continue
        file.besides["blank line"] += 1
        if sentence:
            yield sentence
            sentence = []
    if sentence:
        yield sentence


def _columns(path: Path, lines: Sequence[str]) -> Columns:
    """Tell the forms apart by the first sentence."""
    tabbed = [content.split("\t") for content in lines if "\t" in content]
    if tabbed:
        return INDEXED if len(tabbed[0]) > 2 and tabbed[0][0].isdecimal() else PLAIN
    fields = SPACED.split(lines[0])
    if len(fields) > 1 and TAG.fullmatch(fields[-1]):
        return CONLL if len(fields) == len(CONLL.names) else SPACED
    raise DataError(
        f"{path}: expected word, tab, tag, found words without tags: XTREME removes the tags "
        "of its test files.\nUse the test part of the WikiANN splits of Rahimi et al. "
        "(panx_dataset, github.com/afshinrahimi/mmner), which has them"
    )


def _prefix(path: Path, sentence: list[Line], language: str) -> str:
    """Return ``de:`` for Rahimi's form and nothing for plain words, by the first sentence."""
    lines = [content for _, content in sentence]
    if all(content.startswith(f"{language}:") for content in lines):
        return f"{language}:"
    found = PREFIX.match(lines[0])
    if found and len(lines) > 1 and all(content.startswith(found[0]) for content in lines):
        raise DataError(
            f"{path}: expected words in {language}, plain or as {language}:word, found the prefix "
            f"{found[0]}; put the file into the folder of its language"
        )
    return ""


def _besides(fields: Sequence[str], columns: Columns) -> str | None:
    """What a line is that is no word and yet no fault."""
    if fields[0] == DOCUMENT and columns in (SPACED, CONLL):
        return "mark of a document"
    if columns is not INDEXED:
        return None
    if fields[0].startswith("#"):
        return "comment"
    return next((kind for kind, index in NO_WORDS.items() if index.fullmatch(fields[0])), None)


def _fault(fields: Sequence[str], columns: Columns, prefix: str, labels: Mapping[str, int]) -> tuple[str, str] | None:
    """Return the reason, for the count, and the problem of a line that cannot be read."""
    needed = 3 if columns is INDEXED else len(columns.names)
    if len(fields) < needed or len(fields) > len(columns.names):
        kind = "tab" if columns.separator == "\t" else "space"
        names = ", ".join(columns.names[:needed])
        return (
            "wrong number of fields",
            f"expected {needed} {kind}-separated fields ({names}), found {len(fields)}",
        )
    if columns is INDEXED and not fields[0].isdecimal():
        return (
            "no index",
            f"expected the number of a word, a range such as 3-4 or a comment, found {excerpt(fields[0])}",
        )
    word, tag = fields[columns.word], fields[columns.tag]
    if not word.startswith(prefix):
        return "no prefix", f"expected a word that begins with {prefix}, found {excerpt(word)}"
    if tag not in labels:
        return "unknown tag", unexpected("tag", tag, labels)
    return None


def _names(part: PartName) -> list[str]:
    endings = ["", ".tsv", ".txt", ".gz", ".tsv.gz"]
    return [f"{{}}/{part}{ending}" for ending in endings] + [f"{part}-{{}}.tsv"]


PARTS: tuple[PartName, ...] = ("train", "dev", "test", "translated_train")
FORMAT = Format(names={part: _names(part) for part in PARTS}, examples=examples)
