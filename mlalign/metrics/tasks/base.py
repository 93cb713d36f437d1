"""What every type of task says of its predictions: which are right, how they are counted and written."""

from abc import ABC
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from mlalign.files import Json, JsonObject

Answer = str | list[str]  # as a file of predictions holds it
Outcome = str | tuple[tuple[str, int, int], ...]  # a text, or entities: type, first, last word


@dataclass(frozen=True)
class Prediction:
    """What is predicted for one example, and what is right.

    Attributes:
        id: of the example.
        gold: what is right, by the names of labels.
        predicted: the same of the model.
        more: what else the type of task writes, under its keys.
    """

    id: str
    gold: Answer
    predicted: Answer
    more: Mapping[str, Json] = field(default_factory=dict)

    def to_json(self) -> JsonObject:
        """As one line of a file holds it."""
        return {"id": self.id, "gold": self.gold, "predicted": self.predicted, **self.more}


class TaskMetric(ABC):
    """The headline score of a type of task, in per cent, and what its answers are.

    A score is 100 · ``factor`` · sum of the first counts / sum of the second. The defaults are those of
    examples that have one label each.

    Attributes:
        name: in configurations and results.
        title: in tables.
        hub_task: the hub's name of the type of task, in a model card.
        formats: of files, ``task.format``, whose examples it scores.
        beside: key in the results -> title of a score that is reported beside it.
        expected: what ``gold`` and ``predicted`` of a prediction are.
        note: when an answer is right, where that needs saying.
        form: how a report lists outcomes: a ``label`` of a few, ``spans`` of words, or free ``text``.
        is_learned: whether English is learned; otherwise there are no weights of its own.
        is_itemised: whether the counts of predictions give the score again.
        is_bilingual: whether an example is English and its translation.
        joined: what stands between the parts of an example in one line.
        has_labels: whether an example has one of the task's labels.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    hub_task: ClassVar[str] = "text-classification"
    formats: ClassVar[tuple[str, ...]]
    beside: ClassVar[Mapping[str, str]] = {}
    expected: ClassVar[str] = "two labels"
    note: ClassVar[str] = ""
    form: ClassVar[Literal["label", "spans", "text"]] = "label"
    factor: ClassVar[int] = 1
    is_learned: ClassVar[bool] = True
    is_itemised: ClassVar[bool] = True
    is_bilingual: ClassVar[bool] = False
    joined: ClassVar[str] = " | "
    has_labels: ClassVar[bool] = False

    def from_json(self, row: Mapping[str, Json]) -> Prediction:
        """One line of a file of predictions.

        Raises:
            KeyError: a key is missing.
            ValueError: gold and predicted are not what they are in this type of task.
        """
        more = {key: value for key, value in row.items() if key not in ("id", "gold", "predicted")}
        found = Prediction(str(row["id"]), row["gold"], row["predicted"], more)
        if not self._fits(found.gold, found.predicted):
            raise ValueError(f"expected gold and predicted to be {self.expected}")
        return found

    def _fits(self, gold: object, predicted: object) -> bool:
        return isinstance(gold, str) and isinstance(predicted, str)

    def is_right(self, one: Prediction) -> bool:
        """Whether the prediction counts as right."""
        return one.gold == one.predicted

    def counts(self, one: Prediction) -> tuple[float, float]:
        """What the example adds to the two sums of the score."""
        return float(self.is_right(one)), 1.0

    def ratio(self, sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The score, in per cent, of sums ``[..., 2]``; 0 where there is nothing to count."""
        return 100 * self.factor * sums[..., 0] / np.maximum(sums[..., 1], 1)

    def score(self, predictions: Sequence[Prediction]) -> float:
        """The score of a test part, in per cent."""
        return float(self.ratio(np.sum([self.counts(one) for one in predictions] or [(0.0, 0.0)], axis=0)))

    def scores_beside(self, predictions: Sequence[Prediction]) -> dict[str, float]:
        """The scores of ``beside`` in per cent, as far as predictions tell them."""
        return {}

    def labels(self, answer: Answer) -> list[str]:
        """The labels in an answer, one for each unit that has one; none where answers are no labels."""
        return []

    def text(self, answer: Answer) -> str:
        """An answer in one line."""
        return answer if isinstance(answer, str) else " ".join(answer)

    def outcomes(self, one: Prediction) -> tuple[Outcome, Outcome]:
        """What of the gold and of the predicted answer counts; equal where the prediction is right."""
        return self.text(one.gold), self.text(one.predicted)

    def label_faults(self, labels: Sequence[str], task: str) -> Iterator[str]:
        """What is wrong with a task's labels, in sentences; by default there are to be none."""
        if labels:
            yield f"task.labels={list(labels)}: nothing is labelled in task={task}; set []"


def too_few(labels: Sequence[str]) -> Iterator[str]:
    """The fault of labels that tell nothing apart."""
    if len(set(labels)) < len(labels) or len(labels) < 2:
        yield f"task.labels={list(labels)}: expected at least two different labels"
