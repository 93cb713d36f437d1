"""``[CLS] [LANG_x] words [SEP]`` for every family, as the saved tokenizer itself would write it."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from mlalign.data.sequences import SequenceBuilder
from mlalign.models.backbone import add_language_tokens, known_languages, load_backbone

HOSTILE = [
    "<mask> the cat </s>",
    "[LANG_de] the [LANG_unk] cat",
    "[MASK] my [SEP] friend [CLS] [PAD] [UNK]",
    "<s>the<pad>dog<unk>",
]


@pytest.fixture
def saved(family_folder, tmp_path):
    """A family's tokenizer with language tokens, after saving and loading again."""
    model, tokenizer = load_backbone(family_folder, attention="eager")
    counts = {language: torch.ones(len(tokenizer), dtype=torch.long) for language in ("en", "de")}
    add_language_tokens(model, tokenizer, counts, start="type_mean", least=1)
    tokenizer.save_pretrained(tmp_path)
    return AutoTokenizer.from_pretrained(tmp_path)


@pytest.fixture
def layout(saved):
    return SequenceBuilder(saved, known_languages(saved, ["en", "de"]), max_length=24)


def without_language(ids, layout):
    """What a tokenizer that knows no languages would have written."""
    assert ids[1] in layout.language_tokens.values()
    return [ids[0], *ids[2:]]


def test_a_sentence_is_what_the_saved_tokenizer_makes_of_it(layout, saved, sentences):
    layout.max_length = 90
    texts = [*sentences["en"][:9], *sentences["de"][:9], *sentences["ru"][:9]]
    for text, words in zip(texts, layout.words(texts), strict=True):
        ids = layout.single(words, "de").ids
        assert ids == saved(f"[LANG_de] {text}")["input_ids"]
        assert without_language(ids, layout) == saved(text)["input_ids"]


def test_is_word_marks_what_lies_between_the_special_tokens(layout):
    words = layout.words(["my friend likes Berlin!"])[0]
    one = layout.single(words, "en")
    assert one.is_content_token == [False, False, *[True] * len(words), False]
    assert [piece for piece, word in zip(one.ids, one.is_content_token, strict=True) if word] == words
    assert one.token_types == [0] * len(one.ids)


def test_a_pair_is_what_the_saved_tokenizer_makes_of_it(layout, saved, sentences):
    one, two = sentences["en"][3], sentences["en"][20]
    pieces = layout.words([one, two])
    layout.max_length = 90
    pair = layout.pair(*pieces, "en")
    expected = saved(one, two)
    assert without_language(pair.ids, layout) == expected["input_ids"]
    if "token_type_ids" in expected:
        types = expected["token_type_ids"]
        assert pair.token_types == [types[0], *types]
        assert 1 in types
    hidden = [piece for piece, word in zip(pair.ids, pair.is_content_token, strict=True) if word]
    assert hidden == [*pieces[0], *pieces[1]]


def test_token_types_are_there_only_for_families_that_read_them(layout, saved):
    batch = layout.batch([layout.single([9], "en"), layout.pair([9], [10, 11], "en")])
    assert (batch.token_types is not None) == ("token_type_ids" in saved("a"))
    if batch.token_types is not None:
        assert batch.token_types.tolist() == [[0] * 7, [0, 0, 0, 0, 1, 1, 1]]


def test_text_never_yields_special_ids(layout, saved):
    special = {*saved.all_special_ids, *layout.language_tokens.values()} - {saved.unk_token_id}
    by_words = layout.split_words([text.split() for text in HOSTILE], "en")
    for pieces, words in zip(layout.words(HOSTILE), by_words, strict=True):
        assert pieces
        assert not special & set(pieces)
        assert not special & {piece for word in words for piece in word}


def test_language_tokens_do_not_change_how_text_is_cut(layout, family_folder, sentences):
    texts = [*HOSTILE, *sentences["de"][:5]]
    plain = SequenceBuilder(AutoTokenizer.from_pretrained(family_folder), {}, max_length=24)
    assert layout.words(texts) == plain.words(texts)


def test_words_of_a_sentence_keep_their_place(layout, saved):
    words = ["my", "friend", "", "likes", "\u200b\u200b", "Berlin!", "unheard"]
    split = layout.split_words([words, ["a"]], "en")
    assert len(split) == 2
    assert len(split[0]) == len(words)
    assert all(split[0])
    assert split[0][2] == [saved.unk_token_id]
    for word, pieces in zip(words, split[0], strict=True):
        if word.isascii() and word:
            assert saved.decode(pieces).strip().replace(" ", "") in (word, "[UNK]")


def test_subwords_of_split_words_are_those_of_the_running_text(layout):
    words = ["our", "doctor", "paints", "two", "small", "horses"]
    running = layout.words([" ".join(words)])[0]
    assert [piece for word in layout.split_words([words], "en")[0] for piece in word] == running


@pytest.mark.parametrize("language", ["sw", "xx"])
def test_an_unknown_language_gets_its_own_token(layout, saved, language):
    assert layout.single([9], language).ids[1] == saved.convert_tokens_to_ids("[LANG_unk]")


def test_without_language_tokens_there_is_none(saved):
    layout = SequenceBuilder(saved, {}, max_length=6)
    assert layout.single([9, 10], "de").ids == [saved.cls_token_id, 9, 10, saved.sep_token_id]
    assert layout.budget == 4


def test_a_long_sentence_is_cut_to_the_length(layout):
    one = layout.single(list(range(9, 109)), "en")
    assert len(one.ids) == len(one.is_content_token) == len(one.token_types) == layout.max_length
    assert one.ids[2:-1] == list(range(9, 9 + layout.budget))
    assert one.ids[-1] == layout.last


@pytest.mark.parametrize("sizes", [(3, 4), (50, 3), (3, 50), (50, 50), (12, 30), (30, 12), (1, 24)])
def test_of_a_long_pair_the_longer_half_is_cut_first(layout, sizes):
    one, two = list(range(100, 100 + sizes[0])), list(range(200, 200 + sizes[1]))
    pair = layout.pair(one, two, "en")
    words = [piece for piece, word in zip(pair.ids, pair.is_content_token, strict=True) if word]
    first = [piece for piece in words if piece < 200]
    second = [piece for piece in words if piece >= 200]
    assert len(pair.ids) == len(pair.is_content_token) == len(pair.token_types)
    assert (first, second) == (one[: len(first)], two[: len(second)])
    room = layout.max_length - (len(pair.ids) - len(words))
    assert len(words) == min(room, sum(sizes))  # nothing that fits is cut
    if len(first) < len(one) and len(second) < len(two):
        assert abs(len(first) - len(second)) <= 1
    elif len(first) < len(one):
        assert len(first) >= len(second)
    elif len(second) < len(two):
        assert len(second) >= len(first)


class MadeTokenizer:
    """As much of a tokenizer as a layout asks for."""

    pad_token_id, cls_token_id, sep_token_id, unk_token_id = 1, 0, 2, 3
    all_special_ids = (0, 1, 2, 3)

    def __init__(self, has_types):
        self.model_input_names = ["input_ids", *["token_type_ids"] * has_types]

    def get_vocab(self):
        return {}

    def num_special_tokens_to_add(self, pair):
        return 3


@given(
    rows=st.lists(st.lists(st.integers(10, 99), max_size=30), min_size=1, max_size=9),
    has_types=st.booleans(),
    has_languages=st.booleans(),
    max_length=st.integers(4, 40),
    multiple=st.sampled_from([1, 8]),
)
def test_many_sentences_at_once_are_single_ones_in_a_batch(rows, has_types, has_languages, max_length, multiple):
    tokens = {"de": 7, "unk": 8} if has_languages else {}
    layout = SequenceBuilder(MadeTokenizer(has_types), tokens, max_length=max_length, multiple=multiple)
    expected = layout.batch([layout.single(row, "de") for row in rows])
    flat = np.array([piece for row in rows for piece in row], np.int32)
    found = layout.sentences(flat, np.array([len(row) for row in rows], np.int32), "de")
    for one, other in zip(found, expected, strict=True):
        assert (one is None) == (other is None)
        assert one is None or (one.dtype == other.dtype and one.equal(other))
    length = found.input_ids.shape[1]
    assert length == max_length or (length % multiple == 0 and length <= max_length)
