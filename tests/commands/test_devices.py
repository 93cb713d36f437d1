"""Processes that share a run: one result, one message, nothing that hangs."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from training.toy import configured, write_toy

from mlalign.commands import devices
from mlalign.commands.devices import launch, read_failure, run_together, train_on_all_devices, wanted
from mlalign.errors import ConfigError, DataError, TrainingError
from mlalign.stages.finished import run_folder

SHORT = (
    "align.steps=4", "align.adversary.dropout=0", "finetune.epochs=1", "finetune.batch_size=7",
    "finetune.dropout=0", "finetune.partner=mean", "finetune.evaluations=2", "task=mldoc",
)  # fmt: skip


def python(*lines: str) -> list[str]:
    return [sys.executable, "-c", "\n".join(lines)]


def each(number: int) -> list[dict[str, str]]:
    return [os.environ | {"RANK": str(rank)} for rank in range(number)]


def test_the_first_failure_ends_all_processes(tmp_path):
    command = python(
        "import os, sys, time",
        "if os.environ['RANK'] == '1': sys.exit(7)",
        "time.sleep(600)",
    )
    assert run_together(command, each(3)) == 7


def test_a_process_that_does_not_want_to_end_is_ended(monkeypatch):
    monkeypatch.setattr(devices, "GRACE", 0.2)
    command = python(
        "import os, signal, sys, time",
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
        "if os.environ['RANK'] == '0': os.kill(os.getpid(), signal.SIGKILL)",
        "time.sleep(600)",
    )
    assert run_together(command, each(2)) == -signal.SIGKILL


def test_success_is_that_of_all():
    assert run_together(python("pass"), each(2)) == 0


def test_an_interrupt_ends_all_processes(monkeypatch):
    started: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *given, **settings):
            super().__init__(*given, **settings)
            started.append(self)

    sleep = devices.time.sleep

    def interrupted(_: float) -> None:
        monkeypatch.setattr(devices.time, "sleep", sleep)
        raise KeyboardInterrupt

    monkeypatch.setattr(devices.subprocess, "Popen", Noted)
    monkeypatch.setattr(devices.time, "sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_together(python("import time; time.sleep(600)"), each(2))
    assert [child.returncode for child in started] == [-signal.SIGTERM] * 2


def test_what_the_first_said_is_said_again(tmp_path):
    failure = tmp_path / "failure.json"
    failure.write_text(json.dumps({"kind": "DataError", "message": "line 3: no label"}))
    error = read_failure(failure, 2)
    assert isinstance(error, DataError)
    assert str(error) == "line 3: no label"
    failure.write_text(json.dumps({"kind": "", "message": "Traceback ..."}))
    assert type(read_failure(failure, 2)) is RuntimeError
    failure.unlink()
    assert isinstance(read_failure(failure, -9), TrainingError)
    assert "status 3" in str(read_failure(failure, 3))


def test_auto_counts_gpus_and_says_so_where_there_are_none(toy, monkeypatch):
    config = configured(toy, "trainer=ddp")
    monkeypatch.setattr(devices, "choose_device", lambda _: False)
    with pytest.raises(ConfigError, match=r"trainer\.devices=2"):
        wanted(config)
    three = configured(toy, "trainer=ddp", "trainer.devices=3")
    assert wanted(three) == 3
    monkeypatch.setattr(devices, "choose_device", lambda _: True)
    monkeypatch.setattr(devices.torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ConfigError, match="there are 2 GPUs here"):
        wanted(three)
    assert wanted(config) == 2


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
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
        train_on_all_devices(config)
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


def test_a_mistake_in_the_data_is_told_once_and_as_it_is(tmp_path, capfd):
    root = write_toy(tmp_path)
    (root / "tasks" / "mldoc" / "german.test").write_text("GCAT and no tab\n", encoding="utf-8")
    config = configured(
        root, *SHORT, "method=none", "trainer.devices=2", f"output={root}",
    )  # fmt: skip
    with pytest.raises(DataError, match=r"german\.test"):
        launch(config, 2)
    shown = capfd.readouterr()
    assert "Traceback" not in shown.err + shown.out
