"""What is written of a scored part."""

import json

import pytest

from mlalign.data.readers import LabelledText, Part, SentencePair, TaggedSentence
from mlalign.tasks.classification import Classification, Classified
from mlalign.tasks.scoring import add_records, write_predictions
from mlalign.tasks.tagging import Tagged, Tagging

TEXTS = [LabelledText("7", ("eins",), 1), LabelledText("9", ("zwei",), 0)]


def written(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_predicted_labels_are_written_with_the_gold_labels_and_probabilities(tmp_path):
    decoded = [Classified(0, [0.7, 0.3]), Classified(0, [0.9999999, 0.0000001])]
    path = tmp_path / "predictions" / "de.jsonl"
    write_predictions(path, Classification(["no", "yes"]).predictions(TEXTS, decoded))
    assert written(path) == [
        {"id": "7", "gold": "yes", "predicted": "no", "probabilities": {"no": 0.7, "yes": 0.3}},
        {"id": "9", "gold": "no", "predicted": "no", "probabilities": {"no": 1.0, "yes": 0.0}},
    ]


def test_predicted_tags_are_written_with_the_gold_tags(tmp_path):
    sentences = [TaggedSentence("1", ("Ada", "ging"), (1, 0))]
    path = tmp_path / "de.jsonl"
    write_predictions(path, Tagging(["O", "B-PER"]).predictions(sentences, [[Tagged(1, 0.9), Tagged(1, 0.6)]]))
    assert written(path) == [{"id": "1", "gold": ["B-PER", "O"], "predicted": ["B-PER", "B-PER"]}]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_prediction_too_many_or_too_few_is_an_error(count):
    with pytest.raises(ValueError, match="zip"):
        Classification(["no", "yes"]).predictions(TEXTS, [Classified(0, [1.0, 0.0])] * count)


def test_rows_of_a_file_are_summed_over_its_parts(tmp_path):
    one, other = tmp_path / "a.deu", tmp_path / "a.eng"
    one.write_text("Eins.\n")
    other.write_text("One.\n")
    data = {}
    for dropped in ({}, {"empty side": 2}):
        add_records(data, Part(one, [SentencePair("1", "One.", "Eins.")], dropped, other))
    assert {name: record["rows"] for name, record in data.items()} == {str(one): 4, str(other): 4}
    assert all(record["left_out"] == {"empty side": 2} for record in data.values())
    assert all(len(record["sha256"]) == 64 for record in data.values())
