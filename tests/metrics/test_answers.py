"""Answers are scored as the official script of SQuAD 1.1 scores them, in any script."""

import re
import string
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlalign.metrics.tasks import Prediction, task_metrics
from mlalign.metrics.tasks.question_answering import answer_f1, exact_match, normalised


def official(text: str) -> str:
    """What rajpurkar.github.io/SQuAD-explorer's evaluate-v1.1.py does, step by step."""
    kept = "".join(letter for letter in text.lower() if letter not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", kept).split())


def official_f1(predicted: str, gold: str) -> float:
    one, other = official(predicted).split(), official(gold).split()
    same = sum((Counter(one) & Counter(other)).values())
    if same == 0:
        return 0.0
    precision, recall = same / len(one), same / len(other)
    return 2 * precision * recall / (precision + recall)


WORDS = st.lists(
    st.sampled_from(
        ["a", "The", "an", "than", "a.", "Köln", "KÖLN,", "«Рим»", "北京", "。", "—", "'s", "U.S.", "\u200b", ""]
    ),
    max_size=6,
).map(" ".join)


@given(WORDS, st.lists(WORDS, min_size=1, max_size=3))
def test_is_the_official_script(predicted, gold):
    assert answer_f1(predicted, gold) == pytest.approx(max(official_f1(predicted, one) for one in gold))
    assert exact_match(predicted, gold) == any(official(predicted) == official(one) for one in gold)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The  Apple, an\tOrange", "apple orange"),
        ("theatre anthem a-b", "theatre anthem ab"),  # articles inside words stay
        ("a.m.", "am"),  # punctuation goes first
        ("U.S.A's", "usas"),
        ("«Москва»", "«москва»"),  # only ASCII punctuation goes
        ("北京，上海。", "北京，上海。"),
        ("der die das", "der die das"),  # only English articles go
        ("the", ""),
    ],
)
def test_normalisation_worked_by_hand(text, expected):
    assert normalised(text) == expected


@pytest.mark.parametrize(
    ("predicted", "gold", "match", "f1"),
    [
        ("in 1998", ["1998", "in the year 1998"], False, 4 / 5),  # 2 of 2 and 2 of 3 beat 1 of 2 and 1 of 1
        ("The Rhine", ["the rhine."], True, 1.0),
        ("Rhine Rhine", ["Rhine"], False, 2 / 3),  # a word counts as often as it is in both
        ("", ["Rhine"], False, 0.0),
        ("the", ["a"], True, 0.0),  # both are empty: the same, without a common word
        ("北京市", ["北京"], False, 0.0),  # a word is what stands between spaces
        ("北京", ["上海", "北京"], True, 1.0),
    ],
)
def test_worked_by_hand(predicted, gold, match, f1):
    assert exact_match(predicted, gold) == match
    assert answer_f1(predicted, gold) == pytest.approx(f1)


def test_a_part_is_scored_by_means_over_questions():
    metric = task_metrics()["answer_f1"]
    found = [
        Prediction("1", ["Rhine"], "the Rhine"),
        Prediction("2", ["Rhine"], "Rhine river"),
        Prediction("3", ["x"], ""),
    ]
    assert metric.score(found) == pytest.approx(100 * (1 + 2 / 3) / 3)
    assert metric.scores_beside(found) == {"exact_match": pytest.approx(100 / 3)}
    assert metric.score([]) == 0
