"""Where the words of running text begin and end, for tasks that were learned on text cut into words."""

import re
import unicodedata
from collections.abc import Iterator
from itertools import groupby

from mlalign.data.languages import writes_spaces

BETWEEN_SPACES = re.compile(r"\S+")
CHARACTERS = re.compile(r"[0-9A-Za-z]+|\S")  # with no spaces to go by


def word_spans(text: str, language: str) -> list[tuple[int, int]]:
    """Start and end of every word, in characters.

    Words stand between white space. Punctuation and symbols at either end of one are words of their own, each run of
    the same character; inside of a word they stay, as in ``O'Neill``, ``3,000`` or ``Saint-Pol``. That is how WikiANN
    and treebanks cut, but for abbreviations, which lose their full stop, and English clitics. Where a language writes
    no spaces (``data.languages.WITHOUT_SPACES``) every character is a word, with the marks that combine with it, and a
    run of ASCII letters and digits is one.

    Args:
        text: in Unicode; no character is changed.
        language: its code.
    """
    if not writes_spaces(language):
        return list(_characters(text))
    return [span for found in BETWEEN_SPACES.finditer(text) for span in _trimmed(text, *found.span())]


def _characters(text: str) -> Iterator[tuple[int, int]]:
    start = end = 0
    for found in CHARACTERS.finditer(text):
        if found.start() == end > start and unicodedata.category(text[end])[0] == "M":
            end = found.end()
            continue
        if end > start:
            yield start, end
        start, end = found.span()
    if end > start:
        yield start, end


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """What stands between spaces, cut."""
    first = next((place for place in range(start, end) if not _is_mark(text[place])), end)
    last = next((place for place in range(end, first, -1) if not _is_mark(text[place - 1])), first)
    yield from _runs(text, start, first)
    if first < last:
        yield first, last
    yield from _runs(text, last, end)


def _runs(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Each run of the same character."""
    for _, run in groupby(range(start, end), key=text.__getitem__):
        first, *others = run
        yield first, first + 1 + len(others)


def _is_mark(character: str) -> bool:
    """Whether it is punctuation or a symbol."""
    return unicodedata.category(character)[0] in "PS"
