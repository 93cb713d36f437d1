"""What a type of task is: from examples to sequences, from a head's outputs to predictions."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, NamedTuple, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn

from mlalign.data.readers.records import AnyExample, Example, RawText
from mlalign.data.sequences import SequenceBuilder, Sequenced
from mlalign.files import JsonObject
from mlalign.metrics.tasks import Prediction, TaskMetric
from mlalign.models.subwords import Subwords

IGNORED = -100  # the label of positions that are not scored
Decoded = TypeVar("Decoded")  # what is read off the outputs for one sequence
Piece = tuple[int, int, Decoded]  # example, first token or word, and what was decoded


@dataclass(frozen=True, slots=True)
class Prepared:
    """An example, or a piece of a long one, as one sequence.

    Attributes:
        sequence: its ids.
        labels: of a text, its label; of a sentence, one per position or ``IGNORED``; of a question, the
            positions of the answer's first and last token.
        example: its place in the part.
        first: the word, or token of the context, that the piece begins with.
        characters: of each token of the context, ``[tokens, 2]``, where it starts and ends.
        more: sequences of a text in windows, after its first; the vector of all is one.
    """

    sequence: Sequenced
    labels: int | list[int]
    example: int
    first: int = 0
    characters: NDArray[np.int32] | None = None
    more: tuple[Sequenced, ...] = ()

    @property
    def length(self) -> int:
        """Of all its sequences together."""
        return sum(len(one.ids) for one in (self.sequence, *self.more))


class TaskBatch(NamedTuple):
    """Examples of one language."""

    subwords: Subwords
    labels: Int[Tensor, " batch"] | Int[Tensor, "batch length"] | Int[Tensor, "batch 2"]
    examples: list[int]
    firsts: list[int]
    language: str
    scored: int  # how many of the labels are not ``IGNORED``, known to the host
    characters: Int[Tensor, "batch length 2"] | None = None  # of tokens that can be answers; 0, 0 elsewhere
    windows: list[int] | None = None  # how many successive sequences each text has; None: one each


class TaskType(ABC, Generic[Example]):
    """One type of task: what it reads, and what it is scored by.

    Args:
        labels: of the task, in the order of their numbers.
    """

    metric: ClassVar[TaskMetric]

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = list(labels)

    @abstractmethod
    def encode(self, examples: Sequence[Example], language: str, builder: SequenceBuilder) -> list[Prepared]:
        """Sequences of examples; a long example can be several."""

    def collate(self, rows: Sequence[Prepared], language: str, builder: SequenceBuilder) -> TaskBatch:
        """One padded batch."""
        subwords = builder.batch([sequence for one in rows for sequence in (one.sequence, *one.more)])
        labels = self._labels(rows, subwords.input_ids.shape[1])
        examples, firsts = [one.example for one in rows], [one.first for one in rows]
        windows = [1 + len(one.more) for one in rows] if any(one.more for one in rows) else None
        scored = int((labels != IGNORED).sum())
        return TaskBatch(subwords, labels, examples, firsts, language, scored, windows=windows)

    def _labels(self, rows: Sequence[Prepared], length: int) -> Tensor:
        return torch.tensor([one.labels for one in rows])


class LearnedTask(TaskType[Example], Generic[Example, Decoded]):
    """A type of task that is learned on English: a head, its loss, and how its outputs are read.

    Attributes:
        on_tokens: whether the head sees every token, or the sentence.
        reads: names of the texts of an example, as rows to be predicted call them.
        takes_words: whether such a text is cut into words, or may be given so.
        is_plain: whether any text makes an example to learn from, and an example can be said with other words.
        pipeline: that of transformers which predicts the same by a linear head; None: it has none.
    """

    on_tokens: ClassVar[bool]
    reads: ClassVar[tuple[str, ...]] = ("text",)
    takes_words: ClassVar[bool] = False
    is_plain: ClassVar[bool] = True
    pipeline: ClassVar[str | None] = None

    @property
    def outputs(self) -> int:
        """How many numbers a head gives of a vector: one for each label."""
        return len(self.labels)

    def loss(
        self, outputs: Tensor, batch: TaskBatch, weights: Float[Tensor, " batch"] | None = None
    ) -> Float[Tensor, ""]:
        """Cross entropy summed over the labels of a batch, in float32 or better.

        Args:
            outputs: of the head.
            batch: with the labels.
            weights: of the examples; None: all 1.
        """
        logits = self.logits(outputs.to(torch.promote_types(outputs.dtype, torch.float32)), batch)
        logits, labels = logits.flatten(0, -2), batch.labels.flatten()
        if weights is None:
            return nn.functional.cross_entropy(logits, labels, ignore_index=IGNORED, reduction="sum")
        losses = nn.functional.cross_entropy(logits, labels, ignore_index=IGNORED, reduction="none")
        return (losses.view(len(weights), -1) * weights[:, None]).sum()

    def logits(self, outputs: Tensor, batch: TaskBatch) -> Tensor:
        """The head's outputs with the classes last, ``[..., classes]``, one row per label of the batch."""
        return outputs

    def example_of(self, text: str, language: str) -> Example:
        """A text without a label as an example, where ``is_plain``."""
        raise NotImplementedError(f"{type(self).__name__}: no example can be made of any text")

    def with_words(self, example: Example, replaced: Callable[[str], Sequence[str]]) -> Example:
        """The example with other words and the same labels, where ``is_plain``.

        Args:
            example: any.
            replaced: a word, as spaces separate it or as it is tagged -> what is said instead.
        """
        raise NotImplementedError(f"{type(self).__name__}: the words of an example cannot be replaced")

    def labelled(self, example: Example, decoded: Decoded) -> Example:
        """The example with the labels that were decoded, where ``is_plain``."""
        raise NotImplementedError(f"{type(self).__name__}: no label can be given")

    def blank(self, example: Example) -> Example:
        """An example without labels with some that mean nothing, so that it is decoded, where ``is_plain``."""
        raise NotImplementedError(f"{type(self).__name__}: no label can be given")

    @abstractmethod
    def unlabelled(self, raw: RawText, language: str) -> Example:
        """An example that is decoded as one of a test part is; its labels mean nothing."""

    def answer(self, example: Example, decoded: Decoded) -> JsonObject:
        """What is predicted of an example without a label; as in a file of predictions, but for what is right."""
        found = self.prediction(example, decoded)
        return {"predicted": found.predicted, **found.more}

    @abstractmethod
    def decode(self, outputs: Tensor, batch: TaskBatch) -> list[Decoded]:
        """What the outputs say of each sequence."""

    @abstractmethod
    def merge(self, pieces: Sequence[Decoded]) -> Decoded:
        """The whole example from its pieces, in order."""

    @abstractmethod
    def prediction(self, example: Example, decoded: Decoded) -> Prediction:
        """As it is scored and written."""

    def is_finite(self, decoded: Decoded) -> bool:
        """Whether the numbers that it was decided by are finite."""
        return True

    def merged(self, pieces: Sequence[Piece[Decoded]]) -> list[Decoded]:
        """All examples in file order; a piece that several ranks have decoded counts once."""
        once = {(example, first): decoded for example, first, decoded in pieces}
        whole: dict[int, list[Decoded]] = {}
        for example, first in sorted(once):
            whole.setdefault(example, []).append(once[example, first])
        return [self.merge(parts) for parts in whole.values()]

    def predictions(self, examples: Sequence[Example], decoded: Sequence[Decoded]) -> list[Prediction]:
        """One for each example.

        Raises:
            ValueError: there are not as many of both.
        """
        return [self.prediction(*both) for both in zip(examples, decoded, strict=True)]


AnyTask = LearnedTask[AnyExample, object]  # whichever a configuration names
