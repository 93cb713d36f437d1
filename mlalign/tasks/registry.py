"""The types of tasks that are learned: one file each, found by its metric."""

from collections.abc import Callable, Sequence
from typing import Any

from mlalign import tasks
from mlalign.discovery import types_in
from mlalign.tasks.base import AnyTask, LearnedTask


def learned_tasks() -> dict[str, type[LearnedTask[Any, Any]]]:
    """Name of its metric -> the type, of every file of ``mlalign.tasks`` that defines one."""
    types = types_in(tasks.__path__, tasks.__name__, LearnedTask)  # type: ignore[type-abstract]
    return {one.metric.name: one for one in types.values()}


def learned_task(metric: str, labels: Sequence[str], *, windows: bool = False) -> AnyTask:
    """The type of task that a metric, ``task.metric``, scores.

    Args:
        metric: of a type that is learned.
        labels: of the task.
        windows: whether a long text is read in windows; of texts with a label alone.
    """
    kind: Callable[..., AnyTask] = learned_tasks()[metric]
    return kind(labels, windows=True) if windows else kind(labels)
