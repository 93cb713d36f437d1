"""An aligned encoder on disk is the encoder in memory, for us and for plain transformers."""

import pytest
import torch
from models.made import Made, make, represent
from omegaconf import OmegaConf
from torch.testing import assert_close
from transformers import AutoModel, AutoModelForMaskedLM, AutoTokenizer

from mlalign.data.sequences import SequenceBuilder
from mlalign.errors import DataError
from mlalign.models.backbone import known_languages
from mlalign.models.io import load_encoder, save_encoder

RECIPE = {"recipe": {"backbone": {"name": "tiny"}, "losses": {"inter_sentence": {"margin": 0.0}}}}


@pytest.fixture
def made(family_folder):
    return make(family_folder)


@pytest.fixture
def saved(made, tmp_path):
    folder = tmp_path / "aligned"
    save_encoder(made.encoder, made.tokenizer, folder, RECIPE)
    return folder


def again(folder):
    encoder, tokenizer = load_encoder(folder, attention="sdpa")
    tokens = known_languages(tokenizer, ["en", "de", "ru"])
    return Made(encoder.eval(), SequenceBuilder(tokenizer, tokens, max_length=128), tokenizer)


def test_plain_transformers_gives_the_same_hidden_states(made, saved, sentences):
    model, tokenizer = AutoModel.from_pretrained(saved).eval(), AutoTokenizer.from_pretrained(saved)
    texts = [*sentences["de"][:3], " ".join(sentences["de"][:4])]
    ours = made.batch(texts)
    theirs = tokenizer([f"[LANG_de] {text}" for text in texts], padding=True, return_tensors="pt")
    assert theirs["input_ids"].equal(ours.input_ids)
    assert theirs["attention_mask"].equal(ours.attention_mask)
    with torch.no_grad():
        assert_close(model(**theirs).last_hidden_state, made.encoder(ours))


def test_the_masked_word_head_is_saved_too(made, saved, sentences):
    batch = made.batch(sentences["ru"][:3], "ru")
    model = AutoModelForMaskedLM.from_pretrained(saved).eval()
    inputs = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
    with torch.no_grad():
        assert_close(model(**inputs).logits, made.encoder.backbone(**inputs).logits)


@pytest.mark.parametrize("form", ["gated", "sigmoid"])
@pytest.mark.parametrize(("sentence", "word"), [(True, True), (True, False), (False, False)])
def test_loading_gives_the_same_vectors(xlmr_folder, tmp_path, sentences, form, sentence, word):
    made = make(xlmr_folder, "first", sentence, word, form)
    save_encoder(made.encoder, made.tokenizer, tmp_path / "aligned", RECIPE)
    loaded = again(tmp_path / "aligned")
    assert loaded.encoder.pool == "first"
    assert loaded.layout.language_tokens == made.layout.language_tokens
    texts = [*sentences["de"][:6], "[LANG_en] <mask> </s>"]
    for representation in ("prototype", "mixed", "backbone"):
        for language in ("de", "ru", "sw"):
            one, other = (
                represent(each, each.batch(texts, language), representation, language) for each in (made, loaded)
            )
            assert one.sentence.equal(other.sentence)
            assert one.words.equal(other.words)


def test_every_family_comes_back(made, saved, sentences):
    loaded = again(saved)
    for name, value in made.encoder.state_dict().items():
        assert loaded.encoder.state_dict()[name].equal(value), name
    one, other = (represent(each, each.batch(sentences["de"][:6]), "prototype") for each in (made, loaded))
    assert one.sentence.equal(other.sentence)


def test_without_fusion_and_language_tokens_it_comes_back_too(xlmr_folder, tmp_path, sentences):
    made = make(xlmr_folder, sentence=False, word=False)
    save_encoder(made.encoder, made.tokenizer, tmp_path, {})
    loaded = again(tmp_path)
    assert loaded.encoder.prototypes is None
    assert loaded.encoder.sentence_fusion is None
    batch = made.batch(sentences["en"][:2])
    assert represent(loaded, batch, "backbone").sentence.equal(represent(made, batch, "backbone").sentence)


def test_norwegian_stays_norwegian(xlmr_folder, tmp_path):
    made = make(xlmr_folder)
    made.encoder.prototypes.languages = ("en", "no", "ru")
    save_encoder(made.encoder, made.tokenizer, tmp_path, RECIPE)
    assert again(tmp_path).encoder.prototypes.languages == ("en", "no", "ru")


def test_the_recipe_is_kept_for_the_reader_and_nothing_is_a_pickle(saved):
    written = OmegaConf.to_container(OmegaConf.load(saved / "alignment.yaml"))
    assert written["recipe"] == RECIPE["recipe"]
    assert written["encoder"]["languages"] == ["en", "de", "ru"]
    suffixes = {path.suffix for path in saved.rglob("*") if path.is_file()}
    assert suffixes <= {".json", ".safetensors", ".yaml", ".txt"}


@pytest.mark.parametrize("name", ["alignment.yaml", "mlalign.safetensors", "config.json", "model.safetensors"])
def test_a_missing_file_is_named(saved, name):
    (saved / name).unlink()
    with pytest.raises(DataError, match=rf"aligned: .*{name.split('.')[0]}"):
        load_encoder(saved, attention="eager")


@pytest.mark.parametrize("change", ["word_fusion", "fusion", "languages"])
def test_additions_that_do_not_fit_the_recipe_are_refused(saved, change):
    recipe = OmegaConf.load(saved / "alignment.yaml")
    recipe.encoder[change] = {
        "word_fusion": False,
        "fusion": "sigmoid",
        "languages": ["en", "de"],
    }[change]
    OmegaConf.save(recipe, saved / "alignment.yaml")
    with pytest.raises(DataError, match=r"mlalign\.safetensors: does not fit alignment\.yaml"):
        load_encoder(saved, attention="eager")


@pytest.mark.parametrize("name", ["alignment.yaml", "mlalign.safetensors"])
def test_a_damaged_file_is_refused(saved, name):
    (saved / name).write_bytes(b"damaged: 1")
    with pytest.raises(DataError, match=name):
        load_encoder(saved, attention="eager")
