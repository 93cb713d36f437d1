"""The benchmarks run at their smallest shape and write what the page on speed is made from."""

import importlib
import json
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
MEASURED_WITH = {"command", "machine", "versions", "commit"}


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Imports a benchmark as if it had been started."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setattr(os, "environ", os.environ.copy())  # trainers leave settings there

    def load(name: str, *words: str) -> ModuleType:
        monkeypatch.setattr("sys.argv", [f"{name}.py", *words])
        return importlib.import_module(name)

    return load


def test_an_adapter_needs_less_to_resume_from(script: Any) -> None:
    adapters, table = script("adapters"), script("table")
    found = {name: adapters.measured(words, adapters.TINY, 1) for name, words in adapters.FORMS.items()}
    whole = found.pop("all weights")
    for one in found.values():
        assert one["trained"] < whole["trained"]
        assert one["checkpoint_bytes"] < whole["checkpoint_bytes"]
    assert table.adapters.__name__ in table.TABLES


@pytest.mark.long
def test_step_cost_compares_all_steps(script: Any, tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers")
    pytest.importorskip("accelerate")
    path = tmp_path / "step_cost.json"
    words = ("--quick", "--repeats", "1", "--precisions", "float32", "--results", str(path))
    step_cost = script("step_cost", *words)
    step_cost.main()
    found = json.loads(path.read_text())
    assert found.keys() >= MEASURED_WITH
    (one,) = found["measured"]
    assert one["seconds"].keys() >= {"bare encoder", *step_cost.VARIANTS}
    assert len(one["goals"]) == len(step_cost.GOALS)
    assert "float32, 1 rounds" in script("table").step_cost(found)


@pytest.mark.long  # counts of operations: test_budget.py, and below
def test_the_cost_model_counts_what_torch_counts(script: Any, tmp_path: Path) -> None:
    path = tmp_path / "cost_model.json"
    script("cost_model", "--quick", "--repeats", "1", "--results", str(path)).main()
    found = json.loads(path.read_text())
    assert found.keys() >= MEASURED_WITH
    for one in found["compared"]:
        assert one["kept_bytes"] == one["kept_bytes_predicted"]
        for name, row in one["steps"].items():
            assert row["operations"] == row["operations_predicted"], name
    assert "equal" in script("table").cost_model(found)


def test_logits_that_are_not_kept_are_counted_too(script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cost_model = script("cost_model")
    for module in map(importlib.import_module, ("mlalign.cost", "mlalign.losses.fused_vocabulary")):
        monkeypatch.setattr(module, "KEPT_ENTRIES", 1000)
    shape = cost_model.QUICK[0]
    _, steps, batches = cost_model.steps_of(shape, tmp_path, 2)
    for name in ("mlm", "pooled", "mixture"):
        found = cost_model.counted(steps[name], batches[0])
        assert found == cost_model.predicted_operations(name, shape), name


@pytest.mark.long
def test_a_step_with_fewer_embeddings_is_measured_beside_one_with_all(script: Any, tmp_path: Path) -> None:
    bench = script("pruned_vocabulary")
    found = []
    for name in (*bench.ALIGNMENTS, bench.FINETUNING):
        one = bench.run(name, bench.TINY, 1)
        assert len(one["seconds"]) == 1
        size = {"rows": 9, "seconds": bench.median_and_spread(one["seconds"]), "peak_memory_bytes": 2**30}
        found.append({"step": name, "whole": size, "pruned": size, "saved": 0.0})
    outcome = {**bench.measured_with(), "shape": bench.asdict(bench.TINY), "measured": found}
    assert "| 0% | 1.0 | 1.0 |" in script("table").pruned_vocabulary(outcome)


def test_the_page_is_what_the_results_give(script: Any) -> None:
    table = script("table")
    text = table.PAGE.read_text(encoding="utf-8")
    assert table.page(text, table.RESULTS) == text
