"""Each sentence's translation is to be found among all others; answers are ids of sentences."""

from collections.abc import Mapping
from typing import ClassVar

from mlalign.metrics.tasks.base import TaskMetric


class RetrievalAccuracy(TaskMetric):
    """Share of sentences whose nearest English sentence is the translation, see ``metrics.retrieval``.

    Several that are equally near share the score, which predictions do not tell. Beside it stand the
    same from English, and the share that the margin over neighbours finds: 100 minus it is the xsim error.
    """

    name = "retrieval_accuracy"
    title = "accuracy of finding the English translation"
    hub_task = "sentence-similarity"
    formats = ("bitext",)
    beside: ClassVar[Mapping[str, str]] = {"from_english": "from English", "margin": "by margin"}
    expected = "the ids of two sentences"
    is_learned = False
    is_itemised = False
    is_bilingual = True
