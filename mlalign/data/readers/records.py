"""What the readers of task files return."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Generic, NamedTuple, Protocol, TypeVar

UNLABELLED = -100  # the position of a label that was dropped; torch's losses leave it out


class AnyExample(Protocol):
    """What is known of an example whatever the type of its task."""

    @property
    def id(self) -> str:
        """Its name in the file."""

    @property
    def parts(self) -> tuple[str, ...]:
        """What a reader sees of it."""

    def gold(self, labels: Sequence[str]) -> Sequence[str]:
        """What is right, given the task's labels; nothing where that is no label or answer."""


Example = TypeVar("Example", bound=AnyExample)
Read = TypeVar("Read", bound=AnyExample, covariant=True)  # for types that only produce examples


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text, or a pair of texts, and the position of its label in the task's list of labels."""

    id: str
    texts: tuple[str, ...]
    label: int

    @property
    def parts(self) -> tuple[str, ...]:
        """What a reader sees of it."""
        return self.texts

    def gold(self, labels: Sequence[str]) -> Sequence[str]:
        """The label."""
        return [labels[self.label]]


@dataclass(frozen=True, slots=True)
class TaggedSentence:
    """The words of a sentence and, for each, the position of its tag in the list of labels.

    A word can be the empty string: WikiANN has tokens of which nothing is left. It keeps its place
    and its tag; a tokenizer makes no subword of it, so whoever tokenizes puts the unknown token.
    """

    id: str
    words: tuple[str, ...]
    tags: tuple[int, ...]

    @property
    def parts(self) -> tuple[str, ...]:
        """What a reader sees of it."""
        return self.words

    def gold(self, labels: Sequence[str]) -> Sequence[str]:
        """The tags."""
        return [labels[tag] for tag in self.tags]


@dataclass(frozen=True, slots=True)
class LocatedSentence(TaggedSentence):
    """A sentence whose words are known to be places of a text: where each begins, in characters."""

    text: str
    starts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SentencePair:
    """An English sentence and its translation."""

    id: str
    english: str
    other: str

    @property
    def parts(self) -> tuple[str, ...]:
        """What a reader sees of it."""
        return self.english, self.other

    def gold(self, labels: Sequence[str]) -> Sequence[str]:
        """Nothing: the translation is."""
        return []


@dataclass(frozen=True, slots=True)
class Question:
    """A question, the text that holds its answer, and all answers that count as right.

    Attributes:
        id: of the question.
        question: its text.
        context: the text.
        answers: at least one.
        starts: the character of the context that each answer is said to begin at.
    """

    id: str
    question: str
    context: str
    answers: tuple[str, ...]
    starts: tuple[int, ...]

    @property
    def parts(self) -> tuple[str, ...]:
        """What a reader sees of it."""
        return self.question, self.context

    def gold(self, labels: Sequence[str]) -> Sequence[str]:
        """All right answers."""
        return self.answers


def texts_of(example: AnyExample) -> tuple[str, ...]:
    """What is read as running text: the words of a tagged sentence are one."""
    return (" ".join(example.parts),) if isinstance(example, TaggedSentence) else example.parts


class RawText(NamedTuple):
    """A text, or a pair of texts, without a label.

    Attributes:
        id: its name.
        texts: as they are.
        words: of the one text, where it was given in words; the text is the words with a space between.
    """

    id: str
    texts: tuple[str, ...]
    words: tuple[str, ...] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether a text of it holds nothing but white space."""
        return not all(text.strip() for text in self.texts)


class Part(NamedTuple, Generic[Read]):
    """One part read: its examples in file order, and how many were left out for which reason.

    Attributes:
        besides: what -> lines of the file that are no entries of this part, see ``Leftovers``.
    """

    path: Path
    examples: Sequence[Read]
    dropped: dict[str, int]
    beside: Path | None = None  # the other language's file, where each has one
    besides: Mapping[str, int] = MappingProxyType({})

    @property
    def rows(self) -> int:
        """What the file holds of this part and language."""
        return len(self.examples) + sum(self.dropped.values())
