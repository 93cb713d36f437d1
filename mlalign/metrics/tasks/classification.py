"""One of a few labels for a text, or for a pair of texts."""

from collections.abc import Iterator, Sequence

from mlalign.metrics.tasks.base import Answer, TaskMetric, too_few


class Accuracy(TaskMetric):
    """Share of texts with the right label."""

    name = "accuracy"
    title = "accuracy"
    formats = ("mldoc", "pawsx", "table")
    has_labels = True

    def labels(self, answer: Answer) -> list[str]:
        """The one label."""
        return [self.text(answer)]

    def label_faults(self, labels: Sequence[str], task: str) -> Iterator[str]:
        """Two different ones are needed."""
        yield from too_few(labels)
