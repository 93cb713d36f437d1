"""What `--help` says of a key is what its schema says, and no key is without a word."""

import re
from dataclasses import dataclass

import pytest

from mlalign.config import commands
from mlalign.config.described import comments, descriptions, with_descriptions
from mlalign.config.enums import Pool
from mlalign.config.hydra import help_text
from mlalign.config.renamed import RENAMED
from mlalign.config.schema import Train
from mlalign.config.settings import at_least, setting


@dataclass
class Inner:
    """What is inside."""

    # Above it,
    # and again above.
    rate: float | None = setting(None, at_least(0))  # behind it.
    pool: Pool = Pool.mean


@dataclass
class Outer:
    """A schema of our own."""

    inner: Inner = setting(Inner)  # not said: the group says it
    other: Inner | None = None  # null: none
    names: dict[str, int] = setting(dict)
    flag: bool = False  # one # two


def test_a_key_is_described_by_its_type_its_range_and_its_comments():
    assert {key: str(said) for key, said in descriptions(Outer).items()} == {
        "inner": "what is inside",
        "inner.rate": "at least 0 or null; above it, and again above. behind it",
        "inner.pool": "first | mean | max; how a sentence becomes one vector",
        "other": "null: none",
        "other.rate": "at least 0 or null; above it, and again above. behind it",
        "other.pool": "first | mean | max; how a sentence becomes one vector",
        "names": "a dictionary",
        "flag": "true | false; one # two",
    }


def test_a_class_has_the_comments_of_its_parents():
    @dataclass
    class Child(Inner):
        flag: bool = False  # its own

    assert comments(Child)["rate"] == comments(Inner)["rate"]
    assert comments(Child)["flag"] == "its own"


def test_descriptions_stand_behind_their_own_keys():
    text = "inner:\n  rate: 1\nother:\n- rate: 2\nrate: 3\n"
    assert re.findall(r"(\S+:.*?) +# (.*)", with_descriptions(text, descriptions(Outer))) == [
        ("inner:", "what is inside"),
        ("rate: 1", "at least 0 or null; above it, and again above. behind it"),
        ("other:", "null: none"),
    ]


def test_every_key_of_a_run_says_what_it_means():
    assert [key for key, said in descriptions(Train).items() if not said.means] == []


def test_help_of_train_has_a_word_on_every_key_but_those_of_losses_and_old_names():
    text = help_text("train", ["method=none"]).split("Keys (set one")[1]
    old = {key.rpartition(".")[2] for key in RENAMED}
    silent = {key for key in re.findall(r"^ *(\w+):(?!.*  # )", text, flags=re.MULTILINE) if key not in old}
    assert silent <= {"each", "en"}  # of task.sizes, whose names are languages


def test_help_has_the_comments_of_the_files_of_losses_and_tunings():
    text = help_text("train", ["tuning=code_switch"])
    assert re.search(r"^    ratio: 1.0 +# of the examples that are touched$", text, flags=re.MULTILINE)
    assert re.search(r"^    view: clean +# masked: what masked_words reads", text, flags=re.MULTILINE)


@pytest.mark.parametrize("name", ["evaluate", "choose", "report", "show", "align_words"])
def test_help_of_a_question_lists_its_keys_alone(name):
    text = help_text(name, [])
    assert "align:" not in text
    schema = {"evaluate": "Compare"}.get(name) or "".join(part.title() for part in name.split("_"))
    for key, said in descriptions(getattr(commands, schema)).items():
        assert re.search(rf"^{key}: .*  # {re.escape(str(said))}$", text, flags=re.MULTILINE), key
