"""Entity F1 is seqeval's default, on sensible and on senseless tags."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import f1_score
from seqeval.metrics.sequence_labeling import get_entities

from mlalign.metrics import spans
from mlalign.metrics.tasks import Prediction, task_metrics

IOB = st.sampled_from(["O", *(f"{prefix}-{kind}" for prefix in "BI" for kind in ("PER", "LOC"))])
ANY = st.builds(
    "".join,
    st.tuples(st.sampled_from("BIESO.XU"), st.sampled_from(["", "-", "-A", "-B", "A", "-A-B", "--"])),
)


@settings(deadline=None)
@given(st.lists(IOB, max_size=12))
def test_spans_are_seqevals(tags):
    assert spans(tags) == set(get_entities(tags))


@pytest.mark.filterwarnings("ignore:.*seems not to be NE tag")
@settings(deadline=None)
@given(st.lists(ANY, max_size=8))
def test_spans_are_seqevals_for_any_scheme(tags):
    assert spans(tags) == set(get_entities(tags))


@pytest.mark.filterwarnings("ignore:.*seems not to be NE tag")
def test_spans_are_seqevals_for_every_three_tags_in_a_row():
    tags = ["O", ".", *(f"{prefix}-{kind}" for prefix in "BIES" for kind in "AB")]
    for row in itertools.product(tags, repeat=3):
        assert spans(row) == set(get_entities(list(row)))


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("", set()),
        ("O O", set()),
        ("B-PER I-PER", {("PER", 0, 1)}),
        ("B-PER B-PER", {("PER", 0, 0), ("PER", 1, 1)}),
        ("I-PER I-PER O I-PER", {("PER", 0, 1), ("PER", 3, 3)}),
        ("B-PER I-LOC", {("PER", 0, 0), ("LOC", 1, 1)}),
        ("I-PER B-PER I-PER", {("PER", 0, 0), ("PER", 1, 2)}),
        ("B-PER-X I-PER-X", {("PER-X", 0, 1)}),
    ],
)
def test_spans_worked_by_hand(tags, expected):
    assert spans(tags.split()) == expected


def score(predicted, gold):
    """In [0, 1], as tables have it in per cent."""
    found = [Prediction("", truth, guess) for guess, truth in zip(predicted, gold, strict=True)]
    return task_metrics()["entity_f1"].score(found) / 100


@settings(deadline=None)
@given(st.lists(st.lists(st.tuples(IOB, IOB), max_size=8), min_size=1, max_size=6))
def test_f1_is_seqevals(sentences):
    predicted = [[guess for guess, _ in sentence] for sentence in sentences]
    gold = [[truth for _, truth in sentence] for sentence in sentences]
    assert score(predicted, gold) == pytest.approx(f1_score(gold, predicted, zero_division=0))


def test_f1_worked_by_hand():
    gold = [["B-PER", "I-PER", "O", "B-LOC"], ["O"]]
    predicted = [["B-PER", "I-PER", "O", "B-ORG"], ["B-LOC"]]
    assert score(predicted, gold) == pytest.approx(2 / 5)  # 1 right of 3 predicted and 2 gold


def test_no_entities_score_nothing():
    assert score([["O", "O"]], [["O", "O"]]) == 0
    assert score([], []) == 0
    assert score([[]], [[]]) == 0


def test_a_span_across_the_end_of_a_sentence_does_not_count_as_one():
    assert score([["B-PER"], ["I-PER"]], [["B-PER"], ["B-PER"]]) == 1
