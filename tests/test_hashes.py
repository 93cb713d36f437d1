"""`make setup` takes the versions of constraints.txt and checks each file by its hash."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
UNHASHED = {"torch"}  # whose build depends on the machine
# What other packages bring on other systems or versions of Python, which constraints.txt is not made on.
ELSEWHERE = {"colorama", "fasttext-predict-v2", "httpx2-jsfetch", "pathspec", "pluggy", "setuptools"}


def pins(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    found = re.findall(r"^([\w.-]+)==([\w.+]+)", text, re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", package).lower(): version for package, version in found}


def test_every_pinned_package_has_hashes_of_the_same_version():
    constraints, hashed = pins("constraints.txt"), pins("hashes.txt")
    assert constraints.keys() - hashed.keys() == UNHASHED
    assert hashed.keys() - constraints.keys() <= ELSEWHERE
    for package in constraints.keys() & hashed.keys():
        assert hashed[package] == constraints[package], package


def test_every_package_that_is_installed_first_is_checked():
    blocks = re.split(r"\n(?=\w)", (ROOT / "hashes.txt").read_text(encoding="utf-8"))
    for block in blocks:
        if not block.startswith("#"):
            assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block.splitlines()[0]
    assert "--require-hashes --no-deps -r hashes.txt" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_make_check_looks_for_what_is_unsafe():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^check:.*\n\t\$\(BIN\)/ruff check \.$", makefile, re.MULTILINE)
    unsafe = '"""Module."""\n\nimport pickle\nimport subprocess\n\nsubprocess.run("ls", shell=True)\npickle.loads(b"")'
    command = [sys.executable, "-m", "ruff", "check", "--output-format=concise", "--stdin-filename=mlalign/x.py", "-"]
    found = subprocess.run(command, input=unsafe, cwd=ROOT, capture_output=True, text=True, check=False)
    assert {"S301", "S602"} <= set(re.findall(r"\bS\d{3}\b", found.stdout)), found.stdout + found.stderr
