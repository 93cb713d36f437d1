"""What is imported with what: every module by itself, and three rooms without torch."""

import json
import pkgutil
import subprocess
import sys

import pytest

import mlalign

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
