"""Counts and sentences in messages."""

import doctest
import re
from pathlib import Path

from mlalign import wording


def test_the_examples_of_wording_hold():
    assert doctest.testmod(wording).attempted == 2
    assert wording.plural(0, "row") == "0 rows"


def test_no_message_puts_a_number_that_may_be_one_in_front_of_a_plural():
    """Of what users see most: what a run says while it lasts."""
    logged = re.compile(r'log\.(?:info|warning)\(\s*"[^"]*%d (?!is\b)(?:\w+ )?\w+s\b')
    rooms = ("alignment", "data", "finetuning", "stages", "training")
    root = Path(wording.__file__).parent
    found = [
        f"{path.name}: {hit.group()}"
        for room in rooms
        for path in sorted((root / room).rglob("*.py"))
        for hit in logged.finditer(path.read_text(encoding="utf-8"))
    ]
    assert not found
