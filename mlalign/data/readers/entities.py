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
from mlalign.data.readers.leftovers import Leftovers, OnBadLine, refuse_single_label, unexpected
from mlalign.data.readers.records import Part, TaggedSentence
from mlalign.data.text import excerpt, read_lines
from mlalign.errors import DataError

Line = tuple[int, str]
PREFIX = re.compile(r"[a-z]{2,}(?:-[a-z]+)*:")
TAG = re.compile(r"O|[BIES]-\S+")
DOCUMENT = "-DOCSTART-"


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


def read(
    path: Path,
    labels: Mapping[str, int],
    *,
    language: str,
    part: PartName,
    on_bad_line: OnBadLine,
) -> Part[TaggedSentence]:
    """Read one file; an example's id is the number of its sentence. See ``format.Reader``.

    A faulty line costs its whole sentence. A word of which nothing is left stays as ``""``.
    """
    left = Leftovers(path, on_bad_line)
    examples: list[TaggedSentence] = []
    columns, prefix = PLAIN, ""
    for number, sentence in enumerate(_sentences(path), start=1):
        if number == 1:
            columns = _columns(path, [content for _, content in sentence])
            prefix = _prefix(path, sentence, language) if columns is PLAIN else ""
        words: list[str] = []
        tags: list[int] = []
        for line, content in sentence:
            fields = columns.split(content)
            if columns is INDEXED and _is_no_word(fields):
                continue
            fault = _fault(fields, columns, prefix, labels)
            if fault is not None:
                left.bad(line, *fault)
                break
            words.append(fields[columns.word][len(prefix) :])
            tags.append(labels[fields[columns.tag]])
        else:
            if words and words[0] != DOCUMENT:
                examples.append(TaggedSentence(str(number), tuple(words), tuple(tags)))
    left.check(len(examples))
    refuse_single_label(path, {tag for example in examples for tag in example.tags}, len(examples))
    return Part(path, examples, dict(left.dropped))


def _sentences(path: Path) -> Iterator[list[Line]]:
    """Group the lines between blank ones; runs of blank lines make no empty sentence."""
    sentence: list[Line] = []
    for line, content in read_lines(path):
        if content.strip(" "):
            sentence.append((line, content))
        elif sentence:
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


def _is_no_word(fields: Sequence[str]) -> bool:
    """Whether a line of an indexed file is a comment, or a range (``3-4``) of words below it."""
    return (len(fields) == 1 and fields[0].startswith("#")) or not fields[0].isdecimal()


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
FORMAT = Format(names={part: _names(part) for part in PARTS}, read=read)
