"""Whose settings a run has: what its files say, whatever the sizes; its own as soon as one is typed."""

from pathlib import Path

import pytest
from composing import composed
from omegaconf import OmegaConf

from mlalign.config.folder import CONF
from mlalign.config.hydra import resolve
from mlalign.config.plain import container
from mlalign.config.recipes import file_settings, origin
from mlalign.stages.validation import check_parts


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("method=labse align.steps=7 align.batch_size=20 align.learning_rate.backbone=1 seed=3", "published"),
        ("method=labse losses.inter_sentence.margin=0.2", "own"),
        ("method=labse losses=[inter_sentence]", "own"),
        ("method=labse backbone.pool=mean", "own"),
        ("method=labse weighting.form=kendall", "own"),
        ("method=mao align.batch_size=20", "published"),
        ("method=mao losses.intra_sentence.weight=3", "own"),
        ("method=tlm align.mask_rate=0.3", "own"),
        ("method=xlm ablation=no_mlm", "own"),
        ("method=xlm tuning=xero_align", "own"),
        ("method=laser align.steps=7", "published"),
        ("method=laser backbone=tiny", "own"),
        ("method=none", "own"),
        ("method=none tuning=xero_align", "published"),
        ("method=none tuning=xero_align tuning.xero_align.weight=2", "own"),
        ("method=multilevel tuning=xero_align", "own"),
    ],
)
def test_settings_are_published_where_nothing_of_the_recipe_is_other_than_in_its_files(typed, expected):
    config = container(check_parts(resolve(composed(*typed.split()))))
    assert origin(config) == expected
    assert origin(config | {"method": {**config["method"], "trials": 9}}) == "tuned"
    assert origin(config | {"method": {**config["method"], "name": "of_ones_own"}}) == "own"


def test_a_setting_that_was_not_there_yet_is_not_compared():
    config = container(check_parts(resolve(composed("method=tlm"))))
    del config["align"]["tlm"], config["weighting"]
    assert origin(config) == "published"


def test_what_files_set_is_what_hydra_composes_of_them():
    for path in sorted(Path(CONF).glob("losses/*.yaml")):
        ((name, settings),) = file_settings(path).losses.items()
        text = path.read_text(encoding="utf-8")
        assert text.startswith(f"# @package losses.{name}\n")
        assert set(OmegaConf.load(path)) - {"defaults"} <= set(settings)
    found = composed("method=mao")
    for name, settings in file_settings(Path(CONF) / "method" / "mao.yaml").losses.items():
        assert OmegaConf.to_container(settings) == OmegaConf.to_container(found.losses[name])


def test_a_publication_is_named_where_a_method_is_described():
    for path in Path(CONF).glob("method/*.yaml"):
        if found := file_settings(path).method.get("publication"):
            comment = path.read_text(encoding="utf-8").split("\ndefaults:")[0].replace("\n# ", " ")
            assert found in comment, path.name
