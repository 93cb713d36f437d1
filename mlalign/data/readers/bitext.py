"""Translations to be found: English and one language, line by line.

Read from ``en-de.tsv[.gz]`` (English, tab, other), or from the two files of the LASER Tatoeba test,
``tatoeba.deu-eng.deu`` and ``tatoeba.deu-eng.eng`` (Artetxe and Schwenk, TACL 2019).
"""

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from mlalign.data.readers.format import Format
from mlalign.data.readers.languages import CODES
from mlalign.data.readers.leftovers import PartFile
from mlalign.data.readers.parallel import NAMES, read_pairs
from mlalign.data.readers.records import SentencePair
from mlalign.data.text import read_lines
from mlalign.errors import DataError


def examples(file: PartFile) -> Iterator[SentencePair]:
    """Read all pairs; a pair's id is its number. See ``format.Reader``."""
    if ".tsv" in file.path.name:
        pairs = read_pairs(file.path, on_bad_line=file.on_bad_line, dropped=file.dropped)
    else:
        file.beside = file.path.with_suffix(".eng")
        pairs = _side_by_side(file, file.beside)
    for number, pair in enumerate(pairs, start=1):
        yield SentencePair(str(number), *pair)


def _side_by_side(file: PartFile, english: Path) -> Iterator[tuple[str, str]]:
    for one, two in zip_longest(read_lines(english), read_lines(file.path)):
        if one is None or two is None:
            raise DataError(
                f"{file.path}: expected as many lines as {english.name} has, found "
                f"{'fewer' if two is None else 'more'}; get both files anew"
            )
        line, pair = one[0], (one[1].strip(), two[1].strip())
        if all(pair):
            yield pair
        else:
            file.bad(line, "empty side", "expected a sentence on both sides, found none on one")


FORMAT = Format(names={"test": [*NAMES, "tatoeba.{}-eng.{}"]}, examples=examples, codes=CODES["iso639_3"])
