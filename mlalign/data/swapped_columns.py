"""Files of parallel text whose columns look swapped: both may be written in the same script, but words tell."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mlalign.data.languages import spoken

WORD = re.compile(r"\w+")
MOST = 50_000  # words of a column are enough
FEWEST = 500  # words of a column; fewer say nothing
MARGIN = 1 / 3  # by which one share exceeds the other


@dataclass
class ColumnWords:
    """The words in the first lines of a file, with how often they occur there.

    Args:
        language: that the file pairs with the pivot.
        is_reversed: whether the pivot is in the second column.
    """

    language: str
    is_reversed: bool = False
    pivot: Counter[str] = field(default_factory=Counter, init=False)
    other: Counter[str] = field(default_factory=Counter, init=False)

    def counting(self, lines: Iterable[str]) -> Iterator[str]:
        """Yield all lines as they are; the words of the first are taken in passing."""
        columns = (self.other, self.pivot) if self.is_reversed else (self.pivot, self.other)
        size = 0
        for line in lines:
            fields = line.split("\t") if size < MOST else []
            if len(fields) == len(columns):
                found = [WORD.findall(one.casefold()) for one in fields]
                for words, column in zip(found, columns, strict=True):
                    column.update(words)
                size += max(map(len, found))
            yield line


def find_swapped(files: Mapping[Path, ColumnWords]) -> dict[Path, tuple[float, float]]:
    """Files whose other column looks more like the pivot of the other languages' files than their own pivot does.

    A file that is swapped makes those that it is compared with look a little odd, too: the oddest is found first and
    turned round before the others are looked at again. Among files of one language nothing tells which is right.

    Measured on 75 files of nine corpora in 16 languages, each beside each of another language, one of them swapped or
    none: the column of the pivot has at least 38 per cent of its words more in common with the pivot of the other file
    than the other column has, and a file beside a swapped one seems to be swapped by at most 29.

    Returns:
        Path -> the shares of running words, of the pivot's and of the other column, that those files have.
    """
    sides = {
        path: (spoken(one.language), one.pivot, one.other)
        for path, one in files.items()
        if min(one.pivot.total(), one.other.total()) >= FEWEST
    }
    found: dict[Path, tuple[float, float]] = {}
    while True:
        by_language: dict[str, set[str]] = {}
        for language, pivot, _ in sides.values():
            by_language.setdefault(language, set()).update(pivot)
        languages = Counter(word for words in by_language.values() for word in words)
        shares = {
            path: (_share(pivot, languages, by_language[language]), _share(other, languages, by_language[language]))
            for path, (language, pivot, other) in sides.items()
            if path not in found
        }
        oddest = max(shares, key=lambda path: shares[path][1] - shares[path][0], default=None)
        if oddest is None or shares[oddest][1] - shares[oddest][0] < MARGIN:
            return found
        found[oddest] = shares[oddest]
        language, pivot, other = sides[oddest]
        sides[oddest] = language, other, pivot


def _share(words: Counter[str], languages: Counter[str], own: set[str]) -> float:
    """How much of a text are words that files of another language have, too."""
    return sum(count for word, count in words.items() if languages[word] > (word in own)) / words.total()
