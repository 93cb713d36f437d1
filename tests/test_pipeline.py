"""Predictions on disk."""

import json

import pytest

from mlalign.data.readers import LabelledText, Part, TaggedSentence
from mlalign.finetuning.module import Predicted
from mlalign.pipeline import gold_of, write_predictions


def test_predictions_stand_beside_the_gold_labels(tmp_path):
    examples = [LabelledText("7", ("eins",), 1), LabelledText("9", ("zwei",), 0)]
    part = Part(tmp_path / "test", examples, {})
    predicted = [Predicted(0, [0.7, 0.3]), Predicted(0, [0.9999999, 0.0000001])]
    path = tmp_path / "predictions" / "de.jsonl"
    write_predictions(path, part, predicted, ["no", "yes"])
    first, second = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    assert first == {
        "id": "7", "gold": "yes", "predicted": "no", "probabilities": {"no": 0.7, "yes": 0.3},
    }  # fmt: skip
    assert (second["id"], second["gold"], second["predicted"]) == ("9", "no", "no")
    assert gold_of(part) == [1, 0]


def test_predicted_tags_stand_beside_the_gold_tags(tmp_path):
    part = Part(tmp_path / "test", [TaggedSentence("1", ("Ada", "ging"), (1, 0))], {})
    path = tmp_path / "de.jsonl"
    write_predictions(path, part, [Predicted([1, 1], None)], ["O", "B-PER"])
    (row,) = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    assert row == {"id": "1", "gold": ["B-PER", "O"], "predicted": ["B-PER", "B-PER"]}
    assert gold_of(part) == [[1, 0]]


def test_a_prediction_too_many_or_too_few_is_an_error(tmp_path):
    part = Part(tmp_path / "test", [LabelledText("1", ("eins",), 1)], {})
    for predicted in ([], [Predicted(0, [1.0])] * 2):
        with pytest.raises(ValueError, match="zip"):
            write_predictions(tmp_path / "de.jsonl", part, predicted, ["no", "yes"])
    assert not (tmp_path / "de.jsonl").exists()
