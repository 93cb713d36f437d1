"""Text to be scored that stands in what is learned from."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from mlalign.config.enums import OnBadLine
from mlalign.data.languages import ENGLISH, spoken, writes_spaces
from mlalign.data.readers import Part, SentencePair, read_pairs

CHARACTERS = {"ja": 3, "yue": 2, "zh": 2}  # that say as much as an English word
LETTERS = 6  # the same in the other languages without spaces, as Thai


def seen_pairs(part: Part[SentencePair], paths: Sequence[Path], on_bad_line: OnBadLine) -> int:
    """How many pairs of a test stand in parallel files, ``folded``.

    Args:
        part: of the test.
        paths: files of parallel text in the same language, read line by line.
        on_bad_line: as where these files are aligned on.
    """
    wanted = [frozenset(folded(pair.parts)) for pair in part.examples]
    known = set(wanted)
    seen = {
        pair
        for path in paths
        for sides in read_pairs(path, on_bad_line=on_bad_line, dropped=Counter())
        if (pair := frozenset(folded(sides))) in known
    }
    return sum(pair in seen for pair in wanted)


def folded(parts: Sequence[str]) -> tuple[str, ...]:
    """Texts whose case, width, composition, spaces and punctuation do not count."""
    return tuple("".join(_units(text)) for text in parts)


class Found(NamedTuple):
    """What of a text stands in others.

    Attributes:
        text: as it was given.
        share: of its n-grams; None where it is shorter than one.
        is_whole: whether one of the others is the same.
        seen: name and text of the first of the others that shares anything; None where none does.
    """

    text: str
    share: float | None
    is_whole: bool
    seen: tuple[str, str] | None

    def rank(self) -> tuple[bool, float]:
        """The more of it stands elsewhere, the larger."""
        return self.is_whole, self.share or 0.0


def find_overlap(texts: Sequence[str], others: Iterable[tuple[str, str]], language: str, words: int) -> list[Found]:
    """Which texts, or long n-grams of them, stand in others; case, width and punctuation do not count.

    N-grams of eight words are how language models are kept from the texts that they are tested by: GPT-2's (Radford et
    al. 2019, section 4) and PaLM's (Chowdhery et al. 2022, arXiv:2204.02311, section 8). Languages without spaces are
    compared by characters: a word of FLORES-200 and of Mozilla's pages has 1.8 to 2.0 in Chinese, 2.4 to 3.1 in
    Japanese and 5.6 to 5.9 in Thai. What is held are the n-grams of the texts, none of the others.

    Args:
        texts: to be scored.
        others: name and text of what is learned from, read once, one by one.
        language: of all of them.
        words: of an n-gram.

    Returns:
        One for each text.
    """
    grams = [_Grams(text, language, words) for text in texts]
    wanted = {one for each in grams for one in each.all}
    seen: dict[str, tuple[str, str]] = {}
    for name, other in others:
        for one in wanted.intersection(_Grams(other, language, words).all):
            seen.setdefault(one, (name, other))
    return [
        Found(
            text,
            sum(one in seen for one in each.long) / len(each.long) if each.long else None,
            each.whole in seen,
            next((seen[one] for one in each.all if one in seen), None),
        )
        for text, each in zip(texts, grams, strict=True)
    ]


class _Grams:
    """The n-grams of a text, and all of it between marks that no n-gram has; nothing of a text without letters."""

    def __init__(self, text: str, language: str, words: int) -> None:
        units, length = _units(text), words
        if not writes_spaces(language):
            units, length = list("".join(units)), CHARACTERS.get(spoken(language), LETTERS) * words
        self.whole = f"<{' '.join(units)}>"
        self.long = [" ".join(units[start : start + length]) for start in range(len(units) - length + 1)]
        self.all = [self.whole, *self.long] if units else []


class _Letters(dict[int, int | str]):
    """Code point -> itself, if a letter, a number or a mark on one; nothing, if invisible; else a space; once each."""

    def __missing__(self, code: int) -> int | str:
        category = unicodedata.category(chr(code))
        self[code] = code if category[0] in "LMN" else "" if category == "Cf" else " "
        return self[code]


_LETTERS = _Letters()


def _units(text: str) -> list[str]:
    """What stands between marks and spaces, in small letters."""
    return unicodedata.normalize("NFKC", text).casefold().translate(_LETTERS).split()


def sides_of(
    paths: Iterable[Path], side: int, on_bad_line: OnBadLine, pivot: str = ENGLISH
) -> Iterator[tuple[str, str]]:
    """Path and sentence of one side of parallel files; the pivot is side 0."""
    for path in paths:
        for pair in read_pairs(path, on_bad_line=on_bad_line, dropped=Counter(), pivot=pivot):
            yield str(path), pair[side]
