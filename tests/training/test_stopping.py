"""A stage that is told to stop saves after its next step, ends with the signal's status, and goes on from there."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from training.test_finetuning_resume import Run as Finetuning
from training.test_resume import Run as Alignment
from training.test_resume import bit_equal
from two_ranks import in_ranks

from mlalign import stopping
from mlalign.distributed import rank
from mlalign.stages import finetune
from mlalign.stages.align import CHECKPOINT
from mlalign.training import checkpoints


@pytest.fixture(autouse=True)
def _listening(monkeypatch) -> Iterator[None]:
    """Nothing is saved but because of a signal."""
    monkeypatch.setattr(checkpoints, "MARKS", 1)
    before = {number: signal.getsignal(number) for number in stopping.SIGNALS}
    stopping.install()
    yield
    stopping._state.is_installed, stopping._state.received = False, 0
    for number, handler in before.items():
        signal.signal(number, handler)


class Scheduler(L.Callback):
    """Sends a signal in the midst of a step; so often that a handler which did not wait would end the run."""

    def __init__(self, number: int, step: int, to: int = 0) -> None:
        self.number, self.step, self.to = number, step, to

    def on_before_optimizer_step(self, trainer: Any, *_: Any) -> None:
        if trainer.global_step == self.step and rank() == self.to:
            os.kill(os.getpid(), self.number)
            os.kill(os.getpid(), self.number)


def told(run: Any, monkeypatch: Any, scheduler: Scheduler) -> int:
    """The status that an attempt ends with."""
    module = type(run).__module__
    make = __import__(module, fromlist=["trainer"]).trainer
    with monkeypatch.context() as patched:
        patched.setattr(
            f"{module}.trainer", lambda folder, callbacks, **stage: make(folder, [*callbacks, scheduler], **stage)
        )
        with pytest.raises(SystemExit) as end:
            attempt(run)
    stopping.install()  # as the next process does
    return end.value.code


def attempt(run: Any) -> None:
    """As the stages do it."""
    with stopping.deferred():
        run.attempt()


SIGNALS = pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), pytest.param(signal.SIGUSR1, 138, marks=pytest.mark.long)]
)


@SIGNALS
def test_an_alignment_goes_on_from_the_step_it_was_stopped_in(toy, tmp_path, monkeypatch, number, status):
    words = ("align.steps=6", "align.accumulate=2")
    whole, run = Alignment(toy, tmp_path / "whole", words), Alignment(toy, tmp_path / "run", words)
    whole.attempt()
    assert told(run, monkeypatch, Scheduler(number, 3)) == status
    assert torch.load(run.folder / CHECKPOINT, weights_only=True)["global_step"] in (3, 4)
    assert run.attempt().places[0] in (6, 8)
    bit_equal(run.left(), whole.left())


@SIGNALS
@pytest.mark.parametrize("evaluations", [3, pytest.param(12, marks=pytest.mark.long)])
def test_fine_tuning_goes_on_from_the_step_it_was_stopped_in(toy, tmp_path, monkeypatch, number, status, evaluations):
    whole = Finetuning(toy, tmp_path / "whole", evaluations=evaluations)
    run = Finetuning(toy, tmp_path / "run", evaluations=evaluations)
    whole.attempt()
    assert told(run, monkeypatch, Scheduler(number, 3)) == status
    saved = torch.load(run.folder / finetune.CHECKPOINT, weights_only=True)["global_step"]
    assert saved in (3, 4, 5)  # a validation may come first
    assert run.attempt()[0] == saved + 1
    bit_equal(run.left(), whole.left())


def stopped_together(toy: Path, folder: Path) -> tuple[Any, int]:
    """Only the second rank is told."""
    checkpoints.MARKS = 1
    stopping.install()
    run = Alignment(toy, folder / "run", ("align.steps=6",))
    try:
        told(run, pytest.MonkeyPatch(), Scheduler(signal.SIGTERM, 2, to=1))
    finally:
        step = run.loop.global_step
    return torch.load(run.folder / CHECKPOINT, weights_only=True)["global_step"], step


def test_two_ranks_end_together(toy, tmp_path):
    (saved, first), (also_saved, second) = in_ranks(2, tmp_path, stopped_together, toy, tmp_path)
    assert saved == also_saved == first == second < 6


def test_what_does_not_train_ends_at_once_and_a_block_that_waits_at_its_end():
    with pytest.raises(SystemExit, match="143"):
        os.kill(os.getpid(), signal.SIGTERM)
    done = []

    def block() -> None:
        with stopping.deferred():
            os.kill(os.getpid(), signal.SIGUSR1)
            done.append(stopping.received())

    with pytest.raises(SystemExit, match="138"):
        block()
    assert done == [signal.SIGUSR1]


def test_where_nobody_listens_the_signals_are_left_alone():
    stopping._state.is_installed = False
    theirs = signal.getsignal(signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    stopping.listen_again()
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_IGN
    signal.signal(signal.SIGUSR1, theirs)
