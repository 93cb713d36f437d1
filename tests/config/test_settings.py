"""Checked settings: frozen, ranged where they are declared, passed on only where nothing changes by it."""

import inspect
from dataclasses import FrozenInstanceError, fields, is_dataclass, replace
from typing import Any

import lightning as L
import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException

from mlalign.config.folder import CONF
from mlalign.config.hydra import resolve
from mlalign.config.schema import Train
from mlalign.config.validation import NOT_OPTIONS, TRAINER_OPTIONS
from mlalign.errors import ConfigError


def composed(*overrides: str) -> Train:
    with initialize_config_dir(CONF, version_base="1.3"):
        return resolve(compose("train", overrides=list(overrides)))


def groups(settings: Any, name: str = "train"):
    yield name, settings
    for one in fields(settings):
        if is_dataclass(value := getattr(settings, one.name)):
            yield from groups(value, f"{name}.{one.name}")


def test_no_group_of_a_checked_configuration_can_be_changed():
    config = composed("task=pawsx")
    found = dict(groups(config))
    assert {"train", "train.align.adversary", "train.fusion", "train.task.sizes"} <= set(found)
    for name, group in found.items():
        one = fields(group)[0].name
        with pytest.raises(FrozenInstanceError, match=type(group).__name__):
            setattr(group, one, getattr(group, one))
        assert name
    assert replace(config.trainer, progress=False).progress is False


def test_names_of_ones_own_are_typed_as_a_dictionary_and_other_keys_are_none():
    assert composed("prepare.codes={he: iw}").prepare.codes == {"he": "iw"}
    assert composed("prepare.codes.he=iw").prepare.codes == {"he": "iw"}
    assert composed("task.label_names={sport: GCAT}").task.label_names == {"sport": "GCAT"}
    for typed in ("losses.inter_sentence.temp=1", "prepare.cods={he: iw}", "trainer.options.depth=1"):
        with pytest.raises(HydraException, match=typed.split("=")[0]):
            composed(typed)


def test_a_language_that_yaml_takes_for_false_is_told_of():
    with pytest.raises(ConfigError, match=r'task\.languages=\[False\]: .* in quotes: \["no"\]'):
        composed("task.languages=[false]")


def test_every_option_of_lightnings_trainer_is_decided():
    known = set(inspect.signature(L.Trainer).parameters)
    assert known == set(NOT_OPTIONS) | set(TRAINER_OPTIONS)
    assert not set(NOT_OPTIONS) & set(TRAINER_OPTIONS)


@pytest.mark.parametrize("option", sorted(NOT_OPTIONS))
def test_an_option_that_would_change_what_is_learned_is_refused(option):
    with pytest.raises(ConfigError, match=rf"^trainer\.options\.{option}=1: "):
        composed(f"+trainer.options.{option}=1")
