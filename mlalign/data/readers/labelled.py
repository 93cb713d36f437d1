"""The rows of one classification file, and the checks that all such files share."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlalign.data.readers.leftovers import Leftovers, OnBadLine, refuse_single_label, repeated, unexpected
from mlalign.data.readers.records import LabelledText, Part
from mlalign.data.text import shortened


class LabelledRows:
    """Collects the usable rows of a file.

    Args:
        path: the file, for the messages.
        labels: what the file calls a label -> its position in the task's list.
        on_bad_line: ``error`` stops at the first fault, ``skip`` counts it.
    """

    def __init__(self, path: Path, labels: Mapping[str, int], on_bad_line: OnBadLine) -> None:
        self.left = Leftovers(path, on_bad_line)
        self.labels = labels
        self._examples: list[LabelledText] = []
        self._line_of: dict[str, int] = {}

    def add(self, line: int, identifier: str, texts: Sequence[str], label: str) -> None:
        """Keep a row if its label is known, its texts hold something and its id is new.

        Raises:
            DataError: it is none of that, and ``on_bad_line`` is ``error``.
        """
        texts = tuple(text.strip() for text in texts)
        if label not in self.labels:
            self.left.bad(line, "unknown label", unexpected("label", label, self.labels))
        elif not all(texts):
            self.left.bad(line, "empty text", "expected text, found nothing")
        elif identifier in self._line_of:
            self.left.bad(line, *repeated(identifier, self._line_of))
        else:
            self._line_of[identifier] = line
            self._examples.append(LabelledText(identifier, texts, self.labels[label]))

    def wrong_fields(self, line: int, columns: Sequence[str], fields: Sequence[str]) -> None:
        """Leave out a line that has not one field for each column.

        Raises:
            DataError: ``on_bad_line`` is ``error``.
        """
        self.left.bad(
            line,
            "wrong number of fields",
            f"expected {len(columns)} tab-separated fields ({shortened(', '.join(columns))}), found "
            f"{len(fields) or 'none: the line is empty or its quotes do not match'}",
        )

    def part(self) -> Part[LabelledText]:
        """Return what was kept.

        Raises:
            DataError: it is nothing, less than what was left out, or all of one label.
        """
        self.left.check(len(self._examples))
        used = {example.label for example in self._examples}
        refuse_single_label(self.left.path, used, len(self._examples))
        return Part(self.left.path, self._examples, dict(self.left.dropped), besides=dict(self.left.besides))


def quoted_fields(line: str) -> list[str]:
    """Split a line at tabs as ``csv`` and pandas write it; none if its quotes do not match.

    A field that holds a quote or a tab is enclosed in ``"``, and its quotes are doubled. One line
    is one row, so that a stray quote cannot swallow the rest of the file.
    """
    try:
        return next(csv.reader([line], delimiter="\t", strict=True), [])
    except csv.Error:
        return []
