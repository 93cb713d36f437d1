"""Readers of task and parallel files, each in the form of its original release."""

from typing import Any

from mlalign.data.formats import mldoc, panx, pawsx, sib200
from mlalign.data.formats.format import Format, PartName
from mlalign.data.formats.leftovers import OnBadLine
from mlalign.data.formats.parallel import find_corpora, parallel_path, read_pairs
from mlalign.data.formats.records import LabelledText, Part, TaggedSentence

FORMATS: dict[str, Format[Any]] = {
    "mldoc": mldoc.FORMAT,
    "panx": panx.FORMAT,
    "pawsx": pawsx.FORMAT,
    "sib200": sib200.FORMAT,
}

__all__ = [
    "FORMATS",
    "Format",
    "LabelledText",
    "OnBadLine",
    "Part",
    "PartName",
    "TaggedSentence",
    "find_corpora",
    "parallel_path",
    "read_pairs",
]
