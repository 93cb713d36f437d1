"""What is typed stays in its folders, counts what can be counted, and no secret of it is written down."""

import functools
import json
import os
import re
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import OverrideParseException
from typed import call

from mlalign.config.commands import COMMANDS
from mlalign.config.described import descriptions
from mlalign.config.explained import explain
from mlalign.config.folder import CONF
from mlalign.config.frozen import thawed
from mlalign.config.hydra import resolve
from mlalign.config.plain import container, typed
from mlalign.config.schema import Train
from mlalign.config.settings import is_name, leaves
from mlalign.config.task import TaskFiles
from mlalign.config.validation import check
from mlalign.config.words import PATHS, quoted
from mlalign.errors import ConfigError


@pytest.fixture(scope="module")
def base():
    with initialize_config_dir(CONF, version_base="1.3"):
        return resolve(compose("train", overrides=["task=xnli"]))


def changed(base, key, value):
    """Check a configuration with another value."""
    config = thawed(base)
    *groups, last = key.split(".")
    group = functools.reduce(
        lambda found, name: found[name] if isinstance(found, dict) else getattr(found, name), groups, config
    )
    if isinstance(group, dict):
        group[last] = value
    else:
        setattr(group, last, value)
    check(config)


OUTSIDE = ["../../x", "a/../../x", "/x", "..", ".x", "a\x00b", "a\nb", "x" * 300, "\ud800", "", "a\\b"]


@pytest.mark.parametrize("key", ["method.name", "task.name", "ablation.name"])
@pytest.mark.parametrize("name", [*OUTSIDE, "a/b"], ids=ascii)
def test_a_name_that_ends_in_a_path_stays_in_its_folder(key, name, base):
    with pytest.raises(ConfigError, match=f"{key}=(.|\n)*: expected a name of up to 255 characters, without slashes"):
        changed(base, key, name)


@pytest.mark.parametrize("key", ["backbone.name", "task.folder", "task.english_folder"])
@pytest.mark.parametrize("name", OUTSIDE, ids=ascii)
def test_a_path_below_a_folder_stays_below_it(key, name, base):
    with pytest.raises(ConfigError, match=f"{key}=(.|\n)*: expected a path inside the folder"):
        changed(base, key, name)


@pytest.mark.parametrize("key", ["data.parallel", "data.languages", "task.languages", "task.files.test"])
@pytest.mark.parametrize("name", OUTSIDE, ids=ascii)
def test_the_names_of_a_list_stay_in_their_folder(key, name, base):
    with pytest.raises(ConfigError, match=f"{key}=(.|\n)*: expected a list"):
        changed(base, key, ["de", name])


@pytest.mark.parametrize("key", ["prepare.codes", "task.codes"])
@pytest.mark.parametrize("name", OUTSIDE, ids=ascii)
def test_codes_on_either_side_stay_in_their_folder(key, name, base):
    for codes in ({"de": name}, {name: "de"}):
        with pytest.raises(ConfigError, match=f"{key}=(.|\n)*: expected on both sides"):
            changed(base, key, codes)


def test_names_of_the_field_are_names():
    for name in ("de", "zh_CN", "zh-Hans", "en_ewt", "XNLI-1.0", "no_afm+no_inter", "ß", "语言", "a b"):
        assert is_name(name)


@pytest.mark.parametrize("key", ["seed", "align.seed", "finetune.seed", "prepare.seed"])
@pytest.mark.parametrize("value", [-1, 2**32, 10**30])
def test_a_seed_is_one_that_every_library_takes(key, value, base):
    with pytest.raises(ConfigError, match=f"{key}={value}: expected a whole number from 0 to 4294967295"):
        changed(base, key, value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("align.steps", 10**20),
        ("align.batch_size", 2**32),
        ("data.held_out", 10**100),
        ("backbone.layers", 10**6),
        ("backbone.width", 10**12),
        ("backbone.vocabulary_size", 10**10),
        ("align.max_length", 10**9),
        ("trainer.workers", 10**6),
        ("align.max_grad_norm", float("inf")),
        ("data.max_ratio", float("inf")),
        ("data.max_ratio", float("nan")),
        ("align.betas", [0.9, float("nan")]),
        ("losses.inter_sentence.temperature", float("inf")),
        ("losses.inter_sentence.temperature", float("nan")),
        ("finetune.head.hidden", [10**9]),
        ("prepare.max_ratio", float("inf")),
        ("prepare.columns", [float("inf"), 1]),
    ],
)
def test_numbers_that_no_machine_can_serve_are_refused(key, value, base):
    with pytest.raises(ConfigError, match=rf"{key}.*: expected"):
        changed(base, key, value)


@pytest.mark.parametrize("key", PATHS)
@pytest.mark.parametrize(
    "path", ["/a b/c", "/a=b", "/a(1)", "/a,b", "/a'b", "/a'b\\", "/a#b", "/x;y&z!", "/ä/语", "C:\\x", "/a[0]", "/a{x}"]
)
def test_an_odd_path_needs_no_quotes(key, path):
    from hydra.core.override_parser.overrides_parser import OverridesParser

    override = OverridesParser.create().parse_override(quoted([f"{key}={path}"])[0])
    assert (override.key_or_group, override.value()) == (key, path)


def test_what_is_said_to_be_a_folder_is_declared_to_be_a_path():
    schemas = (Train, *(one.schema for one in COMMANDS.values()))
    said = {key: str(one) for schema in schemas for key, one in descriptions(schema).items()}
    free = {key for schema in schemas for key, leaf in leaves(schema).items() if leaf.allowed is None}
    assert not [key for key in free if re.search(r"^text.*\bfolders?\b", said[key])]


def test_what_hydra_understands_is_left_as_it_was_typed():
    for word in ("data.root=/plain/path", "output='/a b'", "runs=[a,b]", "data.root=${oc.env:HOME}/x", "seed=1,2", "x"):
        assert quoted([word]) == [word]
    assert quoted(["data.root=~/a b", "output=~/a", "seed=~/a", "data.root=a~"]) == [
        f"data.root='{Path.home()}/a b'",
        f"output={Path.home()}/a",
        "seed=~/a",
        "data.root='a~'",
    ]
    assert quoted(["-m", "data.root=a,b"]) == ["-m", "data.root=a,b"]
    assert quoted(["data.root=a,b", "output=true", "run=1e5"]) == ["data.root='a,b'", "output='true'", "run='1e5'"]


def test_options_can_be_typed_as_a_dictionary():
    words = quoted(["trainer.options={log_every_n_steps: 5}", "logger.options={notes: first}"])
    with initialize_config_dir(CONF, version_base="1.3"):
        config = resolve(compose("train", overrides=words))
    assert config.trainer.options == {"log_every_n_steps": 5}
    assert config.logger.options["notes"] == "first"


@pytest.mark.parametrize("variable", ["RANK", "SLURM_PROCID"])
def test_a_wrong_setting_is_told_by_the_first_of_several_processes(variable, monkeypatch, tmp_path):
    told = []
    for rank in "01":
        monkeypatch.setenv(variable, rank)
        done = call("train.py", ["seed=x"], tmp_path)
        assert done.returncode == 2
        told.append("ConfigError: seed" in done.stderr)
    assert told == [True, False]


@pytest.mark.parametrize(("typed", "key"), [("{1: X}", "task.label_names.1"), ("{true: X}", "task.label_names.True")])
def test_a_key_that_is_read_as_a_number_is_refused_with_what_to_type(typed, key, tmp_path):
    done = call("train.py", [f"task.label_names={typed}"], tmp_path)
    assert done.returncode == 2
    assert f"type it as {key}=VALUE, or in a file write the key in quotes" in done.stderr
    with initialize_config_dir(CONF, version_base="1.3"):
        composed = compose("train", overrides=[f"{key}=X"])
    assert composed.task.label_names == {key.rpartition(".")[2]: "X"}


@pytest.mark.parametrize("word", ["data.root='a' [1]", 'prepare.codes={"no": nb}'])
def test_a_word_that_hydra_cannot_read_is_named(word):
    with pytest.raises(OverrideParseException) as raised:
        OverridesParser.create().parse_overrides(["seed=1", word])
    assert explain(raised.value).startswith(f"{word}: Hydra cannot read this (")


@pytest.mark.parametrize(
    "words",
    [
        ["task.files={test: [x]}"],
        ["task.files.test=[x]"],
        ["task.files={train: [y]}", "task.files.test=[x]", "task.files.train=[]"],
    ],
    ids=" ".join,
)
def test_keys_inside_of_what_is_null_can_be_typed(words):
    with initialize_config_dir(CONF, version_base="1.3"):
        config = resolve(compose("train", overrides=["task=mldoc", *quoted(words)]))
    assert config.task.files == TaskFiles(test=["x"])


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("task.files.tst=[x]", "task.files.tst: no such key. Did you mean test?"),
        ("task.files={test: x}", "task.files.test: Invalid value assigned: "),
        ("task.table.quoted=true", "task.table.columns: a value is needed"),
        ("task.release.files.train=x", "task.release.converter, task.release.files.test, task.release.repo"),
        ("weighting=${seed}", "weighting=${seed}: expected settings such as weighting.form=VALUE"),
        ("weighting.form=${seed}", "weighting.form=${seed}: Invalid value '1', expected one of [kendall, "),
        ("align.steps=${name}", "align.steps=${name}: Interpolation key 'name' not found; give a value"),
        ("data.root=${oc.env:NOWHERE}", "data.root=${oc.env:NOWHERE}: \"Environment variable 'NOWHERE' not found\"; "),
    ],
)
def test_what_is_wrong_behind_a_key_or_an_interpolation_is_named(word, message, tmp_path):
    ended = call("train.py", [word, "task=mldoc"], tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"ConfigError: {message}")


def test_a_word_that_is_no_text_is_refused_in_one_message(tmp_path):
    ended = call("train.py", ["data.root=/tmp/\udcff"], tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.strip().endswith("expected a word in UTF-8; rename what it names")
    assert "Traceback" not in ended.stderr


def test_a_secret_of_the_environment_is_saved_as_the_name_of_its_variable(monkeypatch):
    monkeypatch.setenv("TOKEN", "s3cret")
    monkeypatch.setenv("WANDB_API_KEY", "a-long-secret-value")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    monkeypatch.setenv("PLACE", "/somewhere")
    words = ["+logger.options.api_key=${oc.env:TOKEN}", "data.root=${oc.env:PLACE}/a-long-secret-value/x"]
    with initialize_config_dir(CONF, version_base="1.3"):
        config = resolve(compose("train", overrides=["data=files", "data.parallel=[c]", *words]))
    assert config.logger.options == {"api_key": "s3cret"}  # where it is used
    saved = container(config)
    assert saved["logger"]["options"] == {"api_key": "${oc.env:TOKEN}"}
    assert saved["data"]["root"] == "/somewhere/${oc.env:WANDB_API_KEY}/x"
    text = json.dumps(saved)
    assert "s3cret" not in text
    assert "a-long-secret-value" not in text
    assert typed(saved) == typed(container(config))
    assert typed(saved).logger.options == {"api_key": "s3cret"}  # whoever reads the file needs the secret, too
    monkeypatch.delenv("TOKEN")
    assert os.environ["PLACE"] in text
