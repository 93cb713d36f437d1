"""What the README prints is what there is."""

import re
import shlex
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from mlalign.config.folder import CONF
from mlalign.config.schema import Train

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [line.split("  #")[0].strip() for line in README.splitlines() if line.startswith("    ")]


@pytest.mark.parametrize("command", [one for one in COMMANDS if one.startswith("make ")])
def test_every_make_target_exists(command):
    target = command.split()[1]
    assert re.search(rf"^{target}:.*##", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize("command", [one for one in COMMANDS if "train.py" in one])
def test_every_training_command_composes(command):
    """Overrides that sweep are tried with each of their values."""
    words = shlex.split(command)[2:]
    if words == ["--help"]:
        return
    alternatives = [[]]
    for word in words:
        if word == "-m":
            continue
        key, _, value = word.partition("=")
        values = value.split(",") if "-m" in words else [value]
        alternatives = [[*one, f"{key}={each}"] for one in alternatives for each in values]
    with initialize_config_dir(CONF, version_base="1.3"):
        for overrides in alternatives:
            assert compose("train", overrides=overrides) is not None


def test_every_group_choice_is_listed():
    for group in ("backbone", "data", "method", "ablation", "task", "trainer", "logger"):
        for path in (Path(CONF) / group).glob("*.yaml"):
            assert f"`{path.stem}`" in README, f"{group}={path.stem}"


def test_every_file_that_is_named_exists():
    for name in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / name).is_file(), name
    for name in re.findall(r"`((?:mlalign|conf)/[\w/]+\.\w+)`", README):
        assert (ROOT / name).is_file(), name


def test_every_key_that_is_named_exists():
    known = set(Train.__dataclass_fields__)
    for key in re.findall(r"`([a-z_]+)\.[a-z_.]+=", README):
        assert key in known, key


def test_every_number_of_the_first_table_was_measured():
    tables = [ROOT / "docs" / "results" / f"{name}.txt" for name in ("sample", "ablation")]
    table = "\n".join(path.read_text(encoding="utf-8") for path in tables)
    found = re.findall(r"\d+\.\d ± \d+\.\d", README)
    assert len(found) == 8
    for number in found:
        assert re.search(rf"(?<!\d){re.escape(number)}", table), number
