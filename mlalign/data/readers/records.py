"""What the readers of task files return."""

from dataclasses import dataclass
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text, or a pair of texts, and the position of its label in the task's list of labels."""

    id: str
    texts: tuple[str, ...]
    label: int


@dataclass(frozen=True, slots=True)
class TaggedSentence:
    """The words of a sentence and, for each, the position of its tag in the list of labels.

    A word can be the empty string: WikiANN has tokens of which nothing is left. It keeps its place
    and its tag; a tokenizer makes no subword of it, so whoever tokenizes puts the unknown token.
    """

    id: str
    words: tuple[str, ...]
    tags: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SentencePair:
    """An English sentence and its translation."""

    id: str
    english: str
    other: str


Example = TypeVar("Example", LabelledText, TaggedSentence, SentencePair)


class Part(NamedTuple, Generic[Example]):
    """One part read: its examples in file order, and how many were left out for which reason."""

    path: Path
    examples: list[Example]
    dropped: dict[str, int]
    beside: Path | None = None  # the other language's file, where each has one

    @property
    def rows(self) -> int:
        """What the file holds of this part and language."""
        return len(self.examples) + sum(self.dropped.values())
