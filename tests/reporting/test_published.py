"""The committed tables are what ``make tables`` makes of the committed results."""

import re
import shlex
from pathlib import Path

import pytest

from mlalign.reporting.compare import compare_runs

ROOT = Path(__file__).parents[2]
COMMANDS = re.findall(r"evaluate\.py (runs=.*output=docs/\S+)", (ROOT / "Makefile").read_text(encoding="utf-8"))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_published_table_is_up_to_date(command, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    typed = dict(word.split("=", 1) for word in shlex.split(command))
    published = Path(typed["output"])
    (written,) = compare_runs(
        typed["runs"],
        kind=typed.get("table", "main"),
        baseline=typed.get("baseline"),
        mixed=typed.get("mixed_code") == "true",
        output=str(tmp_path / published.name),
    )
    assert written.read_text(encoding="utf-8") == published.read_text(encoding="utf-8")


def test_every_published_table_is_made():
    made = {re.search(r"output=(\S+)", command)[1] for command in COMMANDS}
    assert made == {f"docs/results/{path.name}" for path in ROOT.glob("docs/results/*.txt")}
