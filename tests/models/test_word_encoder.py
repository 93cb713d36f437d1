"""Word vectors as an encoder, and the tokenizer that goes with it."""

import pytest
import torch

from mlalign.data.sequences import SequenceBuilder
from mlalign.errors import DataError
from mlalign.models.backbone import known_languages
from mlalign.models.io import RECIPE, load_encoder, save_encoder
from mlalign.models.word_encoder import WordEncoder
from mlalign.models.word_tokenizer import add_languages, grams, with_pieces, word_tokenizer

TEXTS = ["Die Katze schläft.", "die Katze 东京 die", "the cat is die-cast"]


@pytest.fixture
def words():
    tokenizer = with_pieces(word_tokenizer(TEXTS, least=1, most=100), ["kat", "##er", "##e", "##r"])
    add_languages(tokenizer, ["en", "de"])
    vocabulary = tokenizer.get_vocab()
    torch.manual_seed(0)
    encoder = WordEncoder(rows=8, dim=4, languages=["en", "de"], vocabulary=max(vocabulary.values()) + 1)
    encoder.language_ids[:] = torch.tensor([vocabulary["[LANG_en]"], vocabulary["[LANG_de]"]])
    encoder.words[0, vocabulary["die"]], encoder.words[1, vocabulary["die"]] = 1, 2
    encoder.words[1, vocabulary["katze"]] = 3
    encoder.pieces[1, vocabulary["kat"]], encoder.pieces[1, vocabulary["##er"]] = 4, 5
    encoder.continues[[vocabulary["##er"], vocabulary["##e"], vocabulary["##r"]]] = True
    layout = SequenceBuilder(tokenizer, known_languages(tokenizer, ["en", "de"]), max_length=32)
    return encoder, layout


def represented(words, text, language):
    encoder, layout = words
    batch = layout.batch([layout.single(layout.words([text])[0], language)])
    return encoder.represent(batch, partner=None, representation="prototype")


def test_words_are_lower_cased_and_chinese_is_cut_into_characters():
    tokenizer = word_tokenizer(TEXTS, least=1, most=100)
    assert tokenizer.tokenize("DIE Katze, 东京!") == ["die", "katze", "[UNK]", "东", "京", "[UNK]"]


def test_words_that_are_rare_are_unknown():
    assert word_tokenizer(TEXTS, least=3, most=100).tokenize("die katze") == ["die", "[UNK]"]


def test_pieces_do_not_move_the_ids_of_words_and_cut_unknown_words_only():
    tokenizer = word_tokenizer(TEXTS, least=1, most=100)
    before = tokenizer.get_vocab()
    tokenizer = with_pieces(tokenizer, ["kat", "##er", "die", "##n"])
    assert {word: tokenizer.get_vocab()[word] for word in before} == before
    assert tokenizer.tokenize("die katze kater katzen") == ["die", "katze", "kat", "##er", "katze", "##n"]


def test_the_n_grams_of_a_word_say_whether_they_begin_it():
    assert grams("katze") == ["kat", "##atz", "##tze", "katz", "##atze"]
    assert grams("东京") == []


def test_a_form_has_a_vector_in_each_language(words):
    encoder, _ = words
    vectors = encoder.vectors.weight
    assert represented(words, "die", "en").sentence[0].equal(vectors[1])
    assert represented(words, "die", "de").sentence[0].equal(vectors[2])
    assert not represented(words, "die", "fr").sentence.any()  # a language without vectors


def test_an_unknown_word_is_the_mean_of_its_pieces_at_each_of_them(words):
    encoder, _ = words
    seen = represented(words, "Kater katze", "de")
    whole = (encoder.vectors.weight[4] + encoder.vectors.weight[5]) / 2
    torch.testing.assert_close(seen.words[0, 2:5], torch.stack([whole, whole, encoder.vectors.weight[3]]))
    torch.testing.assert_close(seen.sentence[0], (whole + encoder.vectors.weight[3]) / 2)


def test_unknown_words_padding_and_neighbours_do_not_change_a_sentence(words):
    encoder, layout = words
    alone = represented(words, "die katze", "de").sentence[0]
    torch.testing.assert_close(represented(words, "die qqq katze", "de").sentence[0], alone)
    texts = layout.words(["die katze", "die die die kater qqq"])
    batch = layout.batch([layout.single(one, "de") for one in texts])
    torch.testing.assert_close(encoder.represent(batch, partner=None, representation="self").sentence[0], alone)


def test_a_folder_gives_the_same_vectors_again(words, tmp_path):
    encoder, layout = words
    save_encoder(encoder, layout.tokenizer, tmp_path, {"language_tokens": ["en", "de"]})
    loaded, tokenizer = load_encoder(tmp_path, attention="eager")
    again = loaded, SequenceBuilder(tokenizer, known_languages(tokenizer, ["en", "de"]), max_length=32)
    for text in ("die Katze", "kater 东京"):
        assert represented(again, text, "de").words.equal(represented(words, text, "de").words)


def test_an_unknown_kind_of_encoder_is_refused(words, tmp_path):
    encoder, layout = words
    save_encoder(encoder, layout.tokenizer, tmp_path, {})
    recipe = tmp_path / RECIPE
    recipe.write_text(recipe.read_text().replace("kind: words", "kind: phrases"))
    with pytest.raises(DataError, match=r"encoder\.kind=phrases: expected transformer or words"):
        load_encoder(tmp_path, attention="eager")


@pytest.mark.parametrize(("rule", "trained"), [("nothing", True), ("embeddings", False), ("encoder", False)])
def test_fine_tuning_moves_the_vectors_or_none_of_them(words, rule, trained):
    frozen = words[0].frozen_part(rule, representation="prototype", on_tokens=True)
    assert (not frozen) == trained
