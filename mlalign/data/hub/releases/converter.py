"""From files of a release on the hub to one file of the task's original layout."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mlalign.data.readers import PartName


class Rows(Protocol):
    """Reads rows of a release."""

    def __call__(
        self, sources: Sequence[Path], labels: Sequence[str], *, language: str, part: PartName
    ) -> Iterator[str]:
        r"""Yield one row after another as the task's format writes it, line ends included.

        Args:
            sources: the release's files for this language and part, in order of their names.
            labels: the task's labels or tags, in the order of their numbers.
            language: whose rows are wanted, by the name that the release has for it.
            part: which rows are wanted, where the files hold several parts.

        Raises:
            DataError: the files are not what the release promises.
        """


@dataclass(frozen=True)
class Converter:
    """Writes a release in its task's original layout.

    Args:
        rows: what makes the rows.
        header: the line above them, line end included.
    """

    rows: Rows
    header: str = ""


def one_line(text: str) -> str:
    """A text without line ends and tabs, which a format without quotes cannot hold."""
    return " ".join(text.split()) if any(mark in text for mark in "\t\n\r") else text
