"""A run that is killed anywhere goes on to the same files, to the bit, with the same command."""

import random
import shutil
import signal
from pathlib import Path

import pytest
from killed import attempt, left
from training.toy import configured, write_toy

from mlalign.config.schema import Train

KILLS = 240  # of the long proof: three in four at file events, half of these with the power
WORDS = (
    "align.steps=3", "method=inter_sentence", "finetune.epochs=2", "finetune.batch_size=16", "finetune.evaluations=2",
    "finetune.max_length=16", "trainer.checkpoint_minutes=1e-9",
)  # fmt: skip
FORMS = {
    "text": ("task=mldoc", "task.train_size=null", "keep_checkpoints=none"),
    "tags": ("task=panx", "task.languages=[en,de]", "tuning=language_adversary"),
}


class World:
    """A run that is not interrupted, and folders in which the same is tried."""

    def __init__(self, toy: Path, folder: Path, form: str) -> None:
        self.toy, self.folder, self.words = toy, folder, FORMS[form]
        status, self.events = attempt(self.config("whole"), folder / "whole")
        assert status == 0
        self.expected = left(folder / "whole")
        self.tried = 0

    def config(self, name: str) -> Train:
        root = self.folder / name
        places = (f"data.cache={root}/cache", f"aligned={root}/aligned", f"output={root}/outputs")
        return configured(self.toy, *WORDS, *self.words, *places)

    def survives(self, *kills: dict[str, float | bool]) -> None:
        """Kill some attempts one after the other, let the last go to its end, and compare."""
        self.tried += 1
        root, config = self.folder / f"{self.tried}", self.config(f"{self.tried}")
        for kill in kills:
            status, _ = attempt(config, root, **kill)
            assert status in (0, -signal.SIGKILL), f"an attempt failed, with {kills}"
        status, _ = attempt(config, root)
        assert status == 0, f"does not go on after {kills}"
        found = left(root)
        wrong = sorted(one for one in found.keys() | self.expected.keys() if found.get(one) != self.expected.get(one))
        assert not wrong, f"not the same after {kills}: {wrong}"
        shutil.rmtree(root)


@pytest.fixture(scope="module", params=["text", pytest.param("tags", marks=pytest.mark.long)])
def world(request, tmp_path_factory) -> World:
    toy = write_toy(tmp_path_factory.mktemp("toy"))
    return World(toy, tmp_path_factory.mktemp("killed"), request.param)


def test_it_survives_some_kills(world):
    draw = random.Random(1)
    assert world.events > 100
    world.survives(*({"at": draw.randrange(1, world.events), "power": power} for power in (False, True)))
    world.survives({"at": world.events, "power": True})


@pytest.mark.long
@pytest.mark.parametrize("part", range(12))
def test_it_survives_many_kills(world, part):
    """Each part is as long as any other, and can be run by itself."""
    draw = random.Random(f"{part}")
    for number in range(KILLS // 12 // len(FORMS)):
        if number % 4 == 3:
            world.survives({"after": draw.uniform(0.2, 4)})
        else:
            world.survives({"at": draw.randrange(1, world.events + 1), "power": number % 2 == 0})
