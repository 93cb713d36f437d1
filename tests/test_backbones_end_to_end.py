"""Commands of a stranger with published types of backbones: from the hub and from disk."""

import hashlib
import json

import pytest
import yaml
from typed import ROOT, call

from mlalign.data.sample import write_sample

SMALL = [
    "align.steps=2",
    "align.batch_size=8",
    "align.max_length=48",
    "align.validations=1",
    "align.prototype_sentences=20",
    "data.languages=[de,ru]",
    "data.held_out=20",
    "finetune.epochs=1",
    "finetune.evaluations=1",
    "finetune.max_length=48",
    "task.languages=[en,de]",
    "trainer=cpu",
    "trainer.precision=float32",
    "trainer.progress=false",
]


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    root = tmp_path_factory.mktemp("release")
    write_sample(
        root / "sample",
        seed=3,
        pairs=60,
        documents=(40, 12, 12),
        paraphrases=(40, 12, 12),
        sentences=(40, 12, 12),
    )
    return root / "sample"


def typed(sample, *overrides):
    return ["data=files", f"data.root={sample}", "data.parallel=[sample]", *SMALL, *overrides]


def found(work):
    (path,) = work.glob("outputs/*/*/results.json")
    return json.loads(path.read_text(encoding="utf-8"))


def pinned(backbone):
    return yaml.safe_load((ROOT / "conf" / "backbone" / f"{backbone}.yaml").read_text())["backbone"]


def publish(hub, name, folder):
    files = {path.name: path for path in folder.iterdir() if path.is_file()}
    hub.repository("models", name, files)


def test_xlmr_comes_from_the_hub_at_its_pinned_commit(hub, xlmr_folder, sample, tmp_path):
    settings = pinned("xlmr")
    publish(hub, settings["name"], xlmr_folder)
    hub.pins[settings["name"]] = settings["revision"]
    ended = call("train.py", typed(sample, "backbone=xlmr", "task=panx"), tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert found(tmp_path)["backbone_commit"] == settings["revision"]
    recipe = yaml.safe_load(next(tmp_path.glob("outputs/aligned/*/alignment.yaml")).read_text())
    assert recipe["recipe"]["backbone"]["commit"] == settings["revision"]


def test_mbert_comes_from_a_folder(bert_folder, sample, tmp_path):
    """It is called as the folder, not as the hub's, and its files are recorded."""
    words = ["backbone=mbert", f"backbone.path={bert_folder}", "backbone.dropout=0.2", "task=mldoc"]
    ended = call("train.py", typed(sample, *words), tmp_path)
    assert ended.returncode == 0, ended.stderr
    results = found(tmp_path)
    assert set(results["scores"]) == {"en", "de"}
    assert (results["backbone"], results["backbone_commit"]) == (bert_folder.name, None)
    assert results["config"]["backbone"]["revision"] is None
    weights = (bert_folder / "model.safetensors").read_bytes()
    digest = hashlib.sha256(weights).hexdigest()
    assert results["backbone_files"]["model.safetensors"] == digest
    assert set(results["backbone_dropout"].values()) == {0.2}
    (folder,) = tmp_path.glob("outputs/mldoc/*")
    assert folder.name.startswith(f"{bert_folder.name}-multilevel-")
    recipe = yaml.safe_load(next(tmp_path.glob("outputs/aligned/*/alignment.yaml")).read_text())
    assert recipe["backbone"] == bert_folder.name
    assert recipe["recipe"]["backbone"]["files"] == results["backbone_files"]
    assert recipe["recipe"]["settings"]["backbone.revision"] is None


def test_any_encoder_of_the_hub_runs_by_its_name(hub, minilm_folder, xlmr_folder, sample, tmp_path):
    """Here one whose tokenizer is in another repository, and without alignment."""
    publish(hub, "some/body", minilm_folder)
    publish(hub, "some/tokenizer", xlmr_folder)
    chosen = ["backbone=custom", "backbone.name=some/body", "backbone.tokenizer=some/tokenizer"]
    ended = call("train.py", typed(sample, *chosen, "method=none", "task=mldoc"), tmp_path)
    assert ended.returncode == 0, ended.stderr
    results = found(tmp_path)
    assert (results["backbone"], results["backbone_files"]) == ("some/body", None)
    assert results["backbone_commit"] == hub.commit("models", "some/body")
    assert results["backbone_tokenizer"] == {"commit": hub.commit("models", "some/tokenizer")}
    weights = [path for _, path, _ in hub.asked("some/tokenizer") if "safetensors" in path]
    assert not weights
