"""Parallel text: what is there, and pairs one line at a time."""

import gzip
from collections import Counter

import pytest

from mlalign.data.readers import find_corpora, parallel_path, read_pairs
from mlalign.data.readers.parallel import other_side
from mlalign.errors import DataError


@pytest.fixture
def root(tmp_path):
    for name in ("tatoeba/en-de.tsv", "tatoeba/en-zh_cn.tsv.gz", "CC-Matrix/en-sw.tsv"):
        path = tmp_path / "parallel" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a\tb\n")
    (tmp_path / "parallel" / "empty").mkdir()
    (tmp_path / "parallel" / "README").write_text("x")
    (tmp_path / "parallel" / "tatoeba" / "en-fr.tsv.part").write_text("x")
    return tmp_path


@pytest.fixture
def pairs(tmp_path):
    def pairs(content, *, name="en-de.tsv", on_bad_line="error", dropped=None):
        path = tmp_path / name
        content = content.encode()
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        dropped = Counter() if dropped is None else dropped
        return list(read_pairs(path, on_bad_line=on_bad_line, dropped=dropped))

    return pairs


def test_corpora_and_their_languages(root):
    assert find_corpora(root) == {"CC-Matrix": ["sw"], "tatoeba": ["de", "zh_cn"]}


def test_plain_and_compressed_files_are_found(root):
    folder = root / "parallel" / "tatoeba"
    assert parallel_path(root, "tatoeba", "de") == folder / "en-de.tsv"
    assert parallel_path(root, "tatoeba", "zh_cn") == folder / "en-zh_cn.tsv.gz"


def test_what_is_missing_is_said_with_what_is_there(root, tmp_path):
    with pytest.raises(DataError, match=r"CC-Matrix, tatoeba; did you mean 'tatoeba'"):
        parallel_path(root, "tatoebba", "de")
    with pytest.raises(DataError, match=r"no text in dee.*of tatoeba: de, zh_cn; did you mean 'de'"):
        parallel_path(root, "tatoeba", "dee")
    with pytest.raises(DataError, match="no such folder; expected parallel/<corpus>/en-"):
        find_corpora(tmp_path / "elsewhere")


@pytest.mark.parametrize("name", ["EN-DE.tsv", "en-de.TSV", "En-de.tsv.GZ"])
def test_names_in_capitals_are_names(tmp_path, name):
    path = tmp_path / "parallel" / "c" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(gzip.compress(b"a\tb\n") if name.endswith("GZ") else b"a\tb\n")
    assert [len(languages) for languages in find_corpora(tmp_path).values()] == [1]
    assert parallel_path(tmp_path, "c", "de") == path
    assert list(read_pairs(path, on_bad_line="error", dropped=Counter())) == [("a", "b")]


@pytest.mark.parametrize("name", ["._en-de.tsv", ".en-de.tsv.gz", "en-.tsv", "-de.tsv", "de-.tsv", "en-de.txt"])
@pytest.mark.parametrize("pivot", ["en", "de"])
def test_hidden_files_and_names_without_a_language_are_no_pair(name, pivot):
    assert other_side(name, pivot) is None


def test_the_pivot_may_be_either_side_in_capitals(tmp_path):
    path = tmp_path / "FR-zh-hant.tsv"
    path.write_text("a\tb\n")
    assert other_side(path.name, "zh-Hant") == "FR"
    assert other_side("ZH-Hant-fr.tsv", "zh-Hant") == "fr"
    assert list(read_pairs(path, on_bad_line="error", dropped=Counter(), pivot="zh-Hant")) == [("b", "a")]


def test_both_forms_of_a_file_are_one_too_many(root):
    (root / "parallel" / "tatoeba" / "en-de.tsv.gz").write_bytes(b"")
    with pytest.raises(DataError, match=r"found en-de\.tsv and en-de\.tsv\.gz; keep one"):
        parallel_path(root, "tatoeba", "de")


@pytest.mark.parametrize("name", ["en-de.tsv", "en-de.tsv.gz"])
def test_pairs_in_file_order_without_outer_space(pairs, name):
    content = "\ufeffOne \tEins\r\n Two\tZw\u2028ei\nOne\tEins"
    expected = [("One", "Eins"), ("Two", "Zw\u2028ei"), ("One", "Eins")]
    assert pairs(content, name=name) == expected


def test_quotes_and_missing_value_words_are_text(pairs):
    assert pairs('"a\tb"\nNA\tnull\n') == [('"a', 'b"'), ("NA", "null")]


def test_the_message_says_found_expected_and_next_step(pairs):
    with pytest.raises(DataError) as error:
        pairs("a\tb\na\tb\tc\n")
    assert str(error.value).endswith(
        "en-de.tsv, line 2: expected 2 tab-separated fields (English, de), found 3.\n"
        "Clean the file, or skip such lines with data.on_bad_line=skip "
        "(they are counted and reported)"
    )


@pytest.mark.parametrize("line", ["a\t", "\tb", " \t ", "\u3000\tb"])
def test_an_empty_side_is_a_fault(pairs, line):
    with pytest.raises(DataError, match="line 1: expected text on both sides"):
        pairs(f"{line}\n")


def test_skipped_lines_are_counted_over_files(pairs):
    dropped = Counter()
    content = "a\tb\nc\nd\te\tf\ng\t\nh\ti\nj\tk\n"
    for _ in range(2):
        read = pairs(content, on_bad_line="skip", dropped=dropped)
        assert read == [("a", "b"), ("h", "i"), ("j", "k")]
    assert dropped == {"wrong number of fields": 4, "empty side": 2}


def test_a_file_that_is_mostly_bad_is_refused_even_with_skip(pairs):
    with pytest.raises(DataError, match="2 of 3 entries cannot be used"):
        pairs("a\tb\nc\nd\n", on_bad_line="skip")


def test_pairs_come_one_at_a_time(tmp_path):
    path = tmp_path / "en-de.tsv"
    path.write_text("a\tb\nbroken\n")
    stream = read_pairs(path, on_bad_line="error", dropped=Counter())
    assert next(stream) == ("a", "b")
    with pytest.raises(DataError):
        next(stream)
