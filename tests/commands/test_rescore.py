"""A finished run scored again: the same to the last bit, or on what was asked for, or refused."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from training.toy import CONF, TOPICS, cipher, configured, sentences, write_toy
from typed import call

from mlalign.commands.rescore import rescore
from mlalign.commands.verify import verify
from mlalign.config.commands import Rescore
from mlalign.config.hydra import given
from mlalign.errors import ConfigError, DataError
from mlalign.pipeline import run as train
from mlalign.reporting.runs import find_runs

LONG = (
    "finetune.epochs=2",
    "finetune.batch_size=8",
    "finetune.learning_rate=1e-3",
    "finetune.evaluations=3",
)
NAMES = {"en": "english", "de": "german", "fr": "french"}


def documents(path: Path, language: str, seed: int, size: int = 24) -> None:
    rows = [f"{TOPICS[number % 4]}\t{cipher(one, language)}\n" for number, one in enumerate(sentences(size, seed=seed))]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(rows), encoding="utf-8")


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    """The toy world with dev parts in every language."""
    root = write_toy(tmp_path_factory.mktemp("world"))
    for seed, (language, name) in enumerate(NAMES.items()):
        documents(root / "tasks" / "mldoc" / f"{name}.dev", language, seed=60 + seed)
    return root


@pytest.fixture(scope="module")
def finished(world) -> Path:
    return train(configured(world, f"output={world / 'outputs'}", *LONG, "keep_checkpoints=all"))


def again(folder: Path, *typed: str) -> Path:
    """As ``evaluate.py`` does it."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        found = given(compose("rescore", [f"run={folder}", *typed]), Rescore)
    changes = {group: found[group] for group in ("data", "task", "trainer")}
    return rescore(Path(found["run"]), changes, split=found["split"], selection=found["selection"])


def results_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "results.json").read_text(encoding="utf-8"))


def predictions_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "predictions").iterdir()}


def test_the_same_test_gives_the_same_predictions_to_the_last_bit(finished):
    first = again(finished)
    assert first.parent == finished / "evaluations"
    assert predictions_of(first) == predictions_of(finished)
    before, after = results_of(finished), results_of(first)
    for key in ("schema", "task", "metric", "method", "seed", "selection", "scores", "average",
                "transfer_average", "transfer_gap", "aligned"):  # fmt: skip
        assert after[key] == before[key], key
    assert after["evaluation_of"] == str(finished)
    assert set(after["data"]) == {name for name in before["data"] if name.endswith(".test")}
    assert again(finished) == first
    assert predictions_of(first) == predictions_of(finished)


def test_some_languages_or_another_part_can_be_scored(finished):
    one = results_of(again(finished, "task.languages=[fr]"))
    assert list(one["scores"]) == ["fr"]
    assert one["scores"]["fr"] == results_of(finished)["scores"]["fr"]
    assert (one["average"], one["transfer_gap"]) == (one["scores"]["fr"], None)
    folder = again(finished, "split=dev", "task.languages=available")
    dev = results_of(folder)
    assert (dev["split"], list(dev["scores"])) == ("dev", ["en", "de", "fr"])
    assert {name.rsplit(".", 1)[1] for name in dev["data"]} == {"dev"}
    for name, score in dev["scores"].items():
        rows = (folder / "predictions" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        right = [json.loads(row)["gold"] == json.loads(row)["predicted"] for row in rows]
        assert len(right) == 24
        assert score == pytest.approx(100 * sum(right) / 24, abs=1e-3)


def test_a_limit_is_noted_where_the_scores_have_it_and_nowhere_else(finished, tmp_path):
    before = results_of(finished)
    limited = results_of(again(finished, "task.max_test=7", "task.languages=[de]"))
    (note,) = set(limited["notes"]) - set(before["notes"])
    assert "task.max_test" in note
    shutil.copytree(finished, tmp_path / "run")
    before["config"]["task"]["max_test"], before["notes"] = 7, limited["notes"]
    (tmp_path / "run" / "results.json").write_text(json.dumps(before), encoding="utf-8")
    assert note not in results_of(again(tmp_path / "run", "split=dev", "task.languages=[de]"))["notes"]
    assert note in results_of(again(tmp_path / "run", "task.languages=[de]"))["notes"]


def test_a_test_part_elsewhere_is_enough(finished, tmp_path, capsys):
    documents(tmp_path / "tasks" / "news" / "german.test", "de", seed=90)
    folder = again(finished, f"data.root={tmp_path}", "task.folder=news", "task.languages=[de]")
    found = results_of(folder)
    assert list(found["data"]) == [str(tmp_path / "tasks" / "news" / "german.test")]
    assert found["config"]["data"]["root"] == str(tmp_path)
    shown = capsys.readouterr().out
    assert str(folder / "results.json") in shown
    assert "zero-shot" in shown


def test_a_task_whose_labels_stand_in_another_order_is_scored_by_name(finished, world):
    order = "task.labels=[MCAT,GCAT,ECAT,CCAT]"
    assert results_of(again(finished, order))["scores"] == results_of(finished)["scores"]


def test_the_last_step_and_the_tested_one_are_their_own(finished):
    weights = results_of(finished)["weights"]
    for selection in ("english_dev", "last"):
        found = results_of(again(finished, f"selection={selection}"))
        assert found["selection"] == selection
        assert set(found["steps"].values()) == {weights[selection]}
        assert not found["is_upper_bound"]


def test_the_oracle_is_the_best_step_on_each_languages_own_dev_part(finished, world, capsys):
    found = results_of(again(finished, "selection=oracle"))
    assert "upper bound" in capsys.readouterr().out
    assert (found["selection"], found["is_upper_bound"]) == ("oracle", True)
    assert found["config"]["finetune"]["selection"] == "oracle"
    dev, test = {}, {}
    for step in results_of(finished)["weights"]["kept"]:
        copy = world / f"step{step}"
        shutil.copytree(finished, copy)
        results = results_of(copy)
        results["weights"] |= {"last": step}
        (copy / "results.json").write_text(json.dumps(results), encoding="utf-8")
        dev[step] = results_of(again(copy, "selection=last", "split=dev"))["scores"]
        test[step] = results_of(again(copy, "selection=last"))["scores"]
    for language in ("en", "de", "fr"):
        best = max(dev, key=lambda step: (dev[step][language], -step))  # the first of equals
        assert found["steps"][language] == best
        assert found["scores"][language] == test[best][language]
    assert len({tuple(scores.values()) for scores in dev.values()}) > 1


def test_runs_scored_again_are_not_mixed_with_runs(finished, world):
    again(finished)
    found = find_runs(str(world / "outputs"))
    assert [one.results.evaluation_of for one in found] == [None]
    named = find_runs(str(finished / "evaluations"))
    assert {one.results.evaluation_of for one in named} == {str(finished)}


def test_a_run_that_is_made_anew_forgets_what_was_found_with_its_old_weights(world):
    settings = (f"output={world / 'anew'}", "finetune.epochs=1", "method=none")
    folder = train(configured(world, *settings))
    assert again(folder).is_dir()
    train(configured(world, *settings, "resume=false"))
    assert not (folder / "evaluations").exists()
    assert {path.name for path in (folder / "curves").iterdir()} == {"finetune", "finetune.csv"}


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (["task=panx"], ["B-PER", "CCAT", "same labels"]),
        (["task.metric=entity_f1"], ["task.metric=entity_f1", "accuracy"]),
        (["selection=oracle", "split=dev"], ["leave split=test"]),
        (["trainer=gpu"], ["trainer=cpu"]),
        (["+bogus=1"], ["bogus", "no such key"]),
    ],
)
def test_what_does_not_fit_the_run_is_refused(typed, words, finished):
    before = sorted(finished.rglob("*"))
    with pytest.raises(ConfigError) as caught:
        again(finished, *typed)
    for word in words:
        assert word in str(caught.value)
    assert sorted(finished.rglob("*")) == before


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (["task.languages=[pl]"], ["no test part for pl", "de, en, fr"]),
        (["split=dev", "task.languages=[es]"], ["no dev part for es"]),
        (["data.root=no/where"], ["no/where/tasks/mldoc", "data.root"]),
    ],
)
def test_a_missing_file_is_named(typed, words, finished):
    with pytest.raises(DataError) as caught:
        again(finished, *typed)
    for word in words:
        assert word in str(caught.value)


def test_a_run_that_is_none_or_is_not_finished_or_kept_nothing_is_refused(finished, world):
    with pytest.raises(DataError, match="no such folder"):
        again(world / "outputs" / "nothing")
    copy = world / "unfinished"
    copy.mkdir()
    shutil.copy(finished / "config.yaml", copy)
    with pytest.raises(DataError, match="not finished"):
        again(copy)
    bare = train(configured(world, f"output={world / 'bare'}", "finetune.epochs=1", "keep_checkpoints=tested"))
    with pytest.raises(ConfigError, match=r"every evaluation.*keep_checkpoints=all"):
        again(bare, "selection=oracle")


def test_the_command_works_as_typed(world, tmp_path):
    run = train(configured(world, f"output={world / 'tags'}", "finetune.epochs=1", "task=panx"))
    source = world / "tasks" / "panx" / "de" / "test"
    target = tmp_path / "elsewhere" / "tasks" / "panx" / "zh" / "test"
    target.parent.mkdir(parents=True)
    target.write_text(source.read_text(encoding="utf-8").replace("de:", "zh:"), encoding="utf-8")
    typed = [f"run={run}", "data.root=elsewhere", "task=panx", "task.languages=[zh]"]
    ended = call("evaluate.py", typed, tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert "zh" in ended.stdout
    (folder,) = (run / "evaluations").iterdir()
    assert list(results_of(folder)["scores"]) == ["zh"]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("splt=dev", ["splt", "Did you mean split"]),
        ("selection=orakle", ["selection", "oracle"]),
        ("task=panx finetune.epochs=3", ["finetune.epochs=3", "learns nothing"]),
    ],
)
def test_a_mistake_ends_in_one_message_and_status_two(typed, words, finished, tmp_path):
    ended = call("evaluate.py", [f"run={finished}", *typed.split()], tmp_path)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    for word in words:
        assert word in ended.stderr


def test_a_language_that_was_never_aligned_is_marked(world, finished, tmp_path, capsys):
    root = tmp_path / "tasks" / "mldoc"
    root.mkdir(parents=True)
    for name in ("german", "italian"):
        shutil.copy(world / "tasks" / "mldoc" / "german.test", root / f"{name}.test")
    place = again(finished, f"data.root={tmp_path}", "task.languages=[de,it]")
    results = json.loads((place / "results.json").read_text(encoding="utf-8"))
    assert results["never_aligned"] == ["it"]
    assert set(results["code"]) == set(results["evaluation_code"])
    assert "it §" in capsys.readouterr().out


def test_a_run_is_verified_by_its_files(finished, tmp_path, capsys):
    folder = shutil.copytree(finished, tmp_path / "run")
    verify(folder, {})
    assert "3 languages and 30 predictions are the same" in capsys.readouterr().out
    assert {one.name for one in folder.iterdir()} == {one.name for one in finished.iterdir()}
    path = folder / "predictions" / "de.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join([*lines[:3], lines[3].replace('"gold"', '"gilt"'), *lines[4:]]), encoding="utf-8")
    results = results_of(folder)
    results["scores"]["fr"] += 1
    (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")
    with pytest.raises(SystemExit, match="1"):
        verify(folder, {})
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 2
    assert re.fullmatch(r"scores in fr: .* is written, .* was found", said[0])
    assert said[1].endswith("1 of 10 predictions are others, the first in line 4")


def test_verifying_ends_with_a_status(finished, tmp_path):
    assert call("evaluate.py", [f"verify={finished}"], tmp_path).returncode == 0
    missing = call("evaluate.py", [f"verify={tmp_path}"], tmp_path)
    assert missing.returncode == 2
    assert "Traceback" not in missing.stderr
