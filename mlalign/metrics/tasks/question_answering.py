"""The answer to a question is a span of its context, scored as SQuAD 1.1 and XTREME's XQuAD are."""

import re
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import ClassVar

from mlalign.metrics.tasks.base import Answer, Outcome, Prediction, TaskMetric

ARTICLES = re.compile(r"\b(a|an|the)\b")
PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalised(answer: str) -> str:
    """Lower case without ASCII punctuation, English articles and runs of white space.

    As the official ``evaluate-v1.1.py`` of SQuAD has it, whatever the language (Rajpurkar et al.,
    EMNLP 2016): other punctuation stays, and a word is what stands between spaces.
    """
    return " ".join(ARTICLES.sub(" ", answer.lower().translate(PUNCTUATION)).split())


def exact_match(predicted: str, gold: Sequence[str]) -> bool:
    """Whether the answer is one of the right ones, both normalised."""
    return normalised(predicted) in map(normalised, gold)


def answer_f1(predicted: str, gold: Sequence[str]) -> float:
    """F1 of the words shared with the right answer that shares most, in [0, 1]; 0 without a common word."""
    return max(_f1(normalised(predicted).split(), normalised(one).split()) for one in gold)


def _f1(predicted: Sequence[str], gold: Sequence[str]) -> float:
    common = (Counter(predicted) & Counter(gold)).total()
    return 2 * common / (len(predicted) + len(gold)) if common else 0.0


class AnswerF1(TaskMetric):
    """F1 of the words of an answer, a mean over questions; exact match is kept beside it."""

    name = "answer_f1"
    title = "answer F1"
    hub_task = "question-answering"
    formats = ("squad",)
    beside: ClassVar[Mapping[str, str]] = {"exact_match": "exact match"}
    expected = "a list of right answers and one answer"
    note = "An answer to a question is right where it matches a gold answer, as exact match has it."
    form = "text"

    def _fits(self, gold: object, predicted: object) -> bool:
        return isinstance(gold, list) and bool(gold) and isinstance(predicted, str)

    def is_right(self, one: Prediction) -> bool:
        """Exact match."""
        return exact_match(self.text(one.predicted), one.gold)

    def counts(self, one: Prediction) -> tuple[float, float]:
        """F1 of the question, and 1."""
        return answer_f1(self.text(one.predicted), one.gold), 1.0

    def scores_beside(self, predictions: Sequence[Prediction]) -> dict[str, float]:
        """Exact match."""
        return {"exact_match": 100 * sum(map(self.is_right, predictions)) / max(len(predictions), 1)}

    def text(self, answer: Answer) -> str:
        """The first of several right answers."""
        return answer if isinstance(answer, str) else answer[0]

    def outcomes(self, one: Prediction) -> tuple[Outcome, Outcome]:
        """The first right answer; a prediction that matches any of them is the same outcome."""
        gold = self.text(one.gold)
        return gold, gold if self.is_right(one) else self.text(one.predicted)
