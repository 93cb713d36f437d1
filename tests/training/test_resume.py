"""An interrupted alignment goes on as if nothing had happened, bit for bit."""

import contextlib
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from training.toy import built, pairs_of, state, trainer

from mlalign.alignment.objectives import objective_types
from mlalign.config.schema import Align
from mlalign.stages import align as stage
from mlalign.training import checkpoints


class Interruption(Exception):  # noqa: N818
    pass


class Witness(L.Callback):
    """Notes the batches it sees and raises behind one of them."""

    def __init__(self, stop_behind: int | None) -> None:
        self.stop_behind, self.places = stop_behind, []
        self.steps: list[int] = []

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, _: int):
        self.places.append(batch.place)
        self.steps.append(trainer.global_step)
        if batch.place == self.stop_behind:
            raise Interruption


class Run:
    """An alignment in a folder; what is left of it after each attempt."""

    def __init__(self, toy: Path, folder: Path, overrides: Sequence[str]) -> None:
        self.toy, self.folder, self.overrides = toy, folder, overrides

    def attempt(self, stop_behind: int | None = None) -> Witness:
        torch.manual_seed(torch.seed())  # whatever the process has drawn before
        witness = Witness(stop_behind)
        self.module, data = built(self.toy, *self.overrides)

        def make(*, folder: Path, callbacks: Any, **stage: Any) -> L.Trainer:
            self.loop = trainer(folder, [*callbacks, witness], **stage)
            return self.loop

        self.folder.mkdir(exist_ok=True)
        with contextlib.suppress(Interruption):
            self.seconds = stage.align(
                self.module,
                data,
                Align(validations=3, prototype_sentences=30),
                trainer=make,
                folder=self.folder,
                resume_from=self.folder,
                minutes=60,
            )
        return witness

    def left(self) -> dict[str, Any]:
        return {
            "module": state(self.module),
            "optimizers": [optimizer.state_dict() for optimizer in self.loop.optimizers],
            "schedules": [one.scheduler.state_dict() for one in self.loop.lr_scheduler_configs],
            "global_step": self.loop.global_step,
        }


def bit_equal(found: Any, expected: Any, where: str = "") -> None:
    if isinstance(expected, dict):
        assert found.keys() == expected.keys(), where
        for key in expected:
            bit_equal(found[key], expected[key], f"{where}.{key}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), where
        for place, (one, other) in enumerate(zip(found, expected, strict=True)):
            bit_equal(one, other, f"{where}[{place}]")
    elif isinstance(expected, torch.Tensor):
        assert torch.equal(found, expected), where
    elif not callable(expected):
        assert found == expected, where


COMMON = ("align.steps=10", "align.adversary.ramp=0.3")


@pytest.fixture(scope="module")
def whole(toy, tmp_path_factory):
    """What an uninterrupted run leaves, and its steps by batch; each is made once."""

    @functools.cache
    def made(*overrides: str) -> tuple[dict[int, int], dict[str, Any]]:
        run = Run(toy, tmp_path_factory.mktemp("whole"), overrides)
        witness = run.attempt()
        return dict(zip(witness.places, witness.steps, strict=True)), run.left()

    return made


@pytest.fixture(autouse=True)
def _every_second_step_is_saved(monkeypatch):
    monkeypatch.setattr(checkpoints, "MARKS", 5)
    monkeypatch.setattr(checkpoints, "SAVING_SHARE", float("inf"))


LONG = pytest.mark.long


@pytest.mark.parametrize(
    ("overrides", "stops"),
    [
        pytest.param([], [4], id="between two checkpoints", marks=LONG),
        pytest.param([], [6], id="at a checkpoint that the curves followed", marks=LONG),
        pytest.param([], [9], id="behind the last batch", marks=LONG),
        pytest.param([], [3, 4, 7], id="three times"),
        pytest.param(["align.accumulate=2"], [8, 12], id="accumulated, in the midst of a window"),
        pytest.param(["align.accumulate=2"], [9, 10], id="accumulated, early behind a resume", marks=LONG),
        pytest.param(
            ["align.adversary.schedule=alternate", "align.adversary.discriminator_steps=3"],
            [5],
            id="alternate",
        ),
        pytest.param(["method=literal"], [5], id="literal", marks=LONG),
        pytest.param(["backbone.adapter.form=lora", "backbone.adapter.dropout=0.1"], [5], id="lora"),
        pytest.param(["method=mlm", "backbone.adapter.form=bottleneck"], [5], id="bottlenecks", marks=LONG),
        pytest.param(["method=mlm", "trainer.workers=1"], [5], id="with a worker"),
        pytest.param(["losses.inter_sentence.view=clean"], [5], id="two views", marks=LONG),
        *(
            pytest.param(
                [*typed, "align.steps=6"],
                [3],
                id=name,
                marks=[LONG] * ("momentum_contrast" not in name),  # has a queue
            )
            for name, typed in pairs_of(list(objective_types())).items()
        ),
    ],
)
def test_resumes_bit_for_bit(toy, whole, tmp_path, overrides, stops):
    overrides = [*COMMON, *overrides]
    steps, expected = whole(*overrides)
    run = Run(toy, tmp_path / "run", overrides)
    seen = {}
    for stop in [*stops, None]:
        witness = run.attempt(stop)
        # Batches behind the last checkpoint are made again; none is left out, none comes twice.
        first = witness.places[0] if witness.places else len(steps)  # behind the last batch nothing is left to do
        assert witness.places == list(range(first, first + len(witness.places)))
        assert not seen or first <= max(seen) + 1
        for place, step in zip(witness.places, witness.steps, strict=True):
            assert seen.get(place, step) == step
            seen[place] = step
    assert seen == steps
    bit_equal(run.left(), expected)


def test_going_on_begins_behind_the_last_checkpoint(toy, tmp_path):
    run = Run(toy, tmp_path / "run", COMMON)
    run.attempt(4)  # behind 5 batches, of which 4 are in a checkpoint
    assert run.attempt().places == list(range(4, 10))


def test_a_finished_training_whose_export_failed_is_not_made_again(toy, whole, tmp_path, monkeypatch):
    _, expected = whole(*COMMON)
    run = Run(toy, tmp_path / "run", COMMON)

    def fail(*_: Any) -> None:
        raise Interruption

    with monkeypatch.context() as patched:
        patched.setattr(stage, "finalise_prototypes", fail)
        assert run.attempt().places == list(range(10))
    assert run.attempt().places == []
    bit_equal(run.left(), expected)


def test_seconds_and_warnings_from_before_it_stopped_count(toy, tmp_path, caplog):
    run = Run(toy, tmp_path / "run", ["align.steps=8"])
    run.attempt(5)
    path = next(tmp_path.rglob("*.ckpt"))
    checkpoint = torch.load(path, weights_only=True)
    elapsed = checkpoint["callbacks"]["Elapsed"]
    assert 0 < elapsed["seconds"] < 100
    elapsed["seconds"] = 1000.0
    checkpoint["diagnostics"] = {"warnings": {"leakage": "it leaks"}, "in_a_row": {"collapse": 2}, "in_batch": 95.0}
    torch.save(checkpoint, path)
    run.attempt()
    assert 1000 < run.seconds < 1100
    assert run.module.diagnostics.warnings["leakage"] == "it leaks"
    assert caplog.messages.count("it leaks") == 1  # for trackers, which list the warnings that they see
