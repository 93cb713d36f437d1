"""Trials of two methods through train.py, the choice among them, and the runs that follow it."""

import json
from pathlib import Path

import pytest
import yaml
from reporting.made import results, written
from training.toy import SMALL, write_toy
from typed import call

from mlalign.reporting.results import read_results

OWN = ["data.root=world", "align.steps=3", "finetune.epochs=1", "finetune.evaluations=1", "keep_checkpoints=none"]
SWEEP = ["-m", *SMALL, *OWN, "method=none,inter_sentence", "trial=0,1"]


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two trials of two methods, where no test part can be read."""
    folder = tmp_path_factory.mktemp("trials")
    root = write_toy(folder / "world")
    for path in root.rglob("*.test"):
        path.write_text("no label, no text\n", encoding="utf-8")
    ended = call("train.py", [*SWEEP, "output=trials"], folder)
    assert ended.returncode == 0, ended.stderr
    return folder


def trials(folder: Path) -> dict[tuple[str, int], dict]:
    found = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("trials/*/*/results.json")]
    return {(one["method"], one["config"]["trial"]): one for one in found}


def test_a_trial_looks_at_english_dev_and_varies_what_its_method_tunes(swept):
    found = trials(swept)
    assert set(found) == {(method, trial) for method in ("none", "inter_sentence") for trial in (0, 1)}
    for one in found.values():
        assert (one["split"], list(one["scores"])) == ("dev", ["en"])
        assert not [path for path in one["data"] if path.endswith(".test")]
    rate = {key: one["config"]["finetune"]["learning_rate"] for key, one in found.items()}
    assert rate == {
        ("none", 0): 1e-3, ("none", 1): 5.8e-4, ("inter_sentence", 0): 1e-3, ("inter_sentence", 1): 1e-3,
    }  # fmt: skip
    temperature = [found["inter_sentence", n]["config"]["losses"]["inter_sentence"]["temperature"] for n in (0, 1)]
    assert temperature == [0.1, 0.033]


def test_what_has_not_all_of_its_trials_is_not_chosen(swept):
    ended = call("evaluate.py", ["runs=trials/**", "tuned=chosen"], swept)
    assert ended.returncode == 2
    assert "not chosen  none: trials 2, 3, 4, 5, 6, 7, 8 are not finished" in ended.stdout
    assert "no method has all of its 9 trials" in ended.stderr
    assert not (swept / "chosen").exists()


def test_a_trial_is_not_scored_on_test_parts_afterwards(swept):
    (folder,) = (path.parent for path in swept.glob("trials/*/*none*/results.json") if trial_of(path) == 1)
    ended = call("evaluate.py", [f"run={folder}"], swept)
    assert ended.returncode == 2
    assert "trial 1 of tuning, which must not see a test part" in ended.stderr


def completed(folder: Path, method: str) -> None:
    """The trials that were not made, as made ones that did worse."""
    for trial in range(2, 9):
        one = read_results(next(folder.glob(f"trials/*/*{method}*")))
        config = {**one.config, "trial": trial}
        changed = results(method, de=None, ru=None, scores={"en": 0.0})
        written(
            folder / "trials" / one.task / f"{method}-{trial}",
            type(one)(**{**vars(one), "config": config, "scores": changed.scores}),
        )


@pytest.fixture(scope="module")
def chosen(swept) -> Path:
    completed(swept, "inter_sentence")
    ended = call("evaluate.py", ["runs=trials/**", "tuned=chosen"], swept)
    assert ended.returncode == 0, ended.stderr
    assert "chosen      inter_sentence: trial" in ended.stdout
    return swept


def test_the_best_by_dev_and_held_out_pairs_is_written(chosen):
    held_out = {}
    for trial in (0, 1):
        (path,) = (one for one in chosen.glob("trials/*/*inter*/results.json") if trial_of(one) == trial)
        curves = (path.parent / "curves" / "align.csv").read_text(encoding="utf-8").splitlines()
        column = curves[0].split(",").index("held_out/retrieval/mean")
        measured = [line.split(",")[column] for line in curves[1:] if line.split(",")[column]]
        dev = trials(chosen)["inter_sentence", trial]["scores"]["en"]
        held_out[trial] = (dev + float(measured[-1])) / 2
    best = max(held_out, key=lambda trial: (held_out[trial], -trial))
    content = yaml.safe_load((chosen / "chosen" / "inter_sentence.yaml").read_text(encoding="utf-8"))
    assert content["chosen"]["trial"] == best
    assert (content["trials"], content["backbone"], content["diverged"]) == (9, "tiny", [])
    config = trials(chosen)["inter_sentence", best]["config"]
    assert content["settings"] == {
        "align.learning_rate.backbone": config["align"]["learning_rate"]["backbone"],
        "losses.inter_sentence.temperature": config["losses"]["inter_sentence"]["temperature"],
    }
    assert not (chosen / "chosen" / "none.yaml").exists()


def trial_of(path: Path) -> int:
    return read_results(path.parent).config["trial"]


@pytest.fixture(scope="module")
def compared(chosen) -> Path:
    """The method's own settings and those chosen, on readable test parts."""
    write_toy(chosen / "compared")
    own = [*SMALL, *OWN, "data.root=compared", "method=inter_sentence", "output=runs"]
    path = chosen / "chosen" / "inter_sentence.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    content["settings"] = {"align.learning_rate.backbone": 3e-3, "losses.inter_sentence.temperature": 0.3}
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    for more in ([], ["tuned=chosen", "align.learning_rate.backbone=2e-3"]):
        ended = call("train.py", [*own, *more], chosen)
        assert ended.returncode == 0, ended.stderr
    return chosen


def test_a_tuned_run_has_the_chosen_settings_unless_one_is_typed(compared):
    (path,) = compared.glob("runs/mldoc/tiny-inter_sentence-tuned-seed1-*/results.json")
    config = json.loads(path.read_text(encoding="utf-8"))["config"]
    assert config["losses"]["inter_sentence"]["temperature"] == 0.3
    assert config["align"]["learning_rate"]["backbone"] == 2e-3
    assert config["method"]["trials"] == 9


def test_a_table_has_both_apart_with_the_number_of_trials_and_says_what_is_not_run(compared):
    ended = call("evaluate.py", ["runs=runs/**", "every_system=true", "baseline=inter_sentence"], compared)
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    names = [line.split("  ")[0] for line in lines]
    assert {"inter_sentence", "inter_sentence tuned", "mlm", "mlm tuned", "+xero_align"} <= set(names)
    assert "not run" in lines[names.index("mlm")]
    assert "not run" not in lines[names.index("inter_sentence")]
    told = " ".join(ended.stdout.split())
    assert "inter_sentence tuned: the best of 9" in told
    assert "All other rows are without a trial" in told
    assert {tuple(line.split()[:-8]) for line in lines if line.endswith("parallel text")} == {
        ("inter_sentence", "own"),
        ("inter_sentence", "tuned", "tuned"),
    }
    assert "cells are missing" not in told


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["trial=9"], "expected 0 to 8"),
        (["trial=1", "tuned=chosen"], "leave one out"),
        (["tuned=elsewhere"], "method=multilevel has no tuned settings"),
        (["method.trials=3"], "set tuned=FOLDER"),
        (["trial=1", "method.tunes=[]"], "one or two settings"),
        (["trial=1", "method.tunes=[losses.inter_sentence]"], "expected a number above 0"),
        (["trial=1", "data=sample"], "add data=another_sample"),
        (["tuned=chosen", "method=inter_sentence", "backbone.name=bilstm"], "were chosen for backbone.name=tiny"),
        (["tuned=chosen", "method=mlm"], "no trials in it"),
    ],
)
def test_what_contradicts_itself_is_refused(chosen, typed, told):
    (chosen / "chosen" / "mlm.yaml").write_text("backbone: tiny\n", encoding="utf-8")
    ended = call("train.py", [*SMALL, "data.root=world", *typed], chosen)
    assert ended.returncode == 2
    assert told in ended.stderr
