"""Test files whose labels were taken out: every example has the same one, and a score would be chance."""

from collections.abc import Sequence

from mlalign.data.readers import Part
from mlalign.data.readers.records import Example
from mlalign.errors import DataError


def refuse_placeholders(part: Part[Example], labels: Sequence[str]) -> None:
    """Refuse a part to be scored in which one label stands for all; a single example may have any.

    Files that are handed out for a benchmark's server have such labels, as XTREME's test files do.

    Args:
        part: as it was read.
        labels: of the task, in the order of their numbers.

    Raises:
        DataError: all texts have one label, all words one tag, or all questions one answer.
    """
    found: set[str] = set()
    for example in part.examples:
        found.update(example.gold(labels))
        if len(found) > 1:
            return
    if found and len(part.examples) > 1:
        raise DataError(
            f"{part.path}: all {len(part.examples)} examples have the same label, {found.pop()}, as in files whose "
            "labels were taken out; a score on them would be chance. Put the file of the original release there, or "
            "leave the language out of task.languages"
        )
