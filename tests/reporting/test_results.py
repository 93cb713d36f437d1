"""Averages by hand; results read as they were written."""

import json
from dataclasses import replace

import pytest
from reporting.made import results

from mlalign.errors import DataError, TrainingError
from mlalign.metrics.tasks import task_metrics
from mlalign.reporting.predictions import read_predictions
from mlalign.reporting.results import Budget, read_results, summary, write_results
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
    assert read_results(tmp_path) == results()
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


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"method": None}, "method is null, expected a string"),
        ({"seed": "one"}, 'seed is "one", expected a whole number'),
        ({"scores": [1.0]}, "expected an object"),
        ({"scores": {"de": "high"}}, "the score in de is 'high'"),
        ({"metric": "bleu"}, "metric is bleu, expected one of accuracy"),
        ({"split": "all"}, "expected one of train, dev, test"),
        ({"budget": {"unit": "steps"}}, "budget has no unit or no amount"),
    ],
)
def test_a_value_that_is_not_what_it_should_be_is_named(tmp_path, changes, words):
    (tmp_path / "results.json").write_text(json.dumps(results().to_json() | changes))
    with pytest.raises(DataError, match=rf"results\.json: .*{words}.*resume=false"):
        read_results(tmp_path)


def test_a_missing_value_is_named_and_later_ones_have_their_defaults(tmp_path):
    content = results().to_json()
    needed = {"schema", "task", "metric", "method", "ablation", "backbone", "seed", "selection", "scores", "config"}
    bare = {key: value for key, value in content.items() if key in needed}
    (tmp_path / "results.json").write_text(json.dumps(bare))
    assert read_results(tmp_path) == results()
    del bare["seed"]
    (tmp_path / "results.json").write_text(json.dumps(bare))
    with pytest.raises(DataError, match="seed is missing"):
        read_results(tmp_path)


def test_every_value_is_read_as_it_was_written(tmp_path):
    code = {"mlalign": "a", "conf": "b", "constraints": None}
    whole = replace(
        results(),
        metric="answer_f1",
        beside={"exact_match": {"en": 1.0}},
        budget=Budget("tokens", 1e9, steps=4),
        reads=["English labels"],
        notes=["smaller"],
        evaluation_of="outputs/run",
        steps={"en": 4},
        code=code,
        evaluation_code=code,
        data={"de.test": {"rows": 3, "sha256": "c"}},
    )
    write_results(tmp_path, whole)
    assert read_results(tmp_path) == whole
    content = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert content["exact_match"] == {"en": 1.0}
    assert content["transfer_average"] == summary(whole.scores)["transfer_average"]


def test_old_names_of_keys_are_read_as_todays(tmp_path):
    write_results(tmp_path, results(align={"pairs": 4}))
    assert read_results(tmp_path).setting("align") == {"batch_size": 4}


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_results_with_a_number_that_is_not_finite_are_not_written(tmp_path, number):
    sick = results(de=number)
    with pytest.raises(TrainingError, match=r"scores\.de"):
        write_results(tmp_path, sick)
    assert not list(tmp_path.iterdir())
    (tmp_path / "results.json").write_text(json.dumps(sick.to_json()))
    with pytest.raises(DataError, match=r"results\.json: no JSON"):
        read_results(tmp_path)


def test_predictions_with_a_number_that_is_not_finite_are_refused_by_name(tmp_path):
    path = tmp_path / "de.jsonl"
    path.write_text('{"id": "1", "gold": "A", "predicted": "A", "probabilities": {"A": NaN}}\n')
    with pytest.raises(DataError, match=r"de\.jsonl, line 1"):
        list(read_predictions(path, task_metrics()["accuracy"]))
