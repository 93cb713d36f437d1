"""The check of a GPU ends on a CPU, whatever happens in its parts, and says what it lacks."""

import json
import logging
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def gpu_check(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script as a module."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import gpu_check

    return gpu_check


@pytest.mark.long
def test_it_ends_on_a_cpu_and_says_what_it_could_not_measure(tmp_path: Path) -> None:
    """As a stranger types it: from another folder, the package not on the path."""
    path = tmp_path / "found.json"
    names = ["matrix", "round 1: bare", "1: pooled$", "error"]
    command = [sys.executable, str(BENCHMARKS / "gpu_check.py"), "--device", "cpu", "--steps", "1"]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    ended = subprocess.run(
        [*command, "--output", str(path), "--only", *names],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    found = json.loads(path.read_text())
    assert found.keys() >= {"command", "machine", "versions", "commit", "shape"}
    assert found["measured_on_a_gpu"] is False
    assert not [one for one in found["parts"].values() if "failed" in one or "skipped" in one]
    assert found["steps"].keys() == {"bare encoder", "pooled"}
    plain = found["steps"]["pooled"]
    assert plain["operations"] == plain["operations_predicted"]
    assert plain["vocabulary_added"] == 0
    for one in found["steps"].values():
        assert one["dropouts_active"] == one["dropouts"] > 0
        assert one["peak_memory_bytes"] is None
    error = found["parts"]["error of the vocabulary's products"]
    assert all(0 <= error[form]["loss"] < 0.01 for form in ("masked", "pooled", "mixture"))
    assert [goal["met"] for goal in found["goals"]] == [None] * 6
    assert "not measured: anything on a GPU" in ended.stdout
    assert "pooled: step / bare encoder's" in ended.stdout


@pytest.mark.long
def test_a_smoke_that_kills_and_resumes_runs_on_a_cpu(
    gpu_check: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logger = logging.getLogger("mlalign")
    for name in ("handlers", "level", "propagate"):  # which it takes for itself
        monkeypatch.setattr(logger, name, getattr(logger, name))
    found = gpu_check.resumed(tmp_path, "cpu")
    assert found["seconds"] > 0


@pytest.mark.long
def test_a_part_that_fails_hangs_or_ends_its_process_costs_no_other(
    gpu_check: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(gpu_check, "missing", lambda device: {"absent": "it is not installed"})
    rate = partial(gpu_check.matrix_rate, "cpu")
    parts = [
        gpu_check.Part("raises", partial(int, "five")),
        gpu_check.Part("absent", partial(int, "six")),
        gpu_check.Part("ends", partial(os._exit, 3)),
        gpu_check.Part("matrix rate", rate),
        gpu_check.Part("hangs", partial(time.sleep, 1000), least=0),
        gpu_check.Part("too late", rate),
    ]
    path = tmp_path / "found.json"
    outcome = gpu_check.check(parts[:4], path, "cpu", minutes=5)
    found = json.loads(path.read_text())["parts"]
    assert "invalid literal" in found["raises"]["failed"]
    assert found["absent"] == {"skipped": "it is not installed"}
    assert found["ends"] == {"failed": "its process ended (exit code 3)"}
    assert found["matrix rate"]["operations_per_second"] > 0
    assert len(outcome["not_measured"]) == 4
    gpu_check.check(parts[4:], path, "cpu", minutes=0.02)
    found = json.loads(path.read_text())["parts"]
    assert found["hangs"] == {"failed": "stopped after 1 s"}
    assert found["too late"] == {"skipped": "0 s left"}
    assert "FAILED: ValueError" in capsys.readouterr().out


def test_figures_are_those_of_all_rounds(gpu_check: Any) -> None:
    """Ratios of medians by hand: 3 / 2; 12 operations in 3 s at a rate of 8 are a half."""
    common = {"peak_memory_bytes": 10, "dropouts": 1, "dropouts_active": 1}
    parts = {
        "matrix rate": {"operations_per_second": 8.0},
        "round 1: bare encoder": {"seconds": [2.0, 1.0], "operations": 4, **common},
        "round 2: bare encoder": {"seconds": [9.0], **common},
        "round 1: pooled": {"seconds": [3.0, 3.0], "operations": 12, **common,
                            "peak_memory_bytes": 15},
        "round 2: pooled": {"failed": "out of memory"},
        "round 1: pooled, compiled": {"seconds": [1.5], **common},
    }  # fmt: skip
    steps = gpu_check.collected(parts)
    assert steps["bare encoder"]["seconds"] == 2.0
    assert steps["bare encoder"]["rounds"] == 2
    assert steps["pooled"]["x_bare"] == 1.5
    assert steps["pooled"]["share"] == 0.5
    assert steps["pooled, compiled"]["share"] == 1.0  # over what the plain step computes
    goals = {one["name"]: one for one in gpu_check.goals(steps)}
    assert goals["pooled: step / bare encoder's"]["met"] is True
    assert goals["pooled: peak memory / bare encoder's"]["found"] == 1.5
    assert goals["pooled: peak memory / bare encoder's"]["met"] is False
    assert goals["pooled: share of matrix rate"]["met"] is True
    assert goals["pooled: step / masked-language model's"]["met"] is None
