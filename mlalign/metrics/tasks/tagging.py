"""A tag for every word, scored by the entities that the tags mark."""

from collections.abc import Iterator, Sequence

from mlalign.metrics.spans import spans
from mlalign.metrics.tasks.base import Answer, Outcome, Prediction, TaskMetric, too_few


class EntityF1(TaskMetric):
    """F1 of whole entities, type and both ends right, over all types together."""

    name = "entity_f1"
    title = "entity F1"
    hub_task = "token-classification"
    formats = ("entities", "slots")
    expected = "two lists of as many tags"
    note = "Of a sentence with entities, an answer is right where all of them are."
    form = "spans"
    joined = " "
    factor = 2

    def _fits(self, gold: object, predicted: object) -> bool:
        return isinstance(gold, list) and isinstance(predicted, list) and len(gold) == len(predicted)

    def is_right(self, one: Prediction) -> bool:
        """Whether the same entities are marked."""
        return spans(one.predicted) == spans(one.gold)

    def counts(self, one: Prediction) -> tuple[float, float]:
        """Entities found, and those predicted plus those in the gold."""
        found, true = spans(one.predicted), spans(one.gold)
        return len(found & true), len(found) + len(true)

    def labels(self, answer: Answer) -> list[str]:
        """The tags of the words."""
        return list(answer)

    def outcomes(self, one: Prediction) -> tuple[Outcome, Outcome]:
        """The entities, in the order of their words."""
        return _sorted(one.gold), _sorted(one.predicted)

    def label_faults(self, labels: Sequence[str], task: str) -> Iterator[str]:
        """``O`` is needed, and ``I-TYPE`` to each ``B-TYPE``."""
        yield from too_few(labels)
        if "O" not in labels:
            yield "task.labels: expected O among them, the tag of words outside any entity"
        for label in labels:
            prefix, dash, kind = label.partition("-")
            other = {"B": "I", "I": "B"}.get(prefix)
            if label == "O":
                continue
            if other is None or not dash or not kind:
                yield f"task.labels: expected O, B-TYPE and I-TYPE, found {label}"
            elif f"{other}-{kind}" not in labels:
                yield f"task.labels: {label} is there without {other}-{kind}; add it"


def _sorted(tags: Sequence[str]) -> Outcome:
    return tuple(sorted(spans(tags), key=lambda span: (span[1], span[2], span[0])))
