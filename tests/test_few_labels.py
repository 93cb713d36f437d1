"""The documented commands of a few labels, from end to end."""

import json
import re
import shlex
from pathlib import Path

import pytest
from test_end_to_end import SMALL
from typed import ROOT, call

from mlalign import pipeline
from mlalign.data.sample import write_sample
from mlalign.errors import TrainingError
from mlalign.reporting.comparison import comparison
from mlalign.reporting.runs import find_runs

DOCS = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
MIXED, AFTER = (shlex.split(one) for one in re.findall(r"python train\.py( .*finetune\.shots=[^#\n]*)", DOCS))


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> list[str]:
    root = tmp_path_factory.mktemp("labels") / "sample"
    write_sample(root, seed=3, pairs=40, documents=(60, 20, 20), paraphrases=(8, 8, 8), sentences=(8, 8, 8))
    return [*SMALL, f"data.root={root}", f"data.cache={root / 'cache'}"]


def results_of(work: Path, words: list[str]) -> dict:
    work.mkdir(exist_ok=True)
    ended = call("train.py", words, work)
    assert ended.returncode == 0, ended.stderr
    (path,) = (path for path in work.glob("outputs/mldoc/*/results.json") if "10de" in path.parent.name)
    return json.loads(path.read_text(encoding="utf-8")) | {"folder": path.parent}


def test_a_few_labels_mixed_with_english(small, tmp_path):
    results = results_of(tmp_path, [*small, *MIXED])
    assert results["reads"] == ["10 labels in de", "10 labels in ru", "English labels"]
    assert results["folder"].name.startswith("tiny-none-10de-10ru-seed1-")
    rows = {Path(name).name: record["rows"] for name, record in results["data"].items()}
    assert (rows["german.train.1000"], rows["russian.train.1000"], rows["english.train.1000"]) == (10, 10, 60)
    assert call("train.py", [*small, "method=none"], tmp_path).returncode == 0
    (table,) = comparison(find_runs(str(tmp_path / "outputs")))
    assert [row.name for row in table.rows] == ["none", "none 10de 10ru"]
    assert {"few-shot", "zero-shot"} <= set(table.title.replace(",", "").split())
    assert table.title.startswith(("mldoc, few-shot and zero-shot", "mldoc, zero-shot and few-shot"))
    assert not any(cell.is_best for row in table.rows for cell in row.cells.values())  # each is alone in what it reads
    assert any(note.startswith("none 10de 10ru: learned as many labels") for note in table.notes)


def test_a_few_labels_after_english_and_again_when_it_is_stopped(small, tmp_path, monkeypatch):
    words = [*small, *AFTER, "finetune.shots_epochs=3", "finetune.shots_learning_rate=1e-3"]
    whole = results_of(tmp_path / "whole", words)
    assert whole["reads"] == ["10 labels in de", "English labels"]
    assert whole["weights"]["last"] == 3  # one update an epoch
    assert not (whole["folder"] / "source").exists()
    lines = (whole["folder"] / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert {json.loads(line)["stage"] for line in lines} == {"finetune/source", "finetune/shots"}
    learn, calls = pipeline.learn, []

    def stopped(module, data, *others, **named):
        calls.append(sorted({row.language for row in data.updates.labelled.rows}))
        if len(calls) == 2:
            raise TrainingError("stopped")
        return learn(module, data, *others, **named)

    monkeypatch.setattr(pipeline, "learn", stopped)
    assert call("train.py", words, tmp_path).returncode != 0
    again = results_of(tmp_path, words)
    assert calls == [["en"], ["de"], ["de"]]
    assert again["scores"] == whole["scores"]
    for path in (whole["folder"] / "predictions").iterdir():
        assert (again["folder"] / "predictions" / path.name).read_bytes() == path.read_bytes()
