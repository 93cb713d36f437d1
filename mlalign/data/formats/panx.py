"""PAN-X and other named entities: ``word<TAB>tag``, and a blank line after each sentence.

The WikiANN splits of Rahimi et al. (ACL 2019) write ``de:word<TAB>tag``; there only the first colon
separates, and the word can be, hold or lack anything after it. XTREME's copy (``test-de.tsv``),
WikiNEuRal and Universal NER have the plain word. Tags are taken as they are, also where IOB2 would
forbid an ``I-``.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from mlalign.data.formats.format import Format, PartName
from mlalign.data.formats.leftovers import Leftovers, OnBadLine, refuse_single_label, unexpected
from mlalign.data.formats.records import Part, TaggedSentence
from mlalign.data.text import excerpt, read_lines
from mlalign.errors import DataError

Line = tuple[int, str]
PREFIX = re.compile(r"[a-z]{2,}(?:-[a-z]+)*:")


def read(
    path: Path, labels: Sequence[str], *, language: str, on_bad_line: OnBadLine
) -> Part[TaggedSentence]:
    """Read one file; an example's id is the number of its sentence. See ``format.Reader``.

    A faulty line costs its whole sentence. A word of which nothing is left stays as ``""``.
    """
    tags = {tag: position for position, tag in enumerate(labels)}
    left = Leftovers(path, on_bad_line)
    examples: list[TaggedSentence] = []
    prefix = ""
    for number, sentence in enumerate(_sentences(path), start=1):
        if number == 1:
            prefix = _prefix(path, sentence, language)
        words: list[str] = []
        numbers: list[int] = []
        for line, content in sentence:
            word, _, tag = content.partition("\t")
            if tag not in tags or not word.startswith(prefix):
                left.bad(line, *_fault(content, prefix, tags))
                break
            words.append(word[len(prefix) :])
            numbers.append(tags[tag])
        else:
            examples.append(TaggedSentence(str(number), tuple(words), tuple(numbers)))
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


def _prefix(path: Path, sentence: list[Line], language: str) -> str:
    """Return ``de:`` for Rahimi's form and nothing for plain words, by the first sentence."""
    lines = [content for _, content in sentence]
    if not any("\t" in content for content in lines):
        raise DataError(
            f"{path}: expected word, tab, tag, found words without tags: XTREME removes the tags "
            "of its test files.\nUse the test part of the WikiANN splits of Rahimi et al. "
            "(panx_dataset, github.com/afshinrahimi/mmner), which has them"
        )
    if all(content.startswith(f"{language}:") for content in lines):
        return f"{language}:"
    found = PREFIX.match(lines[0])
    if found and len(lines) > 1 and all(content.startswith(found[0]) for content in lines):
        raise DataError(
            f"{path}: expected words in {language}, plain or as {language}:word, found the prefix "
            f"{found[0]}; put the file into the folder of its language"
        )
    return ""


def _fault(content: str, prefix: str, tags: dict[str, int]) -> tuple[str, str]:
    """Return the reason, for the count, and the problem of a line that cannot be read."""
    word, *rest = content.split("\t")
    if len(rest) != 1:
        return (
            "wrong number of fields",
            f"expected 2 tab-separated fields (word, tag), found {len(rest) + 1}",
        )
    if not word.startswith(prefix):
        return "no prefix", f"expected a word that begins with {prefix}, found {excerpt(word)}"
    return "unknown tag", unexpected("tag", rest[0], tags)


def _names(part: PartName) -> list[str]:
    endings = ["", ".tsv", ".gz", ".tsv.gz"]
    return [f"{{}}/{part}{ending}" for ending in endings] + [f"{part}-{{}}.tsv"]


FORMAT = Format(
    names={"train": _names("train"), "dev": _names("dev"), "test": _names("test")}, read=read
)
