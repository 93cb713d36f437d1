"""Averages by hand; results read as they were written."""

import json

import pytest
from reporting.made import results

from mlalign.errors import DataError, TrainingError
from mlalign.metrics.tasks import METRICS
from mlalign.reporting.predictions import read_predictions
from mlalign.reporting.results import read_results, summary, write_results
from mlalign.reporting.tables import score_table


def test_averages_over_all_and_over_all_but_english():
    assert summary({"en": 90.0, "de": 60.0, "ru": 30.0}) == {
        "average": 60.0,
        "transfer_average": 45.0,
        "transfer_gap": 45.0,
    }


def test_what_cannot_be_averaged_is_null():
    assert summary({"en": 90.0})["transfer_average"] is None
    without_english = summary({"de": 60.0, "ru": 30.0})
    assert without_english["transfer_average"] == 45.0
    assert without_english["transfer_gap"] is None


def test_a_missing_score_is_not_averaged_away():
    assert set(summary({"en": 90.0, "de": 60.0, "ru": None}).values()) == {None}
    without_english = summary({"en": None, "de": 60.0, "ru": 30.0})
    assert without_english == {"average": None, "transfer_average": 45.0, "transfer_gap": None}


def test_a_run_is_shown_language_by_language():
    lines = score_table(results(de=51.26)).splitlines()
    rows = {line.split("  ")[0]: line for line in lines}
    assert rows["de"].split()[-1] == "51.3"
    assert rows["transfer average"].split()[-1] == "45.6"


def test_results_are_read_as_they_were_written(tmp_path):
    write_results(tmp_path, results())
    assert read_results(tmp_path) == {"schema": 1, **results()}
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


def test_what_is_no_result_is_named(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_results(tmp_path)
    (tmp_path / "results.json").write_text('{"schema": 1, "task"')
    with pytest.raises(DataError, match="no JSON"):
        read_results(tmp_path)
    (tmp_path / "results.json").write_text(json.dumps({"schema": 99, "config": {}}))
    with pytest.raises(DataError, match="schema 99"):
        read_results(tmp_path)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_results_with_a_number_that_is_not_finite_are_not_written(tmp_path, number):
    sick = results() | {"scores": {"en": 90.0, "de": number}}
    with pytest.raises(TrainingError, match=r"scores\.de"):
        write_results(tmp_path, sick)
    assert not list(tmp_path.iterdir())
    (tmp_path / "results.json").write_text(json.dumps({"schema": 1, **sick}))
    with pytest.raises(DataError, match=r"results\.json: no JSON"):
        read_results(tmp_path)


def test_predictions_with_a_number_that_is_not_finite_are_refused_by_name(tmp_path):
    path = tmp_path / "de.jsonl"
    path.write_text('{"id": "1", "gold": "A", "predicted": "A", "probabilities": {"A": NaN}}\n')
    with pytest.raises(DataError, match=r"de\.jsonl, line 1"):
        list(read_predictions(path, METRICS["accuracy"]))
