"""Files of word alignment: sentence pairs a line, and links a line, as fast_align and awesome-align have them."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mlalign.data.text import excerpt, read_lines
from mlalign.errors import DataError
from mlalign.metrics.word_links import GoldLinks, Link
from mlalign.wording import plural

BETWEEN = " ||| "
LINK = re.compile(r"(\d{1,9})([-?])(\d{1,9})")


class SentenceWords(NamedTuple):
    """The words of a sentence and of its translation."""

    source: list[str]
    target: list[str]


def read_sentence_pairs(path: Path) -> list[SentenceWords]:
    """Lines of ``source ||| target``, or with a tab between; words stand between spaces.

    Raises:
        DataError: the file cannot be read, or a line has not two sentences with a word each.
    """
    pairs = []
    for number, line in read_lines(path):
        sides = [side.split() for side in line.split("\t" if "\t" in line else BETWEEN)]
        if len(sides) != 2 or not all(sides):
            raise DataError(
                f"{path}, line {number}: expected `source ||| target` or source, tab, target, each with a word; "
                f"found {excerpt(line)}; correct the line"
            )
        pairs.append(SentenceWords(*sides))
    return pairs


def read_gold(path: Path, pairs: Sequence[SentenceWords]) -> list[GoldLinks]:
    """Lines of links ``i-j`` (sure) and ``i?j`` (possible), the first word being 0; a line may be empty.

    Args:
        path: of the file.
        pairs: the sentences that line by line are linked.

    Raises:
        DataError: the file cannot be read, has not as many lines, or a link is none or names a word that is not there.
    """
    lines = list(read_lines(path))
    if len(lines) != len(pairs):
        found = f"{plural(len(lines), 'line')} for {plural(len(pairs), 'pair')} of sentences"
        raise DataError(f"{path}: {found}; expected a line for each, an empty one where nothing is linked")
    return [_gold(path, number, line, pair) for (number, line), pair in zip(lines, pairs, strict=True)]


def _gold(path: Path, number: int, line: str, pair: SentenceWords) -> GoldLinks:
    found: dict[str, set[Link]] = {"-": set(), "?": set()}
    for word in line.split():
        match = LINK.fullmatch(word)
        if match is None:
            raise DataError(
                f"{path}, line {number}: expected links such as 0-1 (sure) or 0?1 (possible), found {excerpt(word)}; "
                "correct the line"
            )
        link = int(match[1]), int(match[3])
        if link[0] >= len(pair.source) or link[1] >= len(pair.target):
            raise DataError(
                f"{path}, line {number}: {word} in a pair of {len(pair.source)} and {len(pair.target)} words, of which "
                "the first is 0; subtract 1 where your file counts from 1"
            )
        found[match[2]].add(link)
    return GoldLinks(frozenset(found["-"]), frozenset(found["-"] | found["?"]))


def written(links: Sequence[Link]) -> str:
    """The links of a pair as a line."""
    return " ".join(f"{source}-{target}" for source, target in links)
