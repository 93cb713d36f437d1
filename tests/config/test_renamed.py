"""Old names of keys are accepted wherever settings are read, with one warning each."""

import composing
import pytest
from typed import call

from mlalign.config.hydra import resolve
from mlalign.config.plain import container, typed
from mlalign.config.renamed import RENAMED, renamed_words
from mlalign.config.settings import values
from mlalign.config.sweep import sweep_of
from mlalign.errors import ConfigError

TYPED = {"align.pairs": "7", "align.curves": "3", "data.min_words": "2", "keep": "none"}


def composed(*overrides: str):
    return resolve(composing.composed(*overrides))


def test_every_old_key_is_tried_here():
    assert TYPED.keys() == RENAMED.keys()


@pytest.mark.parametrize("old", sorted(RENAMED))
def test_an_old_key_sets_the_new_one_with_one_warning(old, caplog):
    config = composed(f"{old}={TYPED[old]}")
    assert str(values(config)[RENAMED[old]]) == TYPED[old]
    assert [RENAMED[old] in one.getMessage() for one in caplog.records] == [True]
    caplog.clear()
    assert composed(f"{RENAMED[old]}={TYPED[old]}") == config
    assert not caplog.records


def test_the_words_of_a_command_get_the_new_names():
    assert renamed_words(["-m", "align.pairs=8,16", "+keep=all", "method=none", "align.steps=1"]) == [
        "-m", "align.batch_size=8,16", "+keep_checkpoints=all", "method=none", "align.steps=1",
    ]  # fmt: skip
    assert sweep_of(renamed_words(["-m", "align.pairs=8,16"])) == sweep_of(["-m", "align.batch_size=8,16"])
    with pytest.raises(ConfigError, match=r"align\.pairs and align\.batch_size are both given"):
        renamed_words(["align.batch_size=4", "align.pairs=8"])


@pytest.mark.parametrize("source", ["https://example.org/mine", "mine", "files of my own"])
def test_a_former_source_of_a_task_is_its_url(source, caplog):
    former = composing.composed("task=mldoc")
    former.task.url, former.task.source = "???", source
    task = resolve(former).task
    assert (task.url, task.source) == (source, "en")
    assert ["task.url" in one.getMessage() for one in caplog.records] == [True]
    former.task.source = "de"
    with pytest.raises(ConfigError, match=r"task\.url: a value is needed"):
        resolve(former)


def test_results_with_old_keys_open():
    config = composed("align.batch_size=7", "keep_checkpoints=all")
    old = container(config)
    for name, new in RENAMED.items():
        group, _, last = new.rpartition(".")
        node = old[group] if group else old
        node[name.rpartition(".")[2]] = node.pop(last)
    assert typed(old) == typed(container(config)) == config


@pytest.mark.parametrize(
    ("text", "typed", "status", "said"),
    [
        ("pairs: 1", [], 2, "align.batch_size=1: expected at least 2"),
        ("pairs: 8\n  batch_size: 9", [], 2, "both given"),
        ("pairs: 8", ["align.batch_size=9"], 2, "both given"),
    ],
)
def test_an_old_key_in_a_file(text, typed, status, said, tmp_path):
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(f"# @package _global_\nalign:\n  {text}\n")
    ended = call("train.py", ["--config-dir", str(tmp_path), "experiment=mine", *typed], tmp_path)
    assert ended.returncode == status
    assert said in ended.stderr
    assert ended.stderr.count("Error") == 1
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("inherited", "own", "said"),
    [
        ("{pairs: 8, batch_size: 9}", "{steps: 3}", "both given"),
        ("{pairs: 8}", "{batch_size: 9}", "both given"),
        ("{batch_size: 9}", "{pairs: 1}", "align.batch_size=1: expected at least 2"),
    ],
)
def test_an_old_key_in_an_inherited_file(inherited, own, said, tmp_path):
    folder = tmp_path / "experiment"
    folder.mkdir()
    (folder / "base.yaml").write_text(f"# @package _global_\nalign: {inherited}\n")
    (folder / "mine.yaml").write_text(f"# @package _global_\ndefaults: [base]\nalign: {own}\n")
    ended = call("train.py", ["--config-dir", str(tmp_path), "experiment=mine"], tmp_path)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert ended.stderr.count("Error") == 1


def test_a_sweep_over_an_old_key_is_one_over_the_new(tmp_path):
    ended = call("train.py", ["-m", "align.pairs=1,0", f"hydra.sweep.dir={tmp_path}"], tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.count("is now called") == 1
    for number, value in enumerate((1, 0)):
        assert f"run {number} (align.batch_size={value}): ConfigError: align.batch_size={value}" in ended.stderr
