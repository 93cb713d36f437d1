"""Words with their tags, and how they are written as text."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import NamedTuple

OUTSIDE = "O"
NO_SPACE_BEFORE = frozenset(".,»")
NO_SPACE_AFTER = frozenset("«'")


class Word(NamedTuple):
    """A word or punctuation mark and its entity tag."""

    text: str
    tag: str = OUTSIDE


def plain(text: str) -> list[Word]:
    """Return the words of a text outside any name; ``_`` is a space inside a table's cell."""
    return list(_words(text.replace("_", " "), None))


def name(text: str, kind: str) -> list[Word]:
    """Return the words of a name, tagged as one entity."""
    return list(_words(text, kind))


@cache
def _words(text: str, kind: str | None) -> tuple[Word, ...]:
    tags = (OUTSIDE,) * 2 if kind is None else (f"B-{kind}", f"I-{kind}")
    return tuple(Word(word, tags[place > 0]) for place, word in enumerate(text.split()))


def bracketed(text: str, kind: str) -> list[Word]:
    """Return the words of ``company [Keller Group]``: the bracketed ones are the name."""
    before, rest = text.split("[")
    inside, after = rest.split("]")
    return plain(before) + name(inside, kind) + plain(after)


def with_next(words: Sequence[Word]) -> Iterator[tuple[Word, Word]]:
    """Each word and the one behind it; a full stop behind the last."""
    return zip(words, [*words[1:], Word(".")], strict=True)


def contract(words: Iterable[Word], contractions: Mapping[tuple[str, str], str]) -> list[Word]:
    """Merge neighbours such as ``de el`` outside names."""
    merged: list[Word] = []
    for word in words:
        if merged and word.tag == merged[-1].tag == OUTSIDE:
            short = contractions.get((merged[-1].text, word.text))
            if short is not None:
                merged[-1:] = plain(short)
                continue
        merged.append(word)
    return merged


def capitalise(words: list[Word]) -> list[Word]:
    """Begin with a capital letter."""
    first = 0
    while words[first].text == "«":
        first += 1
    return [*words[:first], _capital(words[first]), *words[first + 1 :]]


@cache
def _capital(word: Word) -> Word:
    return Word(word.text[:1].upper() + word.text[1:], word.tag)


def spaced(words: Iterable[Word]) -> str:
    """Write words with the spaces that European typesetting wants."""
    pieces: list[str] = []
    space = ""
    for text, _ in words:
        pieces.append(text if text in NO_SPACE_BEFORE else space + text)
        space = "" if text[-1] in NO_SPACE_AFTER else " "
    return "".join(pieces)
