"""Stages that make an encoder from what the stage before left."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf
from training.toy import configured, trainer, write_toy

from mlalign.config.enums import Stage
from mlalign.config.identity import alignment_settings, fingerprint, recipe_of, run_name
from mlalign.models.io import RECIPE, load_encoder
from mlalign.pipeline import STAGES, chained, told_together
from mlalign.stages.backbone import Backbone
from mlalign.stages.chain import encoder_folders
from mlalign.stages.parallel_text import ParallelText

STILL = (
    "method=mlm", "align.steps=2", "align.learning_rate.backbone=0", "align.learning_rate.embeddings=0",
    "align.learning_rate.heads=0",
)  # fmt: skip


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy(tmp_path_factory.mktemp("toy"))


def chain(root, *overrides):
    config = configured(root, *overrides)
    text = ParallelText(config)
    backbone = Backbone(config, text)
    return config, backbone, chained(config, text, backbone, lambda _: trainer, precision="32-true")


def test_every_stage_that_can_be_typed_is_there():
    assert set(STAGES) == set(Stage)


def test_a_stage_is_known_by_what_it_starts_from(toy):
    config, backbone, (first, second) = chain(toy, "method=mlm", "method.stages=[align,align]")
    settings = alignment_settings(config)
    assert first.recipe == recipe_of(settings, backbone=backbone.identity, text=first.text.identity)
    assert second.recipe == {**first.recipe, "backbone": {"encoder": fingerprint(first.recipe)}}
    _, _, (alone,) = chain(toy, "method=mlm")
    assert alone.recipe == first.recipe


def test_a_chain_tells_what_all_its_stages_spent_and_warned_of():
    first = {"budget": {"steps": 3, "tokens": 2.5}, "seconds": 1.5, "warnings": ["cold"]}
    second = {"budget": {"steps": 4, "tokens": 1.0}, "seconds": 2.0, "warnings": []}
    parsed = {"seconds": 9.0, "warnings": ["wet"]}
    spent = {"steps": 7, "tokens": 3.5, "seconds": 3.5}
    assert told_together([first, parsed, second]) == (spent, ["cold", "wet"])
    assert told_together([parsed]) == ({}, ["wet"])


def test_a_run_is_named_by_its_stages(toy):
    names = {
        run_name(configured(toy, "method=mlm", f"method.stages={one}"), {}) for one in ("[align]", "[align,align]")
    }
    assert len(names) == 2


def test_no_stage_makes_no_encoder(toy):
    config, _, stages = chain(toy, "method=none")
    assert encoder_folders(stages, toy / "aligned", resume=config.resume) == []


def test_a_stage_starts_from_the_weights_that_the_one_before_left(toy, tmp_path):
    moving = tuple(one for one in STILL if "learning_rate" not in one)
    _, _, stages = chain(toy, *moving, "method.stages=[align]", f"aligned={tmp_path}")
    (first,) = encoder_folders(stages, tmp_path, resume=True)
    config, _, stages = chain(toy, *moving, "method.stages=[align,align]", f"aligned={tmp_path}")
    assert (config.aligned, fingerprint(stages[0].recipe)) == (str(tmp_path), first.name)
    stages[1].config = configured(toy, *STILL, f"aligned={tmp_path}")
    folders = encoder_folders(stages, tmp_path, resume=True)
    assert folders[0] == first
    assert folders[1] != first
    one, other = (load_encoder(folder, attention="eager")[0].state_dict() for folder in folders)
    assert all(one[name].equal(other[name]) for name in one)
    assert OmegaConf.load(folders[1] / RECIPE).recipe.backbone.encoder == first.name


def test_files_of_languages_that_are_not_asked_for_are_one_line_of_their_corpus(toy):
    folder = toy / "parallel" / "toy"
    assert list(ParallelText(configured(toy)).ignored()) == []
    text = ParallelText(configured(toy, "data.languages=[de]"))
    assert list(text.ignored()) == [f"en-fr.tsv of {folder} (not in data.languages)"]
