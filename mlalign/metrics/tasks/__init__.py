"""What a type of task is scored by: plain Python, for configurations and reports to read without torch."""

from mlalign.discovery import types_in
from mlalign.metrics.tasks.base import Prediction, TaskMetric


def task_metrics() -> dict[str, TaskMetric]:
    """Name -> the metric, of every file of this folder."""
    return {one.name: one() for one in types_in(__path__, __name__, TaskMetric).values()}


__all__ = ["Prediction", "TaskMetric", "task_metrics"]
