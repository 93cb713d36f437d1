"""Running text cut into words: exact places, nothing lost, punctuation apart."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlalign.data.words import word_spans


def words_of(text: str, language: str = "en") -> list[str]:
    return [text[start:end] for start, end in word_spans(text, language)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Marie Curie, born in Warsaw.", "Marie|Curie|,|born|in|Warsaw|."),
        ("(O'Neill paid $3,000 - or so...)", "(|O'Neill|paid|$|3,000|-|or|so|...|)"),
        ("„Saint-Pol“\u00a0liegt\u3000dort!?", "„|Saint-Pol|“|liegt|dort|!|?"),
        ("  \t", ""),
        ("''Rome'' :-)", "''|Rome|''|:|-|)"),
        ("नमस्ते दुनिया।", "नमस्ते|दुनिया|।"),  # vowel signs are marks and belong to their letters
        ("e\u0301te\u0301", "e\u0301te\u0301"),
    ],
)
def test_words_stand_between_spaces_and_punctuation_apart(text, expected):
    assert words_of(text) == [one for one in expected.split("|") if one]


def test_where_no_spaces_are_written_a_character_is_a_word():
    assert words_of("他在IBM买了3台。", "zh") == ["他", "在", "IBM", "买", "了", "3", "台", "。"]
    assert words_of("他在IBM买了3台。", "de") == ["他在IBM买了3台", "。"]
    assert words_of("ที่นี่", "th") == ["ที่", "นี่"]  # vowel and tone stand above their consonant


@pytest.mark.parametrize("language", ["en", "zh"])
@given(text=st.text(max_size=40))
def test_every_character_but_white_space_is_in_one_word(language, text):
    spans = word_spans(text, language)
    inside = [place for start, end in spans for place in range(start, end)]
    assert inside == [place for place, one in enumerate(text) if not one.isspace()]
    assert all(start < end for start, end in spans)
    assert not [one for one in words_of(text, language) if any(map(str.isspace, one))]


@given(text=st.text(alphabet="ab.,'-( ", max_size=20))
def test_cutting_again_changes_nothing_but_at_punctuation(text):
    joined = " ".join(words_of(text))
    assert words_of(joined) == words_of(text)
    assert all(len({*one}) == 1 or unicodedata.category(one[0])[0] not in "PS" for one in words_of(text))
