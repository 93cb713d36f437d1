"""Emotions of tweets, any number of eleven: SemEval-2018 Task 1, E-c (Mohammad et al. 2018)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlalign.data.readers.format import Format, PartName
from mlalign.data.readers.leftovers import Leftovers, OnBadLine, unexpected
from mlalign.data.readers.records import Part
from mlalign.data.text import excerpt
from mlalign.errors import DataError


@dataclass(frozen=True, slots=True)
class MultiLabelledText:
    """A text and the positions of its labels in the task's list, in the order of that list."""

    id: str
    text: str
    labels: tuple[int, ...]

    @property
    def parts(self) -> tuple[str, ...]:
        """What a reader sees of it."""
        return (self.text,)

    def gold(self, labels: Sequence[str]) -> Sequence[str]:
        """The labels."""
        return [labels[one] for one in self.labels]


def read(
    path: Path, labels: Mapping[str, int], *, language: str, part: PartName, on_bad_line: OnBadLine
) -> Part[MultiLabelledText]:
    """Read a header and rows: the tweet's id, its text, and 0 or 1 for each emotion. See ``format.Reader``."""
    left = Leftovers(path, on_bad_line)
    lines = left.lines()
    names = next(lines)[1].split("\t")[2:]
    left.besides["header"] += 1
    for name in names:
        if name not in labels:
            raise DataError(f"{path}, line 1: {unexpected('emotion', name, labels)}")
    examples = []
    for line, content in lines:
        fields = content.split("\t")
        if len(fields) != len(names) + 2 or not set(fields[2:]) <= {"0", "1"}:
            expected = f"expected an id, a tweet and 0 or 1 for each of {len(names)} emotions"
            left.bad(line, "broken row", f"{expected}, found {excerpt(content)}")
            continue
        own = (labels[name] for name, mark in zip(names, fields[2:], strict=True) if mark == "1")
        examples.append(MultiLabelledText(fields[0], fields[1], tuple(sorted(own))))
    left.check(len(examples))
    return Part(path, examples, dict(left.dropped), besides=dict(left.besides))


FORMAT = Format(
    names={
        "train": ["2018-E-c-{}-train.txt"],
        "dev": ["2018-E-c-{}-dev.txt"],
        "test": ["2018-E-c-{}-test-gold.txt"],
    },
    read=read,
    codes={"En": "en", "Ar": "ar", "Es": "es"},
)
