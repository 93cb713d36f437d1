"""docs/systems.md says what to type for each row of the paper's tables; sweeps over systems have every method."""

import re
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir

from mlalign.config.folder import CONF
from mlalign.config.hydra import resolve
from mlalign.reporting.paper import TABLES
from mlalign.stages.validation import check_parts

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "systems.md").read_text(encoding="utf-8")
SECTION = PAGE.split("\n## The rows of the paper's tables\n")[1].split("\n## ")[0]
ROWS = {
    cells[0]: cells[1:]
    for line in SECTION.splitlines()
    if line.startswith("| ") and (cells := [one.strip() for one in line.strip("|").split("|")])[0] not in ("Row", "---")
}
TYPED = sorted(
    {typed for cells in ROWS.values() for typed in re.findall(r"`([^`]*\bmethod=[^`]*)`", " ".join(cells[1:]))}
)


def test_every_row_of_the_paper_is_there_with_its_tables():
    found = {}
    for name, table in TABLES.items():
        for row in table["rows"]:
            if not row["model"].startswith("no_"):
                found.setdefault(row["model"], []).append(name[5])
    assert {name: cells[0].split(", ") for name, cells in ROWS.items()} == found


@pytest.mark.parametrize("typed", TYPED)
def test_what_is_to_be_typed_composes(typed):
    with initialize_config_dir(CONF, version_base="1.3"):
        config = check_parts(resolve(compose("train", typed.split())))
    assert config.method.name in typed


def test_every_system_and_every_tuning_has_its_row():
    ours = {"none", "inter_sentence", "multilevel", "multilevel_v1", "literal"}
    firsts = {
        cell
        for line in PAGE.splitlines()
        if line.startswith("| `")
        for cell in re.findall(r"`(\w+)`", line.split("|")[1])
    }
    there = {path.stem for group in ("method", "tuning") for path in (Path(CONF) / group).glob("*.yaml")}
    assert there - ours == firsts


def test_a_row_without_a_command_says_why():
    assert all(cells[1] != "none" or cells[2] for cells in ROWS.values())


@pytest.mark.parametrize(("name", "group"), [("systems", "method"), ("trials", "method"), ("tunings", "tuning")])
def test_a_sweep_has_every_choice(name, group):
    sweep = yaml.safe_load((ROOT / "sweeps" / f"{name}.yaml").read_text(encoding="utf-8"))
    assert sorted(sweep["parameters"][group]["values"]) == sorted(
        path.stem for path in (Path(CONF) / group).glob("*.yaml")
    )
