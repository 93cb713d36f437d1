"""The bootstrap over test items, against scipy's and against loops."""

import json
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from seqeval.metrics import f1_score

from mlalign.errors import DataError
from mlalign.metrics.tasks import task_metrics
from mlalign.reporting.bootstrap import (
    Items,
    read_items,
    resampled_scores,
    resampled_test,
)

TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]


def accuracy(right) -> Items:
    counts = np.column_stack([np.asarray(right, dtype=float), np.ones(len(right))])
    return Items(tuple(map(str, range(len(right)))), counts, task_metrics()["accuracy"])


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def right():
    generator = np.random.default_rng(3)
    return generator.random(150) < 0.8, generator.random(150) < 0.7


def test_the_interval_is_scipys(right):
    """Both draw 10,000 test sets, but not the same ones."""
    ours, theirs = resampled_scores([accuracy(one) for one in right], 10_000)
    found = resampled_test(ours - theirs)
    expected = stats.bootstrap(
        tuple(one.astype(float) for one in right),
        lambda one, two, axis=-1: 100 * (one.mean(axis) - two.mean(axis)),
        paired=True,
        method="percentile",
        n_resamples=10_000,
        rng=np.random.default_rng(9),
    ).confidence_interval
    assert found.interval == pytest.approx((expected.low, expected.high), abs=0.7)
    ends = np.abs(np.percentile(ours - theirs, [5, 95]))
    assert found.equal_within == ends.max()  # of the 90 % interval: two one-sided tests


def test_p_is_near_that_of_the_normal_distribution(right):
    """The difference of many items is nearly normal: mean and standard error by their formulas."""
    ours, theirs = resampled_scores([accuracy(one) for one in right], 10_000)
    differences = right[0].astype(float) - right[1]
    z = differences.mean() / (differences.std() / np.sqrt(len(differences)))
    assert 0.001 < 2 * stats.norm.sf(abs(z)) < 0.2
    assert resampled_test(ours - theirs).p == pytest.approx(2 * stats.norm.sf(abs(z)), rel=0.25)


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=40))
def test_p_by_counting(values):
    below = 1 + sum(value <= 0 for value in values)
    above = 1 + sum(value >= 0 for value in values)
    expected = min(1.0, 2 * min(below, above) / (len(values) + 1))
    found = resampled_test(np.array(values, dtype=float))
    assert found.p == pytest.approx(expected)
    assert resampled_test(-np.array(values, dtype=float)).p == found.p


def test_the_same_predictions_do_not_differ(right):
    ours, theirs = resampled_scores([accuracy(right[0])] * 2, 500)
    found = resampled_test(ours - theirs)
    assert (found.p, found.interval) == (1.0, (0.0, 0.0))


def test_the_draws_are_the_same_every_time_and_the_same_for_all_runs(right):
    one, two = (accuracy(each) for each in right)
    first = resampled_scores([one, two], 300)
    np.testing.assert_array_equal(first, resampled_scores([one, two], 300))
    np.testing.assert_array_equal(first[1], resampled_scores([two], 300)[0])


def test_many_items_are_drawn_in_pieces(right, monkeypatch):
    whole = resampled_scores([accuracy(right[0])], 2000)
    monkeypatch.setattr("mlalign.reporting.bootstrap.CHUNK", 1000)
    pieces = resampled_scores([accuracy(right[0])], 2000)
    assert pieces.shape == whole.shape
    assert pieces.mean() == pytest.approx(100 * right[0].mean(), abs=0.3)
    assert pieces.std() == pytest.approx(whole.std(), rel=0.1)


def test_entities_are_resampled_by_sentence(tmp_path):
    """Every resampled F1 is seqeval's of some sentences drawn with replacement."""
    chance = random.Random(1)
    rows = [
        {
            "id": str(number),
            "gold": [chance.choice(TAGS) for _ in range(4)],
            "predicted": [chance.choice(TAGS) for _ in range(4)],
        }
        for number in range(3)
    ]
    gold, predicted = ([row[side] for row in rows] for side in ("gold", "predicted"))
    items = read_items(write(tmp_path / "de.jsonl", rows), task_metrics()["entity_f1"], 100 * f1_score(gold, predicted))
    possible = {
        round(100 * f1_score([gold[i] for i in drawn], [predicted[i] for i in drawn]), 6)
        for drawn in np.ndindex(3, 3, 3)
    }
    found = {round(float(one), 6) for one in resampled_scores([items], 400)[0]}
    assert found == possible


def test_no_entity_anywhere_scores_nought(tmp_path):
    rows = [{"id": "1", "gold": ["O"], "predicted": ["O"]}]
    items = read_items(write(tmp_path / "de.jsonl", rows), task_metrics()["entity_f1"], 0.0)
    assert resampled_scores([items], 5).tolist() == [[0.0] * 5]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"id": "1", "gold": "A"}\n', "line 1.*predicted"),
        ("{\n", "line 1"),
        ("", "empty file"),
        ('{"id": "1", "gold": "A", "predicted": "B"}\n', r"score 0.000.*100.000"),
    ],
)
def test_predictions_that_are_none_are_named(text, words, tmp_path):
    path = tmp_path / "de.jsonl"
    path.write_text(text)
    with pytest.raises(DataError, match=rf"de\.jsonl.*{words}"):
        read_items(path, task_metrics()["accuracy"], 100.0)
