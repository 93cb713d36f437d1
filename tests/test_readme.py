"""What the README and the pages of docs/ print is what there is."""

import re
import shlex
from pathlib import Path

import pytest
from composing import composed
from hydra import compose, initialize_config_dir

from mlalign.commands.evaluation import select_command
from mlalign.config.folder import CONF
from mlalign.config.schema import Train
from mlalign.config.words import quoted

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {
    path: path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
}
COMMANDS = list(
    dict.fromkeys(
        line.split("  #")[0].strip()
        for text in PAGES.values()
        for line in text.replace("\\\n", " ").splitlines()
        if line.startswith("    ")
    )
)
PLACEHOLDERS = {
    "METHOD": "multilevel",
    "SEED": "1",
    "$method": "multilevel",
    "support": "mldoc",
    "$SLURM_ARRAY_TASK_ID": "1",
}
WIDTH = 120


def words_of(command: str, script: str) -> list[str]:
    """What is typed behind a script, but launchers, which are optional."""
    for name, value in PLACEHOLDERS.items():
        command = command.replace(f"={name}", f"={value}")
    typed = shlex.split(command)
    return [one for one in typed[typed.index(script) + 1 :] if one != "..." and not one.startswith("hydra")]


@pytest.mark.parametrize("command", [one for one in COMMANDS if one.startswith("make ")])
def test_every_make_target_exists(command):
    target = command.split()[1]
    assert re.search(rf"^{target}:.*##", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize("command", [one for one in COMMANDS if " train.py" in one and " evaluate.py" not in one])
def test_every_training_command_composes(command):
    """Of a sweep its first run, and the last values with its groups; of a range, one; choices of groups are files."""
    words = words_of(command, "train.py")
    if words == ["--help"]:
        return
    sweeps = "-m" in words
    typed = [word.partition("=")[::2] for word in words if word != "-m"]
    typed = [(key, re.sub(r"range\(.*\)", "0", re.sub(r"glob\(.*\)", "mlm", value))) for key, value in typed]
    values = [(key, re.split(r",(?![^\[]*\])", value) if sweeps else [value]) for key, value in typed]
    for key, each in values:
        if (Path(CONF) / key).is_dir():
            for one in [one for value in each for one in value.strip("[]").split(",")]:
                assert (Path(CONF) / key / f"{one}.yaml").is_file() or one in PLACEHOLDERS.values(), f"{key}={one}"
    for place in (0, -1):
        chosen = [(key, each[0 if (Path(CONF) / key).is_dir() else place]) for key, each in values]
        assert composed(*quoted([f"{key}={value}" for key, value in chosen])) is not None


@pytest.mark.parametrize("command", [one for one in COMMANDS if "python evaluate.py" in one])
def test_every_evaluation_command_composes(command):
    words = words_of(command, "evaluate.py")
    name, _ = select_command(words)
    with initialize_config_dir(CONF, version_base="1.3"):
        assert compose(name, overrides=quoted(words)) is not None


def test_every_group_choice_is_listed():
    text = PAGES[ROOT / "docs" / "configuration.md"]
    for group in ("backbone", "data", "method", "losses", "ablation", "task", "trainer", "logger"):
        for path in (Path(CONF) / group).glob("*.yaml"):
            assert f"`{path.stem}`" in text, f"{group}={path.stem}"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_that_is_named_exists(page):
    for name in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", PAGES[page]):
        assert (page.parent / name).exists(), name
    for name in re.findall(r"`((?:mlalign|conf|benchmarks|tests)/[\w/]+\.\w+)`", PAGES[page]):
        assert (ROOT / name).is_file(), name


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_heading_that_is_linked_to_exists(page):
    for name, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", PAGES[page]):
        text = PAGES[(page.parent / name).resolve() if name else page]
        headings = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
        assert anchor in [re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings], (name, anchor)


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=lambda path: str(path.relative_to(ROOT)))
def test_no_line_is_too_long_to_be_read_in_an_editor(page):
    lines = page.read_text(encoding="utf-8").splitlines()
    assert not [line for line in lines if len(line) > WIDTH and not line.startswith("|")]


def test_every_key_that_is_named_exists():
    known = set(Train.__dataclass_fields__)
    for key in re.findall(r"`([a-z_]+)\.[a-z_.]+=", README + PAGES[ROOT / "docs" / "configuration.md"]):
        assert key in known, key


def test_every_number_of_the_first_table_was_measured():
    table = (ROOT / "docs" / "results" / "study_operations.txt").read_text(encoding="utf-8")
    found = re.findall(r"\d+\.\d ± \d+\.\d", README.replace("\n", " "))
    assert len(found) == 13
    for number in found:
        assert re.search(rf"(?<!\d){re.escape(number)}", table), number
