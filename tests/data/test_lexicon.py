"""Dictionaries: three forms of files, and one learned from text whose words are known."""

import gzip

import numpy as np
import pytest

from mlalign.data.lexicon import DIGITS, induced, read_lexicon, token_lexicon, words_of
from mlalign.errors import DataError

ENTRIES = {
    "00databaseshort": "English-German FreeDict Dictionary ver. 1.9\n",
    "house": "house /hˈaʊs/\nGeschlecht <neut>, Familie <fem>\n",
    "house ": "house /haus/\nHaus <neut>\n   Synonym: {building}\n\n see: {houses}\n\n",
    "teacher": "teacher /tiːtʃər/\n1. Lehrerin\n2. Lehrer\n",
    "giveup": 'Give Up /ɡˈɪv ˈʌp/\nsich abgewöhnen (etw.) <v, refl>\n      "give up doing sth."  - sich etw.\n',
}


def number(value: int) -> str:
    digits = {place: digit for digit, place in DIGITS.items()}
    found = digits[value % 64]
    while value := value // 64:
        found = digits[value % 64] + found
    return found


def write_dictd(folder, name="freedict-eng-deu", entries=ENTRIES):
    folder.mkdir(exist_ok=True)
    body, rows = b"", []
    for word, text in entries.items():
        rows.append(f"{word.strip()}\t{number(len(body))}\t{number(len(text.encode()))}\n")
        body += text.encode()
    (folder / f"{name}.index").write_text("".join(rows), encoding="utf-8")
    (folder / f"{name}.dict.dz").write_bytes(gzip.compress(body))
    return folder / f"{name}.index"


def test_dictd_files_are_read(tmp_path):
    path = write_dictd(tmp_path)
    expected = {
        "house": ("Geschlecht", "Familie", "Haus"),
        "teacher": ("Lehrerin", "Lehrer"),
        "give up": ("sich abgewöhnen",),
    }
    assert read_lexicon(path, ["de"]) == {"de": expected}
    assert read_lexicon(tmp_path, ["fr", "de"]) == {"de": expected}


@pytest.mark.parametrize("name", ["en-ru.txt", "en-ru.0-5000.txt", "eng-rus.tsv", "EN-RU.TXT"])
def test_lines_of_words_are_read(tmp_path, name):
    path = tmp_path / name
    path.write_text("The тот\nthe\tэтот самый\nhouse дом\nthe тот\n", encoding="utf-8")
    assert read_lexicon(path, ["ru"]) == {"ru": {"the": ("тот", "этот самый"), "house": ("дом",)}}


def test_files_of_one_language_are_added_up(tmp_path):
    write_dictd(tmp_path)
    (tmp_path / "en-de.txt").write_text("house Heim\nHouse Haus\ndog Hund\n", encoding="utf-8")
    found = read_lexicon(tmp_path, ["de"])["de"]
    assert found["house"] == ("Heim", "Haus", "Geschlecht", "Familie")
    assert found["dog"] == ("Hund",)


def test_a_folder_gives_the_languages_that_are_wanted(tmp_path):
    write_dictd(tmp_path)
    for code in ("de", "ru", "fr"):
        (tmp_path / f"en-{code}.txt").write_text(f"dog hund-{code}\n", encoding="utf-8")
    (tmp_path / "README").write_text("none")
    (tmp_path / "._en-de.txt").write_bytes(b"\0\5\x16\7")  # what macOS puts beside a file
    found = read_lexicon(tmp_path, ["de", "ru", "zh"])
    assert set(found) == {"de", "ru"}
    assert found["de"]["dog"] == ("hund-de",)
    assert found["de"]["teacher"] == ("Lehrerin", "Lehrer")


def test_what_is_wrong_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none: no such file or folder, named in data\.lexicon"):
        read_lexicon(tmp_path / "none", ["de"])
    with pytest.raises(DataError, match="expected a dictionary whose name holds its languages"):
        read_lexicon(tmp_path, ["de"])
    path = tmp_path / "en-de.txt"
    path.write_text("house Haus\nhouse\n", encoding="utf-8")
    with pytest.raises(
        DataError, match=r"en-de\.txt, line 2: expected an English word, .* found 'house'; correct the line"
    ):
        read_lexicon(path, ["de"])
    with pytest.raises(DataError, match="dictionaries of English with de, expected fr; add files"):
        read_lexicon(path, ["fr"])
    index = write_dictd(tmp_path / "dictd")
    index.write_text("house\tA\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"deu\.index, line 1: expected a headword, an offset and a length"):
        read_lexicon(index, ["de"])
    index.write_text("house\tA\t////\n", encoding="utf-8")
    with pytest.raises(DataError, match="line 1: points behind the end"):
        read_lexicon(index, ["de"])
    index.with_suffix(".dict.dz").write_bytes(gzip.compress(b"house\n" + b"x" * 70_000))
    for size, message in (("RFx", "65536 bytes, found 70001"), ("P//", "4096 characters in a line, found 65529")):
        index.write_text(f"house\tA\t{size}\n", encoding="utf-8")
        with pytest.raises(DataError, match=f"line 1: expected an entry of at most {message}; get both"):
            read_lexicon(index, ["de"])
    index.with_suffix(".dict.dz").write_bytes(b"no gzip")
    with pytest.raises(DataError, match=r"dict\.dz: expected dictzip"):
        read_lexicon(index, ["de"])
    index.with_suffix(".dict.dz").unlink()
    with pytest.raises(DataError, match=r"no freedict-eng-deu\.dict\.dz beside it"):
        read_lexicon(index, ["de"])


def test_a_dictionary_is_induced_from_text():
    random = np.random.default_rng(0)
    words = [f"w{'abcdefghij'[place // 10]}{'abcdefghij'[place % 10]}" for place in range(80)]
    pairs = []
    for _ in range(1500):
        chosen = [words[place] for place in random.choice(80, random.integers(4, 9), replace=False)]
        other = [word[::-1] for word in chosen]
        random.shuffle(other)
        pairs.append((f"{' '.join(chosen).upper()}, 12!", " ".join(other)))
    found = induced(pairs)
    assert set(found) == set(words)
    assert all(translations[0] == word[::-1] for word, translations in found.items())
    assert np.mean([len(one) for one in found.values()]) < 1.1


@pytest.mark.parametrize("pairs", [[], [("1", "2")], [("a", "2"), ("3", "b")]])
def test_text_without_words_gives_no_dictionary(pairs):
    assert not induced(pairs)


def test_vowels_and_joiners_belong_to_their_words():
    assert words_of("Don’t: किताब की 12 می\u200cخواهم cafe\u0301!") == [
        "don’t",
        "किताब",
        "की",
        "می\u200cخواهم",
        "cafe\u0301",
    ]


def test_only_what_is_one_known_token_on_both_sides_is_kept():
    ids = {"house": [5], "Haus": [7], "Heim": [8], "town hall": [6, 9], "Rathaus": [10], "δόμος": [3], "bird": [11]}
    lexicon = {"de": {"house": ("Haus", "δόμος", "Heim"), "town hall": ("Rathaus",), "bird": ("δόμος",)}}
    found = token_lexicon(lexicon, lambda texts: [ids[text] for text in texts], unknown=3)
    assert found == {"de": {5: (7, 8)}}
