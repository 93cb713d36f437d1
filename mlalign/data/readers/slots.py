"""MASSIVE: what a voice assistant is told, and what its words stand for (FitzGerald et al., 2023).

One ``<locale>.jsonl`` holds all parts. The slots stand in the utterance: ``weck mich um [time :
fünf uhr] auf``. Words are cut as the release's ``create_hf_dataset.py`` does: at spaces, and in
Japanese and Chinese by characters, but for words of ASCII. A slot's first word is tagged ``B-``.
"""

import re
from collections.abc import Iterator

from mlalign.data.readers.format import TRANSLATED, Format
from mlalign.data.readers.languages import CODES
from mlalign.data.readers.leftovers import PartFile, unexpected
from mlalign.data.readers.records import TaggedSentence
from mlalign.data.text import excerpt, parse_json

KEYS = ("id", "partition", "annot_utt")
PARTITIONS = ("train", "dev", "test")
PIECES = re.compile(r"(?:\[\s*(?P<slot>\w+)\s*:(?P<inside>[^\[\]]*)\]|(?P<outside>[^\[\]]+))")
BY_CHARACTER = ("ja-JP", "zh-CN", "zh-TW")
OUTSIDE = "O"


def examples(file: PartFile) -> Iterator[TaggedSentence]:
    """Read one part of a locale's file. See ``format.Reader``."""
    for line, content in file.lines():
        try:
            row = parse_json(content)
            identifier, partition, annotated = str(row["id"]), row["partition"], row["annot_utt"]
            words, tags = tagged(annotated, by_character=file.language in BY_CHARACTER)
        except (ValueError, KeyError, TypeError):
            problem = f"expected a JSON object with {', '.join(KEYS)}, found {excerpt(content)}"
            file.bad(line, "broken annotation", problem)
            continue
        if partition not in PARTITIONS:
            file.bad(line, "unknown partition", unexpected("partition", str(partition), PARTITIONS))
            continue
        if partition != file.part.removeprefix(TRANSLATED):
            file.besides["another part"] += 1
            continue
        unknown = next((tag for tag in tags if tag not in file.labels), None)
        if unknown is not None:
            file.bad(line, "unknown tag", unexpected("tag", unknown, file.labels))
        elif not words:
            file.bad(line, "empty text", "expected words, found none")
        elif file.is_new(line, identifier):
            yield TaggedSentence(identifier, tuple(words), tuple(file.labels[tag] for tag in tags))


def tagged(annotated: str, *, by_character: bool) -> tuple[list[str], list[str]]:
    """Return the words of an annotated utterance and their tags.

    Raises:
        ValueError: its brackets do not match.
    """
    words: list[str] = []
    tags: list[str] = []
    end = 0
    for piece in PIECES.finditer(annotated):
        if piece.start() != end:
            break
        end = piece.end()
        slot = piece["slot"]
        new = _words(piece["outside"] if slot is None else piece["inside"], by_character)
        words += new
        inside = [f"B-{slot}", *[f"I-{slot}"] * (len(new) - 1)]
        tags += [OUTSIDE] * len(new) if slot is None else inside[: len(new)]
    if end != len(annotated):
        raise ValueError("the brackets do not match")
    return words, tags


def _words(text: str, by_character: bool) -> list[str]:
    words = text.split()
    if not by_character:
        return words
    return [part for word in words for part in ([word] if word.isascii() else word)]


PLACES = ["{}.jsonl", "1.1/data/{}.jsonl", "1.0/data/{}.jsonl"]
FORMAT = Format(names={"train": PLACES, "dev": PLACES, "test": PLACES}, examples=examples, codes=CODES["locale"])
