"""Word vectors through train.py, on a small sample."""

import json
from pathlib import Path

import pytest
from typed import call

from mlalign.data.sample import write_sample
from mlalign.stages.reopen import load_run

SMALL = (
    "data=files", "data.parallel=[sample]", "data.languages=[de]", "task.languages=[en,de]", "finetune.epochs=1",
    "finetune.evaluations=1", "trainer=cpu", "trainer.progress=false", "vectors.dim=8", "vectors.epochs=1",
    "data.lexicon=sample",
)  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small") / "sample"
    sizes = (24, 8, 8)
    write_sample(folder, seed=3, pairs=200, documents=sizes, paraphrases=sizes, sentences=sizes, questions=sizes)
    return folder


@pytest.mark.parametrize(
    ("method", "task"),
    [
        ("multi_cca", "mldoc"),
        ("joint_subword", "panx"),
        pytest.param("multi_cca", "panx", marks=pytest.mark.long),
        pytest.param("joint_subword", "mldoc", marks=pytest.mark.long),
    ],
)
def test_it_runs_as_it_is_typed_and_no_backbone_is_built(root, tmp_path, method, task):
    own = [f"data.root={root}", f"data.cache={tmp_path / 'cache'}", f"task={task}", f"method={method}"]
    ended = call("train.py", [*SMALL, *own], tmp_path)
    assert ended.returncode == 0, ended.stderr
    (path,) = (tmp_path / "outputs").glob("*/*/results.json")
    results = json.loads(path.read_text(encoding="utf-8"))
    assert results["reads"] == ["English labels", "dictionary", "sides of the parallel text"]
    assert any(note.startswith(f"{method}: vectors of ") for note in results["notes"])
    assert set(results["scores"]) == {"en", "de"}
    assert not (tmp_path / "cache" / "backbones").exists()
    run = load_run(path.parent)
    assert run.encoder.kind == "words"


def test_a_missing_dictionary_is_named_before_anything_is_learned(root, tmp_path):
    ended = call("train.py", [*SMALL, f"data.root={root}", "method=multi_cca", "data.lexicon=null"], tmp_path)
    assert ended.returncode == 2
    assert "data.lexicon=null" in ended.stderr
    assert not (tmp_path / "outputs" / "aligned").exists()
