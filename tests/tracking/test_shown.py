"""The rows of a table of predictions."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from composing import composed
from reporting.made import results

from mlalign.config.hydra import resolve
from mlalign.data.readers import LabelledText, Part, SentencePair, TaggedSentence
from mlalign.metrics.tasks import task_metrics
from mlalign.tracking.shown import COLUMNS, prediction_rows
from mlalign.tracking.wandb_tracker import WandbTracker

KINDS = {
    "accuracy": (
        LabelledText("7", ("One.", "Two."), 0),
        {"id": "7", "gold": "A", "predicted": "B", "probabilities": {"A": 0.25, "B": 0.75}},
        ["de", "7", "One. | Two.", "A", "B", 0.75, False],
    ),
    "entity_f1": (
        TaggedSentence("8", ("Bonn", "lies"), (1, 0)),
        {"id": "8", "gold": ["B-LOC", "O"], "predicted": ["B-LOC", "O"]},
        ["de", "8", "Bonn lies", "B-LOC O", "B-LOC O", None, True],
    ),
    "retrieval_accuracy": (
        SentencePair("9", "A cat.", "Eine Katze."),
        {"id": "9", "gold": "9", "predicted": "4"},
        ["de", "9", "A cat. | Eine Katze.", "9", "4", None, False],
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("texts", [True, False])
def test_a_row_says_what_an_example_is_and_was_taken_for(kind, texts, tmp_path):
    example, line, expected = KINDS[kind]
    path = tmp_path / "de.jsonl"
    path.write_text(json.dumps(line) + "\n")
    part = Part(path, [example], {})
    (row,) = prediction_rows(path, part, task_metrics()[kind], "de", rows=5, texts=texts)
    assert dict(zip(COLUMNS, row, strict=True)) == dict(zip(COLUMNS, expected, strict=True)) | (
        {} if texts else {"text": None}
    )


def test_rows_are_capped_and_in_file_order(tmp_path):
    path = tmp_path / "de.jsonl"
    lines = [json.dumps({"id": str(n), "gold": "A", "predicted": "A"}) for n in range(10)]
    path.write_text("\n".join(lines) + "\n")
    part = Part(path, [LabelledText(str(n), ("x" * 1000,), 0) for n in range(10)], {})
    with_shares = path.read_text().replace('"A"}', '"A", "probabilities": {"A": 1.0}}')
    path.write_text(with_shares)
    rows = prediction_rows(path, part, task_metrics()["accuracy"], "de", rows=3, texts=True)
    assert [row[1] for row in rows] == ["0", "1", "2"]
    assert {len(row[2]) for row in rows} == {500}


def test_a_run_that_was_finished_before_logs_what_is_reported_beside_the_metric(tmp_path, monkeypatch):
    found = replace(results(scores={"en": 80.0}), metric="answer_f1", beside={"exact_match": {"en": 70.0}})
    tracker = WandbTracker(resolve(composed("logger=wandb", "task=xquad")), tmp_path)
    stage = SimpleNamespace(log=(logged := {}).update, summarise=lambda _: None)
    monkeypatch.setattr(tracker, "_begin", lambda *_: setattr(tracker, "stage", stage))
    tracker.show(found, {})
    assert (logged["test/answer_f1/en"], logged["test/exact_match/en"]) == (80.0, 70.0)
