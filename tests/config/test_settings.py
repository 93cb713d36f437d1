"""Checked settings: frozen, ranged where they are declared, passed on only where nothing changes by it."""

import copy
import inspect
import pickle
from dataclasses import FrozenInstanceError, fields, is_dataclass, replace
from types import SimpleNamespace
from typing import Any

import composing
import lightning as L
import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException

from mlalign.config import hydra
from mlalign.config.folder import CONF
from mlalign.config.frozen import thawed
from mlalign.config.hydra import resolve
from mlalign.config.identity import fingerprint
from mlalign.config.plain import container, plain, typed
from mlalign.config.schema import Train
from mlalign.config.validation import NOT_OPTIONS, TRAINER_OPTIONS
from mlalign.errors import ConfigError
from mlalign.stages.validation import check_parts


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


READ = {"__init__", "__iter__", "__init_subclass__"}
CHANGES = {
    list: {
        "append": (1,), "extend": ([1],), "insert": (0, 1), "remove": (1,), "pop": (), "clear": (), "sort": (),
        "reverse": (), "__setitem__": (0, 1), "__delitem__": (0,), "__iadd__": ([1],), "__imul__": (2,),
    },
    dict: {
        "update": ({"a": 1},), "setdefault": ("a", 1), "pop": ("a", 1), "popitem": (), "clear": (),
        "__setitem__": ("a", 1), "__delitem__": ("a",), "__ior__": ({"a": 1},),
    },
}  # fmt: skip


def containers(value: Any, name: str = "train"):
    inside = {one.name: getattr(value, one.name) for one in fields(value)} if is_dataclass(value) else value
    if isinstance(value, list | dict):
        yield name, value
    if isinstance(inside, list | dict):
        for key, one in inside.items() if isinstance(inside, dict) else enumerate(inside):
            yield from containers(one, f"{name}.{key}")


def test_no_list_or_dictionary_of_a_checked_configuration_can_be_changed():
    config = composed("task=sib200", "data.languages=[de,fr]", "+trainer.options.log_every_n_steps=5")
    config = check_parts(config)
    found, before = dict(containers(config)), plain(config)
    named = {"train.data.languages", "train.align.betas", "train.losses", "train.losses.inter_sentence"}
    assert named | {"train.task.table.columns.0.texts", "train.trainer.options", "train.task.codes"} <= set(found)
    for name, one in found.items():
        kind = list if isinstance(one, list) else dict
        for change, arguments in CHANGES[kind].items():
            with pytest.raises(FrozenInstanceError, match="not changed"):
                getattr(one, change)(*arguments)
        assert one == kind(one), name
    assert plain(config) == before
    with pytest.raises(FrozenInstanceError):
        config.task.table.columns[0].label = "another"


def test_every_way_to_change_a_list_or_dictionary_is_known():
    reading = {"copy", "count", "index", "fromkeys", "get", "items", "keys", "values"}
    for kind, changes in CHANGES.items():
        named = {name for name in vars(kind) if not name.startswith("_")} - reading
        assert named | {name for name in vars(kind) if name in ("__setitem__", "__delitem__")} <= set(changes)
        assert {name for name in vars(kind) if name.startswith("__i") and name not in READ} <= set(changes)


def test_a_checked_configuration_is_copied_pickled_and_written_like_any_other():
    config = check_parts(composed("task=sib200", "data.languages=[de,fr]"))
    for copied in (copy.deepcopy(config), pickle.loads(pickle.dumps(config)), typed(container(config))):
        assert copied == config
        assert fingerprint(copied) == fingerprint(config)
    with pytest.raises(FrozenInstanceError):
        pickle.loads(pickle.dumps(config)).data.languages.append("es")
    assert str(config.data.languages) == "['de', 'fr']"
    changed = thawed(config)
    changed.data.languages.append("es")
    changed.task.table.columns[0].texts.clear()
    assert config.data.languages == ["de", "fr"]


def test_names_of_ones_own_are_typed_as_a_dictionary_and_other_keys_are_none():
    assert composed("prepare.codes={he: iw}").prepare.codes == {"he": "iw"}
    assert composed("prepare.codes.he=iw").prepare.codes == {"he": "iw"}
    assert composed("task.label_names={sport: GCAT}").task.label_names == {"sport": "GCAT"}
    for word in ("losses.inter_sentence.temp=1", "prepare.cods={he: iw}", "trainer.options.depth=1"):
        with pytest.raises(HydraException, match=word.split("=")[0]):
            composed(word)


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
        resolve(composing.composed(f"+trainer.options.{option}=1"))


def test_the_next_command_is_the_same_with_another_method(monkeypatch):
    assert hydra.typed_with("none") == "python train.py method=none"
    typed = ["data.root=my texts", "method=mlm", "losses.masked_words.weight=2", "ablation=no_afm", "seed=3", "trial=0"]
    overrides = SimpleNamespace(overrides=SimpleNamespace(task=typed))
    monkeypatch.setattr(hydra.HydraConfig, "initialized", lambda: True)
    monkeypatch.setattr(hydra.HydraConfig, "get", lambda: overrides)
    assert hydra.typed_with("none") == "python train.py 'data.root=my texts' seed=3 trial=0 method=none"
