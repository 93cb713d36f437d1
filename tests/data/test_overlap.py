"""Texts and n-grams that stand in others, against loops over words that were put together at random."""

import random
import unicodedata

import pytest

from mlalign.data.overlap import find_overlap, folded

WORDS = ["a", "Öl", "straße", "don", "Ärger"]


def said(words, draw):
    """A text of these words, in whatever case and punctuation."""
    shown = [
        draw.choice([word, word.upper(), word.title()]) + draw.choice([" ", ", ", " – ", "! ", "\t"]) for word in words
    ]
    return draw.choice(["", "«"]) + "".join(shown)


def by_loops(words, others, length):
    grams = [words[start : start + length] for start in range(len(words) - length + 1)]
    found = [any(gram == one[at : at + length] for one in others for at in range(len(one))) for gram in grams]
    return sum(found) / len(found) if found else None, words in others


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("length", [1, 3, 8])
def test_is_what_loops_find(seed, length):
    draw = random.Random(seed)
    drawn = [[draw.choice(WORDS) for _ in range(draw.randrange(1, 14))] for _ in range(60)]
    texts, others = drawn[:25], [*drawn[25:], *drawn[:3]]
    found = find_overlap(
        [said(one, draw) for one in texts], ((str(number), said(one, draw)) for number, one in enumerate(others)),
        "de", length,
    )  # fmt: skip
    assert [(one.share, one.is_whole) for one in found] == [by_loops(one, others, length) for one in texts]
    for one, words in zip(found, texts, strict=True):
        assert (one.seen is not None) == (one.is_whole or bool(one.share))
        if one.seen is not None:
            share, is_whole = by_loops(words, [others[int(one.seen[0])]], length)
            assert share or is_whole


def test_the_order_of_what_is_learned_from_does_not_matter():
    draw = random.Random(1)
    drawn = [said([draw.choice(WORDS) for _ in range(9)], draw) for _ in range(80)]
    texts, others = drawn[:30], [("corpus", one) for one in drawn[30:]]
    found = find_overlap(texts, others, "en", 4)
    back = find_overlap(texts[::-1], reversed(others), "en", 4)[::-1]
    assert [one[:3] for one in found] == [one[:3] for one in back]


def test_languages_without_spaces_are_compared_by_characters():
    text = "我们今天在公园里看见了一只很大的白色的狗。"
    (found,) = find_overlap([text], [("a", f"昨天，{text[:17]}猫")], "zh", 8)
    assert found.share == pytest.approx(2 / 5)  # of five times 16 characters without the full stop
    (found,) = find_overlap(["ＡＢＣ 我们"], [("a", "abc我们!")], "zh", 8)
    assert (found.share, found.is_whole) == (None, True)
    assert find_overlap(["あ" * 23], [("a", "あ" * 60)], "ja", 8)[0].share is None
    assert find_overlap(["あ" * 24], [("a", "あ" * 60)], "ja", 8)[0].share == 1
    assert find_overlap(["ก" * 47], [("a", "ก" * 60)], "th", 8)[0].share is None
    assert find_overlap(["ก" * 48], [("a", "ก" * 60)], "th", 8)[0].share == 1


def test_vowels_that_are_marks_tell_words_apart():
    assert find_overlap(["कि"], [("a", "की")], "hi", 8)[0].seen is None
    assert find_overlap(["कि"], [("a", "कि।")], "hi", 8)[0].is_whole


@pytest.mark.parametrize(
    "text", ["Donau\u00addampf\u00adschiff", "\ufeffDonau\u200cdampfschiff", "\u200eDonaudampfschiff\u200f"]
)
def test_what_is_invisible_does_not_count(text):
    assert find_overlap([text], [("a", "Donaudampfschiff")], "de", 8)[0].is_whole


@pytest.mark.parametrize("text", ["", "…", " ?! "])
def test_a_text_without_letters_stands_nowhere(text):
    assert find_overlap([text], [("a", text), ("b", "!")], "en", 1) == [(text, None, False, None)]


def test_texts_are_the_same_in_any_case_width_composition_and_punctuation():
    composed = "Café: ＡＢＣ, straße_"
    assert folded([composed]) == folded([unicodedata.normalize("NFD", composed)]) == ("caféabcstrasse",)
    assert folded(["की"]) != folded(["का"])  # a vowel's mark is a letter's
