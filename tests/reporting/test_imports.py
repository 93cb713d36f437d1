"""Reporting works on what runs wrote: it needs no library that runs an encoder."""

import subprocess
import sys
from pathlib import Path

import mlalign.reporting

FOLDER = Path(mlalign.reporting.__file__).parent


def test_reporting_imports_no_torch_and_scikit_learn_only_where_it_draws():
    commands = ("__init__", "__main__", "make_fonts")
    files = [path for path in FOLDER.rglob("*.py") if path.stem not in commands and path.parent.name != "report"]
    names = [".".join(("mlalign.reporting", *path.relative_to(FOLDER).with_suffix("").parts)) for path in files]
    code = f"import sys, {', '.join(names)}; print({{'torch', 'transformers', 'sklearn'}} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert ended.stdout.strip() == "set()", ended.stderr
