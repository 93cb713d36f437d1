"""Processes that share a run: one result, one message, nothing that hangs."""

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import nullcontext
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import SimpleNamespace

import pytest
import ranks
from training.toy import configured, write_toy
from two_ranks import SERVER

from mlalign.commands import devices
from mlalign.commands.devices import error_of, launch, on_all_devices, requested, run_together
from mlalign.errors import ConfigError, DataError, TrainingError
from mlalign.pipeline import run
from mlalign.stages.run_folder import run_folder

SHORT = (
    "align.steps=4", "align.adversary.dropout=0", "finetune.epochs=1", "finetune.batch_size=7",
    "finetune.dropout=0", "finetune.partner=mean", "finetune.evaluations=2", "task=mldoc",
)  # fmt: skip


@pytest.fixture(scope="module")
def quick():
    """Processes that do not import everything again, each for itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(devices, "multiprocessing", SimpleNamespace(get_context=lambda _: SERVER))
        yield


def processes(job: Callable[[int], None], number: int) -> list[BaseProcess]:
    return [multiprocessing.get_context("spawn").Process(target=job, args=(rank,)) for rank in range(number)]


def test_one_process_of_several_that_slurm_allotted_does_not_wait_for_the_others(monkeypatch):
    allotted = {
        "NTASKS": "4",
        "JOB_ID": "7",
        "JOB_NAME": "train",
        "PROCID": "0",
        "LOCALID": "0",
        "NTASKS_PER_NODE": "4",
    }
    for name, value in allotted.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    monkeypatch.delenv("SLURM_STEP_ID", raising=False)
    with pytest.raises(ConfigError, match=r"4 tasks .*srun.*--ntasks=1"):
        devices.started_by()
    monkeypatch.setenv("SLURM_STEP_ID", "0")
    assert devices.started_by().world_size() == 4
    monkeypatch.delenv("SLURM_NTASKS_PER_NODE")
    with pytest.raises(ConfigError, match="--ntasks-per-node=4"):
        devices.started_by()


def test_the_first_failure_ends_all_processes():
    assert run_together(processes(ranks.second_fails, 3)) == 7


def test_a_process_that_does_not_want_to_end_is_ended(monkeypatch):
    monkeypatch.setattr(devices, "GRACE", 0.2)
    assert run_together(processes(ranks.first_is_killed_and_others_stay, 2)) == -signal.SIGKILL


def test_a_signal_to_stop_is_passed_on():
    before = signal.getsignal(signal.SIGUSR1)
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGUSR1)).start()
    assert run_together(processes(ranks.waits, 2)) == -signal.SIGUSR1
    assert signal.getsignal(signal.SIGUSR1) is before


def test_success_is_that_of_all():
    assert run_together(processes(ranks.passes, 2)) == 0


def test_an_interrupt_ends_all_processes(monkeypatch):
    started, before = processes(ranks.waits, 2), signal.getsignal(signal.SIGINT)

    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(devices, "connection", SimpleNamespace(wait=interrupted))
    with pytest.raises(KeyboardInterrupt):
        run_together(started)
    assert [process.exitcode for process in started] == [-signal.SIGTERM] * 2
    assert signal.getsignal(signal.SIGINT) is before


def test_processes_end_with_the_one_that_started_them():
    code = "import ranks; ranks.start_and_die()"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == -signal.SIGKILL  # and the pipes of its output are closed: no process holds them


def test_a_process_that_says_nothing_is_told_by_its_status():
    assert isinstance(error_of(-9), TrainingError)
    assert "status 3" in str(error_of(3))


@pytest.mark.parametrize("pairs", [2, 6])
def test_rows_of_two_pairs_that_cannot_be_shared_out_are_refused(toy, pairs):
    few = (f"align.batch_size={pairs}", "align.word_distribution_every=1")
    config = configured(toy, "method=infoxlm", *few, "trainer.devices=2")
    message = rf"align\.batch_size={pairs}: .* {pairs // 2} rows are no multiple of 2 devices; take a multiple of 4"
    with pytest.raises(ConfigError, match=message):
        devices.refuse_unshared(config, 2)
    devices.refuse_unshared(config, 1)
    devices.refuse_unshared(configured(toy, "method=labse", *few), 2)


@pytest.mark.parametrize(("method", "is_refused"), [("labse", False), ("multilevel_v1", True)])
def test_only_a_loss_that_chooses_pairs_needs_some_on_every_device(toy, method, is_refused):
    config = configured(toy, f"method={method}", "align.batch_size=6", "align.word_distribution_every=4")
    message = r"word_distribution_every=4: each of 2 devices has only 3 of align\.batch_size=6"
    with pytest.raises(ConfigError, match=message) if is_refused else nullcontext():
        devices.refuse_unshared(config, 2)


def test_auto_counts_gpus_and_says_so_where_there_are_none(toy, monkeypatch):
    config = configured(toy, "trainer=ddp")
    monkeypatch.setattr(devices, "choose_device", lambda _: False)
    with pytest.raises(ConfigError, match=r"trainer\.devices=2"):
        requested(config)
    three = configured(toy, "trainer=ddp", "trainer.devices=3")
    assert requested(three) == 3
    monkeypatch.setattr(devices, "choose_device", lambda _: True)
    monkeypatch.setattr(devices.torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ConfigError, match="this machine has 2 GPUs"):
        requested(three)
    assert requested(config) == 2


@pytest.fixture(scope="module")
def runs(quick, tmp_path_factory):
    """The same run by one process and by two, without dropout, whose stream is each rank's own."""
    folders = []
    root = write_toy(tmp_path_factory.mktemp("shared"))
    for number in (1, 2):
        config = configured(
            root,
            *SHORT,
            "backbone.dropout=0",
            f"trainer.devices={number}",
            f"output={root}/{number}",
        )
        shutil.rmtree(config.aligned, ignore_errors=True)  # each aligns by itself
        on_all_devices(run, config)
        folders.append(run_folder(config))
    return folders


def test_two_devices_find_what_one_finds(runs):
    one, two = (json.loads((folder / "results.json").read_text()) for folder in runs)
    assert runs[0].name == runs[1].name
    assert one["scores"] == two["scores"]
    assert one["weights"] == two["weights"]
    for name in ("en", "de", "fr"):
        rows = [[json.loads(line) for line in (folder / f"predictions/{name}.jsonl").open()] for folder in runs]
        assert len(rows[0]) == len(rows[1]) == 10
        for mine, theirs in zip(*rows, strict=True):
            assert mine["id"] == theirs["id"]
            assert mine["probabilities"] == pytest.approx(theirs["probabilities"], abs=1e-3)


def test_two_devices_leave_what_one_leaves(runs):
    def left(folder: Path) -> set[str]:
        return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.name != ".lock"}

    assert left(runs[0]) == left(runs[1])


@pytest.mark.parametrize("started", ["quick", pytest.param("as users do", marks=pytest.mark.long)])
def test_a_mistake_in_the_data_is_told_once_and_as_it_is(tmp_path, capfd, request, started):
    if started == "quick":
        request.getfixturevalue("quick")
    root = write_toy(tmp_path)
    (root / "tasks" / "mldoc" / "german.test").write_text("GCAT and no tab\n", encoding="utf-8")
    config = configured(
        root, *SHORT, "method=none", "trainer.devices=2", f"output={root}",
    )  # fmt: skip
    with pytest.raises(DataError, match=r"german\.test"):
        launch(run, config, 2)
    shown = capfd.readouterr()
    assert "Traceback" not in shown.err + shown.out
