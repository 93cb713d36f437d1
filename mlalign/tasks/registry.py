"""The type of a task, as its configuration says."""

from collections.abc import Sequence
from typing import Any

from mlalign.tasks.base import AnyTask, LearnedTask
from mlalign.tasks.classification import Classification
from mlalign.tasks.question_answering import QuestionAnswering
from mlalign.tasks.tagging import Tagging

LEARNED: dict[str, type[LearnedTask[Any, Any]]] = {
    one.metric.name: one for one in (Classification, QuestionAnswering, Tagging)
}


def learned_task(metric: str, labels: Sequence[str]) -> AnyTask:
    """The type of task that a metric, ``task.metric``, scores.

    Args:
        metric: of a type that is learned.
        labels: of the task.
    """
    return LEARNED[metric](labels)
