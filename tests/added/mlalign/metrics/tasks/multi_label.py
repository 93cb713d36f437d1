"""Any number of labels for a text."""

from collections.abc import Iterator, Sequence

from mlalign.metrics.tasks.base import Prediction, TaskMetric, too_few


class LabelF1(TaskMetric):
    """F1 of the labels of all texts together, micro-averaged."""

    name = "label_f1"
    title = "label F1"
    formats = ("emotions",)
    expected = "two lists of labels"
    note = "An answer is right where it has all labels and no other."
    form = "text"
    factor = 2

    def _fits(self, gold: object, predicted: object) -> bool:
        return isinstance(gold, list) and isinstance(predicted, list)

    def counts(self, one: Prediction) -> tuple[float, float]:
        """Labels found, and those predicted plus those in the gold."""
        found, true = set(one.predicted), set(one.gold)
        return len(found & true), len(found) + len(true)

    def label_faults(self, labels: Sequence[str], task: str) -> Iterator[str]:
        """Two different ones are needed."""
        yield from too_few(labels)
