"""Readers of task and parallel files, each in the form of its original release."""

from mlalign.data.readers.format import WITHOUT_LABELS, Format, PartName, positions
from mlalign.data.readers.languages import CODES
from mlalign.data.readers.leftovers import OnBadLine
from mlalign.data.readers.parallel import find_corpora, one_code_each, parallel_path, read_pairs
from mlalign.data.readers.records import (
    UNLABELLED,
    AnyExample,
    LabelledText,
    LocatedSentence,
    Part,
    Question,
    RawText,
    SentencePair,
    TaggedSentence,
)
from mlalign.data.readers.table import Columns, Table
from mlalign.discovery import modules_in


def task_formats() -> dict[str, Format[AnyExample]]:
    """File name -> the ``FORMAT`` that the file says, of every file of this folder that says one.

    ``table`` is made from a task's own settings, see ``Table.format``.
    """
    return {name: module.FORMAT for name, module in modules_in(__path__, __name__) if hasattr(module, "FORMAT")}


__all__ = [
    "CODES",
    "UNLABELLED",
    "WITHOUT_LABELS",
    "AnyExample",
    "Columns",
    "Format",
    "LabelledText",
    "LocatedSentence",
    "OnBadLine",
    "Part",
    "PartName",
    "Question",
    "RawText",
    "SentencePair",
    "Table",
    "TaggedSentence",
    "find_corpora",
    "one_code_each",
    "parallel_path",
    "positions",
    "read_pairs",
    "task_formats",
]
