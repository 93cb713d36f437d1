"""Translations to be found: English and one language, line by line.

Read from ``en-de.tsv[.gz]`` (English, tab, other), or from the two files of the LASER Tatoeba test,
``tatoeba.deu-eng.deu`` and ``tatoeba.deu-eng.eng`` (Artetxe and Schwenk, TACL 2019).
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path

from mlalign.data.readers.format import Format, PartName
from mlalign.data.readers.languages import CODES
from mlalign.data.readers.leftovers import Leftovers, OnBadLine
from mlalign.data.readers.parallel import NAMES, read_pairs
from mlalign.data.readers.records import Part, SentencePair
from mlalign.data.text import read_lines
from mlalign.errors import DataError


def read(
    path: Path,
    labels: Mapping[str, int],
    *,
    language: str,
    part: PartName,
    on_bad_line: OnBadLine,
) -> Part[SentencePair]:
    """Read all pairs; a pair's id is its number. See ``format.Reader``."""
    dropped: Counter[str] = Counter()
    beside = None if ".tsv" in path.name else path.with_suffix(".eng")
    if beside is None:
        pairs = read_pairs(path, on_bad_line=on_bad_line, dropped=dropped)
    else:
        pairs = _side_by_side(path, beside, Leftovers(path, on_bad_line, dropped))
    examples = [SentencePair(str(number), *pair) for number, pair in enumerate(pairs, start=1)]
    return Part(path, examples, dict(dropped), beside)


def _side_by_side(path: Path, english: Path, left: Leftovers) -> Iterator[tuple[str, str]]:
    kept = 0
    for one, two in zip_longest(read_lines(english), read_lines(path)):
        if one is None or two is None:
            raise DataError(
                f"{path}: expected as many lines as {english.name} has, found "
                f"{'fewer' if two is None else 'more'}; get both files anew"
            )
        line, pair = one[0], (one[1].strip(), two[1].strip())
        if all(pair):
            kept += 1
            yield pair
        else:
            left.bad(line, "empty side", "expected a sentence on both sides, found none on one")
    left.check(kept)


FORMAT = Format(names={"test": [*NAMES, "tatoeba.{}-eng.{}"]}, read=read, codes=CODES["iso639_3"])
