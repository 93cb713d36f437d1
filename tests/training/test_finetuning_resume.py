"""Interrupted fine-tuning goes on as if nothing had happened, bit for bit, the choice among evaluations included."""

import contextlib
import functools
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from training.test_every_tuning import ON
from training.test_resume import Interruption, bit_equal
from training.toy import Memory, state, trainer
from training.tuned import tuned

from mlalign.finetuning.checkpoints import CheckpointKeeper, restore_weights
from mlalign.finetuning.tunings import tuning_types
from mlalign.stages.finetune import CHECKPOINT, learn
from mlalign.training import checkpoints


class Stop(L.Callback):
    """Raises behind an update, and notes the updates that were made."""

    def __init__(self, behind: int | None) -> None:
        self.behind = behind
        self.steps: list[int] = []

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        self.steps.append(trainer.global_step)
        if trainer.global_step == self.behind:
            raise Interruption


class Run:
    """Fine-tuning in a folder; what is left of it after each attempt."""

    def __init__(self, toy: Path, folder: Path, *overrides: str, evaluations: int = 3, keep: str = "best_and_last"):
        self.toy, self.folder, self.overrides = toy, folder, overrides
        self.evaluations, self.keep = evaluations, keep

    def attempt(self, stop_behind: int | None = None) -> list[int]:
        torch.manual_seed(torch.seed())  # whatever the process has drawn before
        chosen = [one for one in self.overrides if not one.startswith("task=")]
        task = "panx" if "task=panx" in self.overrides else None
        self.module, self.data = tuned(self.toy, "trainer.workers=0", *chosen, task=task, workers=0)
        self.module.settings = replace(self.module.settings, epochs=2, evaluations=self.evaluations)
        stop = Stop(stop_behind)

        def make(*, folder: Path, callbacks: Any, **stage: Any) -> L.Trainer:
            self.loop = trainer(folder, [*callbacks, stop], loggers=[Memory()], **stage)
            return self.loop

        keeper = CheckpointKeeper(self.folder, self.data.layout, selection="english_dev", keep=self.keep)
        with contextlib.suppress(Interruption):
            self.kept = learn(self.module, self.data, keeper, make, minutes=60)
        return stop.steps

    def left(self) -> dict[str, Any]:
        found = {"tested": state(self.module), "kept": self.kept, "weights": {}}
        for step in self.kept["kept"]:
            restore_weights(self.module, self.folder / "weights" / str(step))
            found["weights"][step] = state(self.module)
        return found | {
            "optimizers": [optimizer.state_dict() for optimizer in self.loop.optimizers],
            "schedules": [one.scheduler.state_dict() for one in self.loop.lr_scheduler_configs],
            "folders": sorted(path.name for path in (self.folder / "weights").iterdir()),
        }


@pytest.fixture(scope="module")
def whole(toy, tmp_path_factory):
    """What an uninterrupted run leaves; each is made once."""

    @functools.cache
    def made(*overrides: str, **settings: Any) -> tuple[list[int], dict[str, Any]]:
        run = Run(toy, tmp_path_factory.mktemp("whole"), *overrides, **settings)
        return run.attempt(), run.left()

    return made


@pytest.fixture(autouse=True)
def _every_step_is_saved(monkeypatch):
    monkeypatch.setattr(checkpoints, "MARKS", 100)
    monkeypatch.setattr(checkpoints, "SAVING_SHARE", float("inf"))


def on(name: str) -> list[str]:
    return [f"tuning={name}", *(f"tuning.{name}.{one}" for one in ON.get(name, ()))]


# The toy's mldoc has 6 updates an epoch, its panx 5; evaluations are after every fourth, or third.
LONG = pytest.mark.long
OWN_STATE = ("language_adversary", "self_training")  # kept between updates; of other tunings in `make test-long`
CASES = [
    pytest.param([], [2], {}, id="text"),
    pytest.param([], [4], {}, id="text, at an evaluation", marks=LONG),
    pytest.param([], [6], {}, id="text, at the end of an epoch", marks=LONG),
    pytest.param([], [7], {}, id="text, in the second epoch", marks=LONG),
    pytest.param([], [12], {}, id="text, at the end", marks=LONG),
    pytest.param([], [3, 5, 9], {}, id="text, three times", marks=LONG),
    pytest.param([], [5, 10], {"evaluations": 12}, id="text, evaluated after every update"),
    pytest.param([], [9], {"keep": "all"}, id="text, all evaluations kept", marks=LONG),
    pytest.param(["task=panx"], [3, 7], {}, id="tags"),
    pytest.param(["backbone.adapter.form=lora", "backbone.adapter.dropout=0.1"], [3, 9], {}, id="lora"),
    pytest.param(["backbone.adapter.form=bottleneck"], [9], {}, id="bottlenecks", marks=LONG),
    *(pytest.param(on(name), [3, 9], {}, id=name, marks=[LONG] * (name not in OWN_STATE)) for name in tuning_types()),
    pytest.param([*on("language_adversary"), "task=panx"], [3, 7], {}, id="tags against an opponent", marks=LONG),
    pytest.param([*on("self_training"), "task=panx"], [7], {}, id="tags that it gave itself", marks=LONG),
]


@pytest.mark.parametrize(("overrides", "stops", "settings"), CASES)
def test_resumes_bit_for_bit(toy, whole, tmp_path, overrides, stops, settings):
    steps, expected = whole(*overrides, **settings)
    run = Run(toy, tmp_path / "run", *overrides, **settings)
    seen: set[int] = set()
    for stop in [*stops, None]:
        made = run.attempt(stop)
        assert not made or not seen or made[0] >= max(seen) - 1  # at most what was behind the last checkpoint
        seen |= set(made)
    assert sorted(seen) == steps
    bit_equal(run.left(), expected)


def test_a_worker_sees_the_same(toy, whole, tmp_path, monkeypatch):
    _, expected = whole()
    run = Run(toy, tmp_path / "run")
    run.attempt(8)
    monkeypatch.setattr("training.test_finetuning_resume.tuned", functools.partial(_with_worker, tuned))
    run.attempt()
    bit_equal(run.left(), expected)


def _with_worker(build: Any, *given: Any, workers: int, **named: Any) -> Any:
    return build(*given, workers=1, **named)


def test_the_best_so_far_stays_until_a_checkpoint_knows_a_better_one(toy, tmp_path, monkeypatch):
    """Where arithmetic is not the same twice, an evaluation that is made again may turn out worse."""
    told = iter([10.0, 20.0, 5.0, 30.0, 5.0, *(5.0, 5.0, 5.0)])  # 30 was never in a checkpoint
    module = "mlalign.metrics.tasks.classification.Accuracy.score"
    monkeypatch.setattr(module, lambda *_: next(told))
    run = Run(toy, tmp_path / "run", evaluations=6)
    monkeypatch.setattr(checkpoints, "MARKS", 2)  # at 6, which ends an epoch, so at 7; and at 12
    run.attempt(11)  # evaluated at 2, 4, 6, 8 and 10, saved at 7; then again from 8 on
    assert run.folder.joinpath(CHECKPOINT).is_file()
    run.attempt()
    assert run.kept["english_dev"] == 4


def test_weights_of_a_run_that_goes_on_are_only_those_that_may_be_asked_for(toy, tmp_path):
    run = Run(toy, tmp_path / "run", evaluations=12)
    run.attempt(11)
    assert len(list((run.folder / "weights").iterdir())) <= 2
