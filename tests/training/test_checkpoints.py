"""When a stage is saved, and that a damaged checkpoint is said to be one."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlalign.errors import DataError
from mlalign.training import checkpoints
from mlalign.training.checkpoints import StageCheckpoints, WholeCheckpoints


class Loop(SimpleNamespace):
    """A trainer, one second a batch, three to save."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, cost: float = 3, epochs: int = 1) -> None:
        super().__init__(
            global_step=0,
            loggers=[],
            is_last_batch=False,
            max_epochs=epochs,
            enable_validation=True,
            val_check_batch=1000,
            log_every_n_steps=1000,
            lightning_module=SimpleNamespace(automatic_optimization=True),
        )
        self.fit_loop = SimpleNamespace(total_batch_idx=-1)
        self.now, self.cost = 0.0, cost
        self.saved: list[int] = []
        monkeypatch.setattr(checkpoints.time, "perf_counter", lambda: self.now)

    def save_checkpoint(self, _: Path) -> None:
        self.saved.append(self.global_step)
        self.now += self.cost

    def run(self, callback: StageCheckpoints, batches: int, *, accumulate: int = 1, epoch: int = 10**6) -> list[int]:
        trainer: Any = self
        callback.on_train_start(trainer)
        for place in range(1, batches + 1):
            self.now += 1
            self.fit_loop.total_batch_idx += 1
            self.global_step += place % accumulate == 0
            self.is_last_batch = place % epoch == 0
            callback.on_train_batch_end(trainer)
            if place % self.val_check_batch == 0:
                callback.on_validation_end(trainer)
        return self.saved


def keeper(steps: int = 40, minutes: float = 60) -> StageCheckpoints:
    return StageCheckpoints(Path("last.ckpt"), steps=steps, minutes=minutes)


def test_they_take_a_twentieth_of_the_time_at_most(monkeypatch):
    assert Loop(monkeypatch).run(keeper(), 100) == [2, 62]  # 5 s after 2 are over; 60 s later at the earliest


@pytest.mark.parametrize("accumulate", [1, 2])
def test_they_are_between_updates(monkeypatch, accumulate):
    loop = Loop(monkeypatch, cost=0)
    assert loop.run(keeper(20), 6, accumulate=accumulate) == list(range(1, 6 // accumulate + 1))


def test_slow_steps_are_saved_by_the_clock(monkeypatch):
    assert Loop(monkeypatch, cost=0).run(keeper(10**6, minutes=0.1), 20) == [6, 12, 18]


def test_the_end_of_an_epoch_waits_for_the_next_step_but_the_end_of_the_run_does_not(monkeypatch):
    assert Loop(monkeypatch, cost=0, epochs=2).run(keeper(), 10, epoch=4) == [2, 5, 6, 9, 10]
    assert Loop(monkeypatch, cost=0).run(keeper(60), 5, epoch=5) == [3, 5]


def test_an_update_that_is_reported_comes_first(monkeypatch):
    loop = Loop(monkeypatch, cost=0)
    loop.log_every_n_steps = 4
    assert loop.run(keeper(), 12, epoch=12) == [2, 5, 6, 9, 10, 12]  # the end of the run is not put off


def test_a_validation_that_is_due_comes_first(monkeypatch):
    loop, order = Loop(monkeypatch, cost=0), []
    loop.val_check_batch = 4
    callback = keeper(80)
    validated = callback.on_validation_end
    loop.save_checkpoint = lambda _: order.append("saved")
    monkeypatch.setattr(callback, "on_validation_end", lambda trainer: order.append("scored") or validated(trainer))
    loop.run(callback, 4)
    assert order == ["scored", "saved"]


def test_a_damaged_checkpoint_is_named(tmp_path):
    path = tmp_path / "last.ckpt"
    WholeCheckpoints().save_checkpoint({"a": 1}, path)
    assert WholeCheckpoints().load_checkpoint(path, weights_only=True) == {"a": 1}
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"last\.ckpt: cannot be read .*delete it"):
        WholeCheckpoints().load_checkpoint(path, weights_only=True)
    path.write_bytes(b"")
    with pytest.raises(DataError, match="delete it"):
        WholeCheckpoints().load_checkpoint(path, weights_only=True)
