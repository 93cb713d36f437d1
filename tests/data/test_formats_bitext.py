"""Pairs of the retrieval test, and whether they stand in the text that is aligned on."""

import gzip

import pytest

from mlalign.data.languages import spoken
from mlalign.data.overlap import seen_pairs
from mlalign.data.readers import SentencePair, task_formats
from mlalign.errors import DataError

BITEXT = task_formats()["bitext"]


def read(path, on_bad_line="error"):
    return BITEXT.read(path, {}, language="deu", part="test", on_bad_line=on_bad_line)


@pytest.fixture
def laser(tmp_path):
    def write(english, other, code="deu"):
        for name, lines in ((f"{code}", other), ("eng", english)):
            path = tmp_path / f"tatoeba.{code}-eng.{name}"
            path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return tmp_path / f"tatoeba.{code}-eng.{code}"

    return write


PAIRS = [SentencePair("1", "One.", "Eins."), SentencePair("2", "Two?", "Zwei?")]


def test_both_forms_read_the_same(tmp_path, laser):
    path = laser(["One.", "Two?"], ["Eins.", "Zwei?"])
    part = read(path)
    assert part.examples == PAIRS
    assert part.beside == tmp_path / "tatoeba.deu-eng.eng"
    table = tmp_path / "en-de.tsv.gz"
    table.write_bytes(gzip.compress(b"One.\tEins.\nTwo?\tZwei?\n"))
    assert read(table).examples == PAIRS
    assert read(table).beside is None


def test_languages_have_one_code_in_both_forms(tmp_path, laser):
    laser(["a"], ["b"], "cmn")
    (tmp_path / "en-de.tsv").write_text("a\tb\n")
    assert BITEXT.languages(tmp_path) == ["de", "zh"]
    assert BITEXT.path(tmp_path, "zh", "test").name == "tatoeba.cmn-eng.cmn"
    assert BITEXT.path(tmp_path, "de", "test").name == "en-de.tsv"
    assert not BITEXT.is_learned
    with pytest.raises(DataError, match="no dev part"):
        BITEXT.path(tmp_path, "de", "dev")


@pytest.mark.parametrize(("english", "found"), [(["a"], "1 and 2"), (["a", "b", "c"], "3 and 2")])
def test_files_of_different_length_do_not_pair_up(laser, english, found):
    with pytest.raises(DataError, match=rf"eng: expected as many lines as .*deu-eng\.deu, found {found}"):
        read(laser(english, ["x", "y"]), on_bad_line="skip")


def test_an_empty_side_stops_or_is_counted(laser):
    path = laser(["a", "", "c"], ["x", "y", "z"])
    with pytest.raises(DataError, match="line 2: expected a sentence on both sides"):
        read(path)
    part = read(path, on_bad_line="skip")
    assert [pair.other for pair in part.examples] == ["x", "z"]
    assert part.rows == 3


def test_pairs_that_stand_in_the_text_are_found_in_any_case_and_punctuation(tmp_path, laser):
    part = read(laser(["One.", "Two?", "Three"], ["Eins.", "Zwei?", "Drei"]))
    text = tmp_path / "en-de.tsv"
    text.write_text("ONE\teins!\nTwo\tDrei\nThree\tDREI\nnone\tkeins\n")
    assert seen_pairs(part, [text], "error") == 2
    assert seen_pairs(part, [], "error") == 0


@pytest.mark.parametrize(("code", "language"), [("de", "de"), ("zh-TW", "zh"), ("pt_pud", "pt"), ("es-419", "es")])
def test_a_code_names_a_language(code, language):
    assert spoken(code) == language
