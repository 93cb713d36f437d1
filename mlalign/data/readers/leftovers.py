"""What a reader cannot use: refused at once, or left out, counted and reported."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mlalign.config.enums import OnBadLine as OnBadLine  # readers of all kinds take it from here
from mlalign.data.text import excerpt, read_lines
from mlalign.errors import DataError, did_you_mean
from mlalign.wording import sentence

PartName = Literal["train", "dev", "test", "translated_train", "translated_test"]
# The reason, for the count, and the problem of a line that may be several.
CARRIAGE_RETURN = (
    "carriage return",
    "expected one entry, found a carriage return inside the line: an old line end, or a stray character",
)


@dataclass(slots=True)
class Leftovers:
    """Counts what is left out of one file.

    Args:
        path: the file, for the messages.
        on_bad_line: ``error`` stops at the first fault, ``skip`` counts it.
        dropped: reason -> count; may be shared by the files of a corpus.
        unit: what is numbered, for the messages.

    Attributes:
        besides: what -> lines that are no entries of what is read: headers, comments, rows of other languages. Every
            line of a file is kept, dropped or one of these.
    """

    path: Path
    on_bad_line: OnBadLine
    dropped: Counter[str] = field(default_factory=Counter)
    unit: str = "line"
    count: int = field(default=0, init=False)
    first: str = field(default="", init=False)
    besides: Counter[str] = field(default_factory=Counter, init=False)

    def lines(self) -> Iterator[tuple[int, str]]:
        """The lines of the file but for those with a carriage return inside, which may hide other lines.

        Raises:
            DataError: see ``read_lines``; or there is such a line and ``on_bad_line`` is ``error``.
        """
        for line, content in read_lines(self.path):
            if "\r" in content:
                self.bad(line, *CARRIAGE_RETURN)
            else:
                yield line, content

    def bad(self, line: int, reason: str, problem: str) -> None:
        """Refuse a faulty line, or leave it out where the user asked for that.

        Raises:
            DataError: ``on_bad_line`` is ``error``.
        """
        if self.on_bad_line == "error":
            raise DataError(
                f"{self.path}, {self.unit} {line}: {sentence(problem)}\nClean the file, or skip such {self.unit}s with "
                "data.on_bad_line=skip (they are counted and reported)"
            )
        self.drop(line, reason, problem)

    def drop(self, line: int, reason: str, problem: str) -> None:
        """Leave out a line, whatever ``on_bad_line`` says: the release is known to hold such."""
        self.first = self.first or f"{self.unit} {line}: {problem}"
        self.count += 1
        self.dropped[reason] += 1

    def check(self, kept: int) -> None:
        """Refuse a file of which little or nothing is left.

        Raises:
            DataError: more was left out than kept, or there was nothing to read.
        """
        if self.count > kept:
            raise DataError(
                f"{self.path}: {self.count} of {self.count + kept} entries cannot be used. "
                f"The first: {self.first}.\nCheck that this is the right file and task"
            )
        if not kept:
            raise DataError(f"{self.path}: expected entries, found none; get the file anew")


@dataclass(slots=True, kw_only=True)
class PartFile(Leftovers):
    """A file of a task and what is wanted of it.

    Args:
        labels: what the file calls a label or tag -> its position in the task's list.
        language: whose text is wanted, by the name that the release has for it.
        part: which is wanted; files that hold several parts say so in every row.

    Attributes:
        beside: the other language's file, where each has one.
    """

    labels: Mapping[str, int]
    language: str
    part: PartName
    beside: Path | None = field(default=None, init=False)
    _line_of: dict[str, int] = field(default_factory=dict, init=False)

    def is_new(self, line: int, identifier: str) -> bool:
        """Whether no earlier line has this id; a line that repeats one is faulty.

        Raises:
            DataError: it does, and ``on_bad_line`` is ``error``.
        """
        earlier = self._line_of.setdefault(identifier, line)
        if earlier != line:
            problem = f"expected a new id, found {identifier[:40]} of {self.unit} {earlier} again"
            self.bad(line, "repeated id", problem)
        return earlier == line


def unexpected(kind: str, found: str, choices: Collection[str]) -> str:
    """Say that a label or tag is none of the task's."""
    hint = did_you_mean(found, choices)
    if {"True", "False"} & set(choices):
        hint += '. YAML reads yes, no, on and off as true and false: write labels in quotes, as "no"'
    return f"expected the {kind} {', '.join(choices)}, found {excerpt(found)}{hint}"
