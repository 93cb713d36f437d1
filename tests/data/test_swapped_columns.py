"""Swapped columns are noticed by their words, where other languages' files tell what the pivot looks like."""

import logging
from itertools import permutations

import pytest

from mlalign.config.schema import Train
from mlalign.data.sample.choices import Choices
from mlalign.data.sample.tasks import Language
from mlalign.data.sample.translations import translations
from mlalign.data.swapped_columns import ColumnWords, find_swapped
from mlalign.stages.parallel_text import ParallelText

LANGUAGES = ("de", "es", "fr", "ru")


@pytest.fixture(scope="module")
def text():
    """Lines of parallel text of each language."""
    return {
        code: list(translations(Language("en"), Language(code), Choices(1, code), Choices(1, "parallel"), 150))
        for code in LANGUAGES
    }


def turned(lines):
    return ["\t".join(reversed(line.rstrip("\n").split("\t"))) + "\n" for line in lines]


def found(text, swapped=()):
    columns = {code: ColumnWords(code) for code in text}
    for code, lines in text.items():
        assert list(columns[code].counting(turned(lines) if code in swapped else lines))
    return set(find_swapped(columns))


@pytest.mark.parametrize(("one", "two"), permutations(LANGUAGES, 2))
def test_one_of_two_languages_is_told(text, one, two):
    both = {one: text[one], two: text[two]}
    assert found(both) == set()
    assert found(both, {one}) == {one}


def test_one_of_many_languages_is_told(text):
    assert found(text) == set()
    for one in LANGUAGES:
        assert found(text, {one}) == {one}


def test_one_language_a_short_file_and_broken_lines_say_nothing(text):
    assert found({"de": text["de"]}, {"de"}) == set()
    columns = {"de": ColumnWords("de"), "de_AT": ColumnWords("de_AT")}
    for code, lines in (("de", text["de"]), ("de_AT", turned(text["de"]))):
        list(columns[code].counting(lines))
    assert find_swapped(columns) == {}
    assert found({code: lines[:20] for code, lines in text.items()}, {"de"}) == set()
    assert found({"de": ["no pair\n"] * 9, "fr": text["fr"]}) == set()


def test_what_is_read_is_passed_on_and_only_the_first_words_are_held():
    lines = [f"a{number} b\tc\n" for number in range(60_000)]
    columns = ColumnWords("de", is_reversed=True)
    assert list(columns.counting(lines)) == lines
    assert columns.pivot == {"c": 25_000}
    assert columns.other.total() == 50_000


def test_a_run_warns_of_the_file(text, write_parallel, caplog):
    for code in ("de", "fr"):
        lines = turned(text[code]) if code == "fr" else text[code]
        root = write_parallel(code, [line.rstrip("\n").split("\t") for line in lines])
    config = Train()
    config.data.root, config.data.parallel = str(root), ["made"]
    with caplog.at_level(logging.WARNING):
        lines, (warning,) = ParallelText(config).log_files()
    assert warning in caplog.text
    path = root / "parallel" / "made" / "en-fr.tsv"
    assert warning.startswith(f"{path}: its columns look swapped: ")
    assert str(path) in lines
