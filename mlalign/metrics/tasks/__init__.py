"""What a type of task is scored by: plain Python, for configurations and reports to read without torch."""

from mlalign.metrics.tasks.base import Prediction, TaskMetric
from mlalign.metrics.tasks.classification import Accuracy
from mlalign.metrics.tasks.question_answering import AnswerF1
from mlalign.metrics.tasks.retrieval import RetrievalAccuracy
from mlalign.metrics.tasks.tagging import EntityF1

METRICS: dict[str, TaskMetric] = {one.name: one for one in (Accuracy(), EntityF1(), RetrievalAccuracy(), AnswerF1())}

__all__ = ["METRICS", "Prediction", "TaskMetric"]
