"""One sentence alone: its vectors depend on its text, its language and stored vectors only."""

import pytest
import torch
from models.made import make, represent
from torch.testing import assert_close

REPRESENTATIONS = ("prototype", "mixed", "self", "backbone")


@pytest.fixture
def made(family_folder):
    return make(family_folder)


@pytest.mark.parametrize("representation", REPRESENTATIONS)
@pytest.mark.parametrize("pool", ["first", "mean", "max"])
def test_a_sentence_does_not_depend_on_its_batch(family_folder, sentences, representation, pool):
    made = make(family_folder, pool)
    texts = [" ".join(sentences["de"][row : row + 1 + row % 3]) for row in range(32)]
    together = represent(made, made.batch(texts), representation)
    for row, text in enumerate(texts):
        alone = represent(made, made.batch([text]), representation)
        length = alone.words.shape[1]
        assert_close(together.sentence[row], alone.sentence[0], rtol=1e-4, atol=1e-5)
        assert_close(together.words[row, :length], alone.words[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("representation", REPRESENTATIONS)
def test_what_stands_in_the_padding_does_not_matter(made, sentences, representation):
    batch = made.batch([sentences["de"][0], " ".join(sentences["de"][:3])])
    padding = batch.attention_mask == 0
    assert padding.any()
    noisy = batch._replace(input_ids=batch.input_ids.masked_fill(padding, 11))
    one, other = (represent(made, each, representation) for each in (batch, noisy))
    assert_close(one.sentence, other.sentence, rtol=1e-4, atol=1e-5)


def test_the_representations_are_their_equations(made, sentences):
    batch, encoder = made.batch(sentences["de"][:4]), made.encoder
    states = represent(made, batch, "backbone").words
    places = [mask.nonzero()[:, 0] for mask in batch.is_content_token]
    pooled = torch.stack([row[place].mean(0) for row, place in zip(states, places, strict=True)])
    assert_close(represent(made, batch, "backbone").sentence, pooled)
    english, german, own = encoder.prototypes.of("en"), encoder.prototypes.of("de"), states[:, 1]
    keys = {
        "prototype": (english.expand(4, -1), german.expand(4, -1)),
        "mixed": (english.expand(4, -1), own),
        "self": (own, own),
    }
    for name, (one, other) in keys.items():
        result = represent(made, batch, name)
        with torch.no_grad():
            fused = encoder.sentence_fusion(pooled, one, other)
            words = torch.stack([encoder.word_fusion(row, key, key) for row, key in zip(states, fused, strict=True)])
        assert_close(result.sentence, fused)
        assert_close(result.words, words)


def test_partners_can_be_given_one_per_sentence(made, sentences):
    batch = made.batch(sentences["en"][:3], "en")
    partners = torch.stack([made.encoder.prototypes.of(name) for name in ("de", "en", "ru")])
    with torch.no_grad():
        each = made.encoder.represent(batch, partner=partners, representation="prototype")
        for row, partner in enumerate(partners):
            all_alike = made.encoder.represent(batch, partner=partner, representation="prototype")
            assert_close(each.sentence[row], all_alike.sentence[row])
            assert_close(each.words[row], all_alike.words[row])


def test_pool_takes_the_first_vector_or_the_mean_of_the_words(made, sentences):
    batch = made.batch(sentences["de"][:4])
    with torch.no_grad():
        states = made.encoder(batch)
        made.encoder.pool = "first"
        assert made.encoder.pooled(states, batch).equal(states[:, 0])
        made.encoder.pool = "mean"
        ignored = torch.where(batch.is_content_token[..., None], states, 1e4)
        assert_close(made.encoder.pooled(ignored, batch), made.encoder.pooled(states, batch))


def test_fresh_gated_fusions_leave_the_backbone_as_it_was(xlmr_folder, sentences):
    made = make(xlmr_folder)
    for fusion in (made.encoder.sentence_fusion, made.encoder.word_fusion):
        torch.nn.init.zeros_(fusion.gate)
    batch = made.batch(sentences["de"][:4])
    plain = represent(made, batch, "backbone")
    fused = represent(made, batch, "prototype")
    assert fused.sentence.equal(plain.sentence)
    assert fused.words.equal(plain.words)


def test_without_fusions_the_choice_of_representation_changes_nothing(xlmr_folder, sentences):
    made = make(xlmr_folder, sentence=False, word=False)
    batch = made.batch(sentences["de"][:4])
    results = [represent(made, batch, name).sentence for name in REPRESENTATIONS]
    assert all(result.equal(results[0]) for result in results)
    with torch.no_grad():
        assert made.encoder.embed(batch, "de").equal(results[0])


def test_without_a_word_fusion_words_are_the_backbones(xlmr_folder, sentences):
    made = make(xlmr_folder, word=False)
    batch = made.batch(sentences["de"][:4])
    states = represent(made, batch, "backbone").words
    assert represent(made, batch, "prototype").words.equal(states)


def test_embed_uses_the_prototype_of_the_language(made, sentences):
    batch = made.batch(sentences["de"][:4])
    with torch.no_grad():
        for language in ("de", "ru", "sw"):  # known, not yet seen, unknown
            expected = represent(made, batch, "prototype", language).sentence
            assert made.encoder.embed(batch, language).equal(expected)
        assert not made.encoder.embed(batch, "de").equal(made.encoder.embed(batch, "sw"))


def test_token_types_reach_the_backbones_that_read_them(bert_folder):
    made = make(bert_folder)
    one, two = made.layout.words(["the cat", "a dog"])
    pair = made.layout.batch([made.layout.pair(one, two, "en")])
    with torch.no_grad():
        expected = made.encoder.backbone.base_model(
            input_ids=pair.input_ids, token_type_ids=pair.token_types
        ).last_hidden_state
        other = made.encoder.backbone.base_model(input_ids=pair.input_ids).last_hidden_state
        assert_close(made.encoder(pair), expected)
    assert not torch.allclose(expected, other, atol=1e-3)


def test_what_alignment_adds_is_everything_but_the_backbone(made):
    added = made.encoder.fitted_additions()
    own = {name for name in made.encoder.state_dict() if not name.startswith("backbone.")}
    assert set(added) == own
    assert {name.split(".")[0] for name in added} == {
        "sentence_fusion",
        "word_fusion",
        "prototypes",
    }


def test_sizes_and_place(made):
    assert made.encoder.dim == 32
    assert made.encoder.device == torch.device("cpu")
