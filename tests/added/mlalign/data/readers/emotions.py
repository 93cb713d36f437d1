"""Emotions of tweets, any number of eleven: SemEval-2018 Task 1, E-c (Mohammad et al. 2018)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlalign.data.readers.format import Format
from mlalign.data.readers.leftovers import PartFile, unexpected
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


def examples(file: PartFile) -> Iterator[MultiLabelledText]:
    """Read a header and rows: the tweet's id, its text, and 0 or 1 for each emotion. See ``format.Reader``."""
    lines = file.lines()
    names = next(lines)[1].split("\t")[2:]
    file.besides["header"] += 1
    for name in names:
        if name not in file.labels:
            raise DataError(f"{file.path}, line 1: {unexpected('emotion', name, file.labels)}")
    for line, content in lines:
        fields = content.split("\t")
        if len(fields) != len(names) + 2 or not set(fields[2:]) <= {"0", "1"}:
            expected = f"expected an id, a tweet and 0 or 1 for each of {len(names)} emotions"
            file.bad(line, "broken row", f"{expected}, found {excerpt(content)}")
            continue
        own = (file.labels[name] for name, mark in zip(names, fields[2:], strict=True) if mark == "1")
        yield MultiLabelledText(fields[0], fields[1], tuple(sorted(own)))


FORMAT = Format(
    names={
        "train": ["2018-E-c-{}-train.txt"],
        "dev": ["2018-E-c-{}-dev.txt"],
        "test": ["2018-E-c-{}-test-gold.txt"],
    },
    examples=examples,
    codes={"En": "en", "Ar": "ar", "Es": "es"},
)
