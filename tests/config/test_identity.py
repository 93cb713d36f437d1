"""Changing a setting changes exactly the identities that it says it affects."""

import copy
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from reporting.made import other as other_run
from reporting.made import run

from mlalign.config.folder import CONF
from mlalign.config.hydra import resolve
from mlalign.config.identity import (
    SEEDS,
    VARIES,
    alignment_settings,
    fingerprint,
    is_compared,
    leaf_of,
    run_name,
    setting_name,
)
from mlalign.config.plain import container
from mlalign.config.schema import Train
from mlalign.config.settings import Affects, flattened, values
from mlalign.config.sweep import sweep_of
from mlalign.errors import ConfigError
from mlalign.reporting.variation import refuse_other_differences

with initialize_config_dir(CONF, version_base="1.3"):
    CONFIG = resolve(compose("train"))
PLAIN = container(CONFIG)
LEAVES = sorted(values(CONFIG))
AFFECT_NOTHING = {
    "aligned", "backbone.gradient_checkpointing", "backbone.note", "backbone.path", "data.cache",
    "keep_checkpoints", "logger.artifacts",
    "logger.figures", "logger.group", "logger.rows", "logger.texts",
    "method.note", "method.publication", "method.tunes", "output", "resume",
    "trainer.checkpoint_minutes", "trainer.compile", "trainer.deterministic", "trainer.devices",
    "trainer.keep_freed_memory", "trainer.progress", "trainer.workers", "tuned",
    "dry_run", *(f"card.{name}" for name in vars(CONFIG.card) if name != "_frozen"),
    *(f"prepare.{name}" for name in vars(CONFIG.prepare) if name != "_frozen"),
}  # fmt: skip
ALIGN_TOO = ("align.", "backbone.", "fusion.", "losses", "weighting.")
SINGLE = {
    "data.held_out", "data.link_layer", "data.links", "data.max_pairs", "data.max_ratio", "data.min_tokens",
    "data.on_bad_line", "data.pivot", "data.sampling_exponent",
    "method.language_tokens", "trainer.precision",
}  # fmt: skip
RUN_ONLY = {
    "align.budget.amount", "align.budget.unit", "backbone.attention", "backbone.prune_vocabulary", "backbone.tokenizer",
    *(f"backbone.adapter.{name}" for name in vars(CONFIG.backbone.adapter) if name != "_frozen"),
}  # fmt: skip


def other(value: Any) -> Any:
    """Another value of the same type."""
    match value:
        case bool():
            return not value
        case Enum():
            return next(one for one in type(value) if one != value)
        case int() | float():
            return value + 1
        case list():
            return [*value, "more"]
        case dict():
            return {**value, "more": ["x"]}
        case _:
            return f"{value}x"


def changed(key: str) -> Train:
    config = copy.deepcopy(CONFIG)
    node: Any = config
    *groups, name = key.split(".")
    for group in groups:
        node = getattr(node, group)
    object.__setattr__(node, name, other(getattr(node, name)))
    return config


def expected(key: str) -> Affects:
    """By hand, not as the schema has it."""
    if key in AFFECT_NOTHING:
        return Affects.nothing
    aligns = key.startswith(ALIGN_TOO) and key not in RUN_ONLY
    return Affects.alignment if aligns or key in SINGLE else Affects.run


def test_the_schema_says_what_is_expected_of_it():
    assert {key: leaf_of(key).affects for key in LEAVES} == {key: expected(key) for key in LEAVES}


@pytest.mark.parametrize("key", [key for key in LEAVES if key != "backbone.path"])  # known by its files
def test_a_setting_changes_the_identities_that_it_affects_and_no_other(key):
    config, affects = changed(key), expected(key)
    aligned = fingerprint(alignment_settings(config)) != fingerprint(alignment_settings(CONFIG))
    assert aligned == (affects == Affects.alignment)
    assert (run_name(config, {}) != run_name(CONFIG, {})) == (affects != Affects.nothing)
    sweeps = [sweep_of(["-m", "method=none,mlm", *more]).name for more in ([], [f"{key}=x"])]
    assert (sweeps[0] != sweeps[1]) == (affects != Affects.nothing)


@pytest.mark.parametrize("path", sorted((Path(CONF) / "method").glob("*.yaml")), ids=lambda path: path.stem)
def test_rows_of_a_table_of_methods_may_differ_in_all_that_a_method_sets(path):
    set_here = flattened(OmegaConf.to_container(OmegaConf.load(path)))
    keys = [key for key in set_here if key != "defaults" and is_compared(key)]
    assert [key for key in keys if not is_compared(key, VARIES["main"])] == []


@pytest.mark.parametrize("key", [key for key in LEAVES if key != "backbone.path"])
def test_a_setting_tells_runs_apart_in_tables_and_in_tracking_or_neither(key):
    counted = not key.startswith(("trainer.", "logger.")) and key not in (*SEEDS, "trial")
    compared = expected(key) != Affects.nothing and counted

    def is_in(kind: str) -> bool:
        return any(f"{key}.".startswith(f"{group}.") for group in VARIES[kind])

    config = changed(key)
    # The task's name is written out in the group's name.
    assert (setting_name(config) != setting_name(CONFIG)) == (
        (compared and not is_in("main")) or key in ("backbone.name", "task.name")
    )
    plain = copy.deepcopy(PLAIN)
    group = plain
    for name in key.split(".")[:-1]:
        group = group[name]
    group[key.split(".")[-1]] = "something else"
    runs = [other_run(run(), config=one) for one in (PLAIN, plain)]
    for kind in VARIES:
        refused = False
        try:
            refuse_other_differences("mldoc", runs, kind)
        except ConfigError as error:
            refused = key in str(error)
        assert refused == (compared and not is_in(kind)), kind


def test_what_the_schema_does_not_know_affects_everything():
    assert leaf_of("gone.setting").affects == Affects.alignment
    assert leaf_of("trainer.options.profiler") == leaf_of("trainer.options")
    for more in ("experiment=x", "task=panx", "+gone=1"):
        assert sweep_of(["-m", "seed=1,2", more]) != sweep_of(["-m", "seed=1,2"])


def test_a_fingerprint_is_that_of_the_settings_whatever_their_order():
    one = {"align": {"steps": 4, "batch_size": 8}, "text": ["a", "b"]}
    same = {"text": ["a", "b"], "align": {"batch_size": 8, "steps": 4}}
    assert fingerprint(one) == fingerprint(same)
    others: list[Any] = [
        {"align": {"steps": 4, "batch_size": 9}, "text": ["a", "b"]},
        {"align": {"steps": 4, "batch_size": 8}, "text": ["b", "a"]},
        {"align": {"steps": "4", "batch_size": 8}, "text": ["a", "b"]},
        {"align": {"steps": 4, "batch_size": 8}, "text": ["a", "b"], "more": None},
    ]
    assert len({fingerprint(one), *map(fingerprint, others)}) == 5
    assert fingerprint({}).isalnum()
