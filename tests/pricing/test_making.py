"""What makes an encoder beside the alignment costs what the stage itself says of what it did."""

import pytest
from omegaconf import OmegaConf
from training.test_teacher import write_teacher
from training.toy import configured, trainer, write_toy, write_trees

from mlalign.config.identity import fingerprint
from mlalign.models.io import RECIPE
from mlalign.pipeline import chained
from mlalign.pricing.price import price
from mlalign.stages.backbone import Backbone
from mlalign.stages.parallel_text import ParallelText


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    root = write_toy(tmp_path_factory.mktemp("toy"))
    write_trees(root / "toy.conllu", 60)
    write_teacher(root / "teacher")
    return root


@pytest.mark.parametrize(
    ("name", "share", "words"),
    [  # ``share``: of what the stage counts that is priced; it leaves out reading trees to score them
        ("parse", 1.04, ["method=syntax_supervised", "data.trees={root}/toy.conllu", "parse.batch_size=8"]),
        ("centred", 1.0, ["method=centred"]),
        ("linear_map", 1.0, ["method=linear_map"]),
        ("swap", 1.0, ["method=embedding_swap", "align.steps=40"]),
        ("teacher", 1.0, ["method=distil", "data.teacher={root}/teacher"]),
        ("links", 1.0, ["method=word_contrast", "data.links=encoder"]),
    ],
)
def test_a_stage_is_priced_as_it_counts_itself(toy, tmp_path, name, share, words):
    words = [word.format(root=toy) for word in words]
    config = configured(toy, *words, "backbone.layers=2", f"data.cache={tmp_path}/cache")
    text = ParallelText(config)
    (stage,) = chained(config, text, Backbone(config, text), lambda name: trainer, precision="32-true")
    stage.make(tmp_path, tmp_path)
    made = OmegaConf.to_container(OmegaConf.load(tmp_path / RECIPE))
    counted = made["budget"] if name == "swap" else made["costs"].get(name) or made["costs"][config.method.name]
    for device in ("card=h100", "card=this"):
        found = price(configured(toy, *words, "backbone.layers=2", "dry_run=true", device), tmp_path / device)
        (priced,) = [one for one in found.stages if one.name == name]
        assert priced.operations == pytest.approx(share * counted["flops"], rel=0.08)
        assert priced.seconds > 0
        assert priced.memory > 0
        assert found.left_out == []


def test_an_encoder_that_another_stage_made_is_found(toy, tmp_path):
    words = ("method=centred", f"aligned={tmp_path}/aligned")
    config = configured(toy, *words)
    text = ParallelText(config)
    (stage,) = chained(config, text, Backbone(config, text), lambda name: trainer, precision="32-true")
    folder = tmp_path / "aligned" / "made"
    stage.make(folder, folder)
    folder.rename(folder.parent / fingerprint(stage.recipe))
    found = price(configured(toy, *words, "dry_run=true", "card=h100"), tmp_path / "scratch")
    assert [one.name for one in found.stages] == ["fine-tune", "score"]
    assert found.notes == ["found: the aligned encoder is there, and costs nothing; resume=false makes it again"]
