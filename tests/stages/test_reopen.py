"""What a finished run leaves is enough to predict again, to the last bit."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from training.toy import configured, trainer, write_toy
from transformers import AutoModel

from mlalign.errors import ConfigError, DataError
from mlalign.pipeline import run as train
from mlalign.stages.reopen import load_run
from mlalign.tasks.data import scored_part
from mlalign.tasks.scoring import score_part

SMALL = ("finetune.epochs=2", "finetune.batch_size=8")


def run(root: Path, *overrides: str) -> Path:
    """Train on the toy world; it lies where its data lies."""
    return train(configured(root, f"output={root / 'outputs'}", *SMALL, *overrides))


def weights_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "results.json").read_text(encoding="utf-8"))["weights"]


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    return write_toy(tmp_path_factory.mktemp("world"))


@pytest.mark.parametrize(
    "overrides",
    [
        ("task=mldoc",),
        ("task=panx", "finetune.representation=mixed"),
        pytest.param(("task=mldoc", "method=none", "finetune.selection=last"), marks=pytest.mark.long),
        pytest.param(("task=panx", "method=literal", "finetune.freeze=encoder"), marks=pytest.mark.long),
    ],
    ids=["fused", "tags", "not aligned, last", "literal, frozen"],
)
def test_an_opened_run_predicts_what_the_run_predicted(overrides, world, tmp_path):
    folder = run(world, *overrides)
    opened = load_run(folder)
    assert not opened.module.training
    for language in opened.files.languages:
        task = opened.module.task
        part, batches = scored_part(task, opened.files, opened.layout, language)
        path = tmp_path / f"{language}.jsonl"
        found = score_part(trainer(tmp_path), opened.module, task, part, batches, path, language=language)
        assert found["scores"] == opened.results.scores[language]
        assert path.read_bytes() == (folder / "predictions" / f"{language}.jsonl").read_bytes()


@pytest.mark.parametrize("gpu", [True, False])
def test_batches_are_padded_as_the_run_padded_them(gpu, world, monkeypatch):
    folder = run(world, "task=mldoc")
    monkeypatch.setattr("mlalign.stages.reopen.takes_gpu", lambda _: gpu)
    assert load_run(folder).layout.width(9) == (16 if gpu else 9)


def test_nothing_but_the_folder_is_needed(tmp_path):
    root = write_toy(tmp_path / "world")
    folder = run(root, "align.steps=2").rename(tmp_path / "elsewhere")
    kept = load_run(folder).module.state_dict()
    shutil.rmtree(root)
    for name, value in load_run(folder).module.state_dict().items():
        assert torch.equal(value, kept[name]), name


def test_every_evaluation_can_be_kept_and_the_tested_one_is_that_of_english_dev(world):
    folder = run(world, "finetune.evaluations=5", "finetune.learning_rate=1e-3", "keep_checkpoints=all")
    weights = weights_of(folder)
    assert weights["kept"] == [2, 4, 6, 8, 10]
    assert weights["last"] == 10
    opened = load_run(folder)
    tested = {name: one.clone() for name, one in opened.module.state_dict().items()}
    states = {}
    for step in opened.results.weights["kept"]:
        opened.restore(step)
        states[step] = {name: one.clone() for name, one in opened.module.state_dict().items()}
    assert len({float(one["head.weight"].sum()) for one in states.values()}) == 5
    for step, state in states.items():
        same = all(torch.equal(state[name], tested[name]) for name in tested)
        assert same == (step == weights["english_dev"])
    last = load_run(folder, selection="last").module.state_dict()
    assert all(torch.equal(states[10][name], last[name]) for name in last)


@pytest.mark.parametrize(
    ("keep", "selection", "kept"),
    [
        ("none", "english_dev", []),
        ("tested", "english_dev", ["english_dev"]),
        ("tested", "last", ["last"]),
        ("best_and_last", "last", ["english_dev", "last"]),
    ],
)
def test_what_is_kept_is_what_was_asked_for(keep, selection, kept, world):
    rule = f"finetune.selection={selection}"
    folder = run(world, "method=none", f"keep_checkpoints={keep}", rule, "resume=false")
    weights = weights_of(folder)
    steps = sorted({weights[rule] for rule in kept})
    assert weights["kept"] == steps
    there = sorted(int(path.name) for path in (folder / "weights").glob("*"))
    assert there == steps
    assert not [one for one in folder.rglob("*") if one.suffix in (".ckpt", ".pt", ".bin", ".pkl")]
    assert not list(folder.glob("*.partial"))


def test_fewer_weights_than_asked_for_make_a_run_anew_and_more_do_not(world):
    settings = ("method=none", "finetune.dropout=0.2")
    folder = run(world, *settings, "keep_checkpoints=none")
    assert not (folder / "weights").exists()
    assert run(world, *settings, "keep_checkpoints=tested") == folder
    path = folder / "results.json"
    before = path.stat().st_mtime_ns
    assert weights_of(folder)["kept"]
    run(world, *settings, "keep_checkpoints=none")
    assert path.stat().st_mtime_ns == before
    path.write_text(path.read_text(encoding="utf-8").replace('"keep_checkpoints"', '"keep"'), encoding="utf-8")
    before = path.stat().st_mtime_ns
    run(world, *settings, "keep_checkpoints=tested")  # by its old name
    assert path.stat().st_mtime_ns == before


def test_the_kept_encoder_loads_with_transformers_alone(world):
    folder = run(world, "task=mldoc")
    step = weights_of(folder)["english_dev"]
    model = AutoModel.from_pretrained(folder / "weights" / str(step))
    words = load_run(folder).encoder.backbone.get_input_embeddings().weight
    assert torch.equal(model.get_input_embeddings().weight, words)


def test_a_run_has_the_curves_of_its_aligned_encoder_whoever_made_it(world):
    settings = ("align.steps=21", "align.validations=3", "backbone.width=16")
    for task in ("mldoc", "panx"):
        folder = run(world, f"task={task}", *settings)
        results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        assert set(results["curves"]) == {"align", "finetune"}
        align, finetune = (
            pd.read_csv(folder / results["curves"][stage], index_col="step") for stage in ("align", "finetune")
        )
        assert list(align["align/loss/inter_sentence"].dropna().index) == [0, 10, 20]
        for name in ("align/weight/masked_words", "align/in_batch_accuracy",
                     "align/discriminator/accuracy", "held_out/retrieval/mean"):  # fmt: skip
            assert align[name].notna().any(), name
        assert align["held_out/retrieval/mean"].notna().sum() == 3
        assert finetune["finetune/dev"].notna().sum() >= 1
        shared = pd.read_csv(Path(results["aligned"]) / "curves.csv", index_col="step")
        pd.testing.assert_frame_equal(shared, align)
    alone = run(world, "method=none", *settings)
    curves = json.loads((alone / "results.json").read_text(encoding="utf-8"))["curves"]
    assert curves == {"align": None, "finetune": "curves/finetune.csv"}


def test_what_cannot_be_opened_is_said(world, tmp_path):
    folder = run(world, "task=mldoc")
    with pytest.raises(DataError, match="no such folder"):
        load_run(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"no such file.*finished run"):
        load_run(tmp_path)
    bare = run(world, "method=none", "finetune.dropout=0.3", "keep_checkpoints=none")
    with pytest.raises(ConfigError, match=r"steps kept: none.*keep_checkpoints=best_and_last"):
        load_run(bare)
    last = run(world, "method=none", "finetune.dropout=0.4", "keep_checkpoints=tested")
    weights = weights_of(last)
    if weights["last"] not in weights["kept"]:
        with pytest.raises(ConfigError, match=r"selection=last.*were not kept"):
            load_run(last, selection="last")
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "results.json").unlink()
    with pytest.raises(DataError, match="not finished"):
        load_run(copy)
    copy = shutil.copytree(folder, tmp_path / "gone")
    shutil.rmtree(copy / "weights")
    with pytest.raises(DataError, match=r"weights.*put it back"):
        load_run(copy)
    copy = shutil.copytree(folder, tmp_path / "other")
    results = json.loads((copy / "results.json").read_text(encoding="utf-8"))
    results["config"]["align"]["wings"] = 2
    (copy / "results.json").write_text(json.dumps(results), encoding="utf-8")
    with pytest.raises(DataError, match=r"wings.*resume=false"):
        load_run(copy)
    copy = shutil.copytree(folder, tmp_path / "broken")
    for path in copy.rglob("head.safetensors"):
        path.write_bytes(b"no tensor")
    with pytest.raises(DataError, match="does not fit"):
        load_run(copy)
