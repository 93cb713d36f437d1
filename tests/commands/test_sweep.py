"""A sweep goes on behind a run that fails, and goes on after it was killed."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from joblib.externals.loky import get_reusable_executor
from training.toy import CONF, SMALL, write_toy
from typed import ROOT, call

from mlalign.config.failures import write_failure
from mlalign.config.sweep import Sweep, is_varied, sweep_of

LIMIT = 300.0


@pytest.fixture
def world(tmp_path) -> Path:
    return write_toy(tmp_path / "world")


def sweep(*typed: str) -> list[str]:
    return ["-m", *SMALL, "data.root=world", "align.steps=2", "finetune.epochs=1", *typed]


def swept(folder: Path, *typed: str) -> subprocess.CompletedProcess[str]:
    return call("train.py", sweep(*typed), folder)


def finished(folder: Path) -> dict[str, int]:
    found = folder.glob("multirun/*/*/*/results.json")  # not deeper, where folders vanish while runs go on
    return {path.parent.name: path.stat().st_mtime_ns for path in found}


def failed(folder: Path) -> list[dict]:
    found = (folder / "multirun").rglob("failed.json")
    return [json.loads(path.read_text(encoding="utf-8")) for path in found]


@pytest.mark.parametrize(
    ("value", "varied"),
    [
        ("1", False), ("1,2", True), ("[en,de]", False), ("[en,de],[en]", True), ("", False),
        ("'a,b'", False), ("range(1,4)", True), ("glob(*)", True), ("choice(a,b)", True),
        ("[[a,b],c]", False), ("null,[a,[b]]", True), ("{a:1,b:2}", False),
    ],
)  # fmt: skip
def test_what_hydra_would_vary_is_known(value, varied):
    assert is_varied(value) == varied


def test_the_same_command_in_any_order_has_the_same_folder_and_no_other_has_it():
    words = ["-m", "ablation=none,no_afm", "seed=1,2", "task=panx"]
    sweep = sweep_of(words)
    assert sweep.folder.parent == Path("multirun")
    assert sweep.folder.name.startswith("ablation-seed-")
    assert sweep_of(["seed=1,2", "--multirun", "task=panx", "ablation=none,no_afm"]) == sweep
    for more in ("resume=false", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "keep_checkpoints=none"):
        assert sweep_of([*words, more]) == sweep
    others = [sweep_of([*words, "align.steps=3"]), sweep_of(["-m", "seed=1,2", "task=panx"])]
    assert len({sweep.folder, *(other.folder for other in others)}) == 3
    assert sweep_of(words[1:]) is None
    assert sweep_of([*words, "output=here/too"]).folder == Path("here/too")
    assert sweep_of([*words, "hydra.sweep.dir=there"]).folder == Path("there")
    assert len(sweep_of(["-m", *(f"key{n}=1,2" for n in range(200))]).folder.name) < 100


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"sweep": "s"}', "[" * 100_000, "\xff", None])
def test_what_is_no_failure_is_named_and_left_out(text, tmp_path, caplog):
    sweep = Sweep(tmp_path, "s", ("seed",))
    write_failure(tmp_path / "a", whole := sweep.failure(ValueError("x"), 3, ["seed=3"]))
    write_failure(tmp_path / "b", replace(whole, number="4"))
    broken = tmp_path / "c" / "failed.json"
    broken.parent.mkdir()
    broken.mkdir() if text is None else broken.write_bytes(text.encode("latin-1"))
    assert sweep.failures == [whole]
    assert "1 failed" in str(sweep)
    for where in (tmp_path / "b" / "failed.json", broken):
        (said,) = [one for one in caplog.messages if one.startswith(f"{where}: expected the failure of a run, found")]
        assert "run the sweep again" in said
        assert len(said) < 600


def test_a_launcher_that_is_not_installed_says_how_to_install_it(tmp_path):
    ended = swept(tmp_path, "hydra/launcher=jolib", "seed=1,2")
    assert ended.returncode == 2
    assert "hydra/launcher=jolib" in ended.stderr
    assert "mlalign[sweeps]" in ended.stderr


def test_the_slurm_preset_composes():
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    with initialize_config_dir(str(CONF), version_base="1.3"):
        composed = compose("train", ["hydra/launcher=slurm"], return_hydra_config=True)
    assert composed.hydra.launcher.timeout_min == 720
    assert composed.hydra.launcher._target_.endswith("SlurmLauncher")


def test_failed_runs_are_told_of_and_only_what_is_missing_is_made_again(world, tmp_path):
    test = world / "tasks" / "panx" / "de" / "test"
    right = test.read_text(encoding="utf-8")
    test.write_text("de:broken\n", encoding="utf-8")
    typed = ["method=none", "task=mldoc,panx", "+trainer.options.profiler=null,bogus"]
    first = swept(tmp_path, *typed)
    assert first.returncode == 2
    made = finished(tmp_path)
    assert len(made) == 1
    (where,) = (tmp_path / "multirun").iterdir()
    broken = [one for one in failed(tmp_path) if one["error"].startswith("DataError")]
    assert len(failed(tmp_path)) == 3
    assert str(Path("panx/de/test")) in broken[0]["error"]
    assert broken[0]["traceback"] is None
    unforeseen = [one for one in failed(tmp_path) if one not in broken]
    assert all("profiler" in one["error"] and one["traceback"] for one in unforeseen)
    for failure in failed(tmp_path):
        assert f"run {failure['number']} ({failure['run']}): {failure['error']}" in first.stderr
    assert all(len(one["run"].split()) == 2 for one in failed(tmp_path))
    assert "1 finished, 3 failed" in first.stdout
    assert str(where.relative_to(tmp_path)) in first.stdout
    test.write_text(right, encoding="utf-8")
    second = swept(tmp_path, *reversed(typed))
    assert second.returncode == 2
    assert "2 finished, 2 failed" in second.stdout
    assert made.items() <= finished(tmp_path).items()
    assert all("profiler=bogus" in one["run"] for one in failed(tmp_path))
    assert list((tmp_path / "multirun").iterdir()) == [where]


@pytest.mark.parametrize("variable", ["RANK", "SLURM_PROCID"])
def test_a_sweep_is_told_of_by_the_first_of_several_processes(variable, monkeypatch, tmp_path):
    ended = []
    for rank in "01":
        monkeypatch.setenv(variable, rank)
        ended.append(swept(tmp_path, "align.steps=-1", "seed=1,2"))
    first, second = ended
    assert "0 finished, 2 failed" in first.stdout
    assert first.stderr.count("run 1 (seed=2): ConfigError: align.steps=-1") == 2  # when it fails, and at the end
    assert "Run 2 of 2" in first.stderr
    assert "finished" not in second.stdout
    assert second.stderr.count("run 1 (seed=2): ConfigError: align.steps=-1") == 1
    assert "Run 2 of 2" not in second.stderr
    assert first.returncode == second.returncode == 2


def test_a_sweep_tells_briefly_what_it_finds_and_its_last_line_alone_says_what_is_next(world, tmp_path):
    first = swept(tmp_path, "method=none", "seed=1,2", "output=multirun/one")
    assert first.stdout.count("zero-shot") == 2
    again = swept(tmp_path, "method=none", "seed=1,2,3", "output=multirun/one")
    assert again.stdout.count("zero-shot") == 1
    found = [line for line in again.stdout.splitlines() if line.startswith("found    ")]
    assert len(found) == 2
    assert "results.json: accuracy in per cent: average " in found[0]
    for ended in (first, again):
        assert ended.returncode == 0, ended.stderr
        assert [line for line in ended.stdout.splitlines() if line.startswith("next")] == [
            "next     python evaluate.py runs='multirun/one/**'"
        ]
    alone = call("train.py", [*sweep("method=none", "seed=3", "output=multirun/one")[1:]], tmp_path)
    assert "zero-shot" in alone.stdout  # who types one run wants its scores
    assert "next     python train.py" in alone.stdout


def until(process: subprocess.Popen[str], folder: Path, number: int) -> None:
    """Wait for some finished runs."""
    end = time.monotonic() + LIMIT
    while len(finished(folder)) < number:
        assert process.poll() is None, "the sweep ended before it was stopped"
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.long
def test_a_sweep_that_was_stopped_goes_on_with_what_is_missing(world, tmp_path):
    typed = sweep("method=inter_sentence", "seed=1,2,3,4")
    before: dict[str, int] = {}
    stops = [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 143)]
    for number, (stop, status) in enumerate(stops, start=1):
        command = [sys.executable, str(ROOT / "train.py"), *typed]
        process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        until(process, tmp_path, number)
        os.kill(process.pid, stop)
        _, said = process.communicate(timeout=LIMIT)
        assert process.returncode == status
        assert "Traceback" not in said
        assert before.items() <= finished(tmp_path).items()
        before = finished(tmp_path)
        assert len(before) < 4
    ended = call("train.py", typed, tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert "4 finished, 0 failed" in ended.stdout
    assert before.items() <= finished(tmp_path).items()
    assert not failed(tmp_path)
    assert not list(tmp_path.rglob("*.partial"))
    assert ended.stderr.count("This run is finished") == len(before)


@pytest.mark.long
def test_runs_in_processes_of_their_own_share_an_aligned_encoder_and_tell_of_failures(world, tmp_path):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    typed = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "method=inter_sentence"]
    ended = swept(tmp_path, *typed, "task=mldoc,panx", "finetune.representation=backbone,self")
    get_reusable_executor().shutdown()
    assert ended.returncode == 2
    aligned = tmp_path / "outputs" / "aligned"
    assert len([path for path in aligned.iterdir() if path.is_dir()]) == 1
    assert len(finished(tmp_path)) == 2
    assert len(failed(tmp_path)) == 2
    for failure in failed(tmp_path):
        assert "finetune.representation=self" in failure["error"]
        assert failure["error"] in ended.stderr
