"""Where the words of running text begin and end, for tasks that were learned on text cut into words."""

import re
import unicodedata
from collections.abc import Iterator

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
    while start < end and _is_mark(text[start]):
        run = start + 1
        while run < end and text[run] == text[start]:
            run += 1
        yield start, run
        start = run
    behind: list[tuple[int, int]] = []
    while start < end and _is_mark(text[end - 1]):
        run = end - 1
        while run > start and text[run - 1] == text[end - 1]:
            run -= 1
        behind.append((run, end))
        end = run
    if start < end:
        yield start, end
    yield from reversed(behind)


def _is_mark(character: str) -> bool:
    """Whether it is punctuation or a symbol."""
    return unicodedata.category(character)[0] in "PS"
