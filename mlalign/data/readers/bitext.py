"""Translations to be found: English and one language, line by line.

Read from ``en-de.tsv[.gz]`` (English, tab, other), or from the two files of the LASER Tatoeba test,
``tatoeba.deu-eng.deu`` and ``tatoeba.deu-eng.eng`` (Artetxe and Schwenk, TACL 2019).
"""

from collections.abc import Iterator
from pathlib import Path

from mlalign.data.readers.format import Format
from mlalign.data.readers.languages import CODES
from mlalign.data.readers.leftovers import PartFile
from mlalign.data.readers.parallel import NAMES, read_pairs
from mlalign.data.readers.records import SentencePair
from mlalign.data.text import aligned_lines, read_lines


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
    paths = english, file.path
    for line, one, two in aligned_lines(paths, *map(read_lines, paths)):
        if one.strip() and two.strip():
            yield one.strip(), two.strip()
        else:
            file.bad(line, "empty side", "expected a sentence on both sides, found none on one")


FORMAT = Format(names={"test": [*NAMES, "tatoeba.{}-eng.{}"]}, examples=examples, codes=CODES["iso639_3"])
