"""Predictions are read as they were written, packed or not."""

import gzip
import json

import pytest

from mlalign.errors import DataError
from mlalign.metrics.tasks import Prediction, task_metrics
from mlalign.reporting.predictions import (
    predicted_languages,
    predictions_file,
    read_predictions,
)

ROWS = [
    {"id": "1", "gold": "b", "predicted": "a", "probabilities": {"a": 0.6, "b": 0.4}},
    {"id": "2", "gold": "a", "predicted": "a"},
]


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz"])
def test_packed_or_not(tmp_path, ending):
    (tmp_path / "predictions").mkdir()
    text = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
    path = tmp_path / "predictions" / f"de{ending}"
    path.write_bytes(gzip.compress(text) if ending.endswith(".gz") else text)
    assert predictions_file(tmp_path, "de") == path
    assert predicted_languages(tmp_path) == ["de"]
    assert list(read_predictions(path, task_metrics()["accuracy"])) == [
        Prediction("1", "b", "a", {"probabilities": {"a": 0.6, "b": 0.4}}),
        Prediction("2", "a", "a"),
    ]


def test_what_is_not_there_would_lie_unpacked(tmp_path):
    assert predictions_file(tmp_path, "zh").name == "zh.jsonl"
    assert predicted_languages(tmp_path) == []


@pytest.mark.parametrize(
    "line",
    [
        '{"id": "1", "gold": "a"}',
        "[1, 2]",
        "{",
        '{"id": "1", "gold": "a", "predicted": ["O"]}',
        '{"id": "1", "gold": ["O"], "predicted": ["O"]}',
        '{"id": "1", "gold": 1, "predicted": 1}',
    ],
)
def test_a_broken_line_is_named(tmp_path, line):
    path = tmp_path / "de.jsonl"
    path.write_text(json.dumps(ROWS[0]) + f"\n{line}\n")
    with pytest.raises(DataError, match=r"de\.jsonl, line 2: expected .*gold and predicted"):
        list(read_predictions(path, task_metrics()["accuracy"]))
