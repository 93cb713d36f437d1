"""Readers of task and parallel files, each in the form of its original release."""

from mlalign.data.readers import bitext, entities, mldoc, pawsx, slots, squad
from mlalign.data.readers.format import WITHOUT_LABELS, Format, PartName, positions
from mlalign.data.readers.languages import CODES
from mlalign.data.readers.leftovers import OnBadLine
from mlalign.data.readers.parallel import find_corpora, parallel_path, read_pairs
from mlalign.data.readers.records import (
    UNLABELLED,
    AnyExample,
    LabelledText,
    Part,
    Question,
    SentencePair,
    TaggedSentence,
)
from mlalign.data.readers.table import Columns, Table

# `table` is made from a task's own settings, see Table.format.
FORMATS: dict[str, Format[AnyExample]] = {
    "bitext": bitext.FORMAT,
    "entities": entities.FORMAT,
    "mldoc": mldoc.FORMAT,
    "pawsx": pawsx.FORMAT,
    "slots": slots.FORMAT,
    "squad": squad.FORMAT,
}

__all__ = [
    "CODES",
    "FORMATS",
    "UNLABELLED",
    "WITHOUT_LABELS",
    "AnyExample",
    "Columns",
    "Format",
    "LabelledText",
    "OnBadLine",
    "Part",
    "PartName",
    "Question",
    "SentencePair",
    "Table",
    "TaggedSentence",
    "find_corpora",
    "parallel_path",
    "positions",
    "read_pairs",
]
