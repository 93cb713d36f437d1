"""What is imported with what: every module by itself, and three rooms without torch."""

import json
import pkgutil
import re
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest

import mlalign
from mlalign.config.validation import part_names
from mlalign.metrics.tasks import task_metrics
from mlalign.tasks.registry import learned_tasks

MODULES = sorted(one.name for one in pkgutil.walk_packages(mlalign.__path__, "mlalign.") if "__main__" not in one.name)
HEAVY = ("torch", "transformers", "lightning")
# The libraries are imported once; each module meets none of ours that is imported already.
EACH_ALONE = f"""
import importlib, json, sys, traceback
found = {{}}
for name in {MODULES!r}:
    for ours in [one for one in sys.modules if one.split(".")[0] == "mlalign"]:
        del sys.modules[ours]
    try:
        importlib.import_module(name)
        found[name] = ""
    except BaseException:
        found[name] = traceback.format_exc()
print(json.dumps(found))
"""


def python(code: str) -> str:
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def alone() -> dict[str, str]:
    return json.loads(python(EACH_ALONE).splitlines()[-1])


@pytest.mark.long
@pytest.mark.parametrize("name", MODULES)
def test_a_module_can_be_imported_by_itself(name, alone):
    assert alone[name] == ""


def inside(root: str) -> list[str]:
    return [name for name in MODULES if name == root or name.startswith(f"{root}.")]


def test_these_rooms_import_no_torch_and_no_scikit_learn():
    """All in one process; scikit-learn is imported where something is drawn."""
    roots = ("mlalign.config", "mlalign.data.readers", "mlalign.metrics.tasks", "mlalign.reporting")
    names = [name for root in roots for name in inside(root)]
    loaded = python(f"import importlib, sys\nfor name in {names!r}: importlib.import_module(name)\nprint(*sys.modules)")
    assert not {*HEAVY, "sklearn"} & set(loaded.split())


ROOT = Path(__file__).parents[1]


def walk() -> list[tuple[str, list[str]]]:
    """The files of CONTRIBUTING's way from train.py to a gradient, and the names to read in each."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## From `train.py`")[1].split("## ")[0]
    rows = [re.findall(r"`([^`]+)`", line) for line in text.splitlines() if line.startswith("| `")]
    return [(file, names) for file, *names in rows]


def test_train_leads_to_a_gradient_through_at_most_six_files_each_naming_the_next():
    files = [file for file, _ in walk()]
    assert len(files) <= 6
    assert files[0] == "train.py"
    assert files[2].startswith("mlalign/stages/")  # the method within three files
    for file, following in pairwise(files):
        module = following.removesuffix(".py").replace("/", ".")
        package = module.rpartition(".")[0]
        named = [module] if package == "mlalign" else [module, package]
        text = (ROOT / file).read_text(encoding="utf-8")
        assert any(re.search(rf"^ *from {re.escape(one)}[. ]", text, re.MULTILINE) for one in named), (file, following)
    for file, names in walk():
        for name in names:
            assert name in (ROOT / file).read_text(encoding="utf-8"), (file, name)


def test_the_way_to_a_gradient_never_climbs_back():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    floors = [floor.split(" | ") for floor in contracts[0]["layers"]]
    rooms = [re.match(r"mlalign/(\w+)", file)[1] for file, _ in walk()[1:]]
    places = [next(place for place, floor in enumerate(floors) if room in floor) for room in rooms]
    assert places == sorted(places)


def named(pattern: str, *places: str, but: tuple[str, ...] = ()) -> list[str]:
    """What files of the package, or of some places in it, have of a pattern, some folders and files left out."""
    package = Path(mlalign.__path__[0])
    files = [path for place in places or ("**/*.py",) for path in sorted(package.glob(place))]
    assert files
    return [
        f"{path.relative_to(package)}: {hit.group()}"
        for path in files
        if not path.relative_to(package).as_posix().startswith(but)
        for hit in re.finditer(pattern, path.read_text(encoding="utf-8"))
    ]


def test_what_holds_of_every_loss_names_none():
    names = "|".join(part_names("losses"))
    rooms = ("config", "stages", "pricing", "commands")
    files = ("alignment/module.py", "alignment/assembly.py", "alignment/validation.py", "pipeline.py")
    assert named(rf'"({names})"', *files, *(f"{room}/*.py" for room in rooms)) == []


def test_only_the_tasks_name_a_metric_or_ask_for_a_type_of_task():
    metrics = "|".join(task_metrics())
    types = "|".join(["Retrieval", *(one.__name__ for one in learned_tasks().values())])
    assert named(rf'"({metrics})"|isinstance\([^()]*\b({types})\b', but=("tasks/", "metrics/")) == []


def test_english_is_said_once():
    assert named(r'= "en"|setting\("en"', but=("data/languages.py", "data/sample/")) == []


def test_shapes_are_declared_of_classes():
    """``NDArray[...]`` is no class from numpy 2.5 on, and jaxtyping refuses it when a module is imported."""
    files = Path(mlalign.__path__[0]).rglob("*.py")
    assert [
        path.name for path in files if re.search(r"(Float|Int|Bool|Shaped)\w*\[NDArray", path.read_text("utf-8"))
    ] == []
