"""sentence-transformers gives the vectors that we give, whatever the family."""

import numpy as np
import pytest
from models.made import Made, make, represent
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, WordWeights

from mlalign.data.sequences import SequenceBuilder
from mlalign.models.backbone import known_languages, load_backbone
from mlalign.models.encoder import Encoder
from mlalign.models.export import write_sentence_transformers
from mlalign.models.io import save_encoder

LONG = "die Katze sieht Berlin! " * 400


def vectors_here(made, texts, language):
    batches = [represent(made, made.batch([text], language), "backbone") for text in texts]
    return np.concatenate([one.sentence.numpy() for one in batches])


@pytest.mark.parametrize("pool", ["first", "mean", "max"])
def test_a_prompt_gives_the_vectors_of_its_language(family_folder, tmp_path, sentences, pool):
    made = make(family_folder, pool)
    save_encoder(made.encoder, made.tokenizer, tmp_path, {})
    model = SentenceTransformer(str(tmp_path), device="cpu")
    made.layout.max_length = model.max_seq_length
    for language in ("en", "de", "ru"):
        texts = [*sentences[language][:5], " ".join(sentences[language][:3])]
        found = model.encode(texts, prompt_name=language)
        np.testing.assert_allclose(found, vectors_here(made, texts, language), atol=1e-5)
    unnamed = vectors_here(made, sentences["de"][:3], "xx")
    for encode in (model.encode, model.encode_query, model.encode_document):
        np.testing.assert_allclose(encode(sentences["de"][:3]), unnamed, atol=1e-5)


def test_without_language_tokens_no_prompt_is_needed(family_folder, tmp_path, sentences):
    backbone, tokenizer = load_backbone(family_folder, attention="sdpa")
    encoder = Encoder(backbone, pool="mean").eval()
    save_encoder(encoder, tokenizer, tmp_path, {})
    model = SentenceTransformer(str(tmp_path), device="cpu")
    assert not any(model.prompts.values())
    made = Made(encoder, SequenceBuilder(tokenizer, {}, max_length=model.max_seq_length), tokenizer)
    expected = vectors_here(made, sentences["ru"][:4], "ru")
    np.testing.assert_allclose(model.encode(sentences["ru"][:4]), expected, atol=1e-5)


@pytest.mark.parametrize("family", ["xlmr", "bert", "mmbert", "deberta"])
def test_a_long_text_is_cut_where_the_positions_end(family, request, tmp_path):
    made = make(request.getfixturevalue(f"{family}_folder"), "mean")
    save_encoder(made.encoder, made.tokenizer, tmp_path, {})
    model = SentenceTransformer(str(tmp_path), device="cpu")
    assert model.max_seq_length == (1024 if family == "mmbert" else 512)
    made.layout.max_length = model.max_seq_length
    assert made.batch([LONG]).input_ids.shape == (1, model.max_seq_length)
    expected = vectors_here(made, [LONG], "de")
    np.testing.assert_allclose(model.encode([LONG], prompt_name="de"), expected, atol=1e-5)


def test_the_library_reads_its_own_modules_from_the_files(xlmr_folder, tmp_path):
    """The oracle is the library: its modules, built by hand, hold what it reads from the folder."""
    made = make(xlmr_folder, "mean")
    save_encoder(made.encoder, made.tokenizer, tmp_path, {})
    _, weights, pooling = SentenceTransformer(str(tmp_path), device="cpu")
    ids = made.tokenizer.get_vocab()
    tokens = known_languages(made.tokenizer, ["en", "de", "ru"])
    frame = {ids[piece] for piece in ("<s>", "<pad>", "</s>")} | set(tokens.values())
    vocabulary = sorted(ids, key=ids.__getitem__)
    own = WordWeights(vocabulary, {vocabulary[place]: 0.0 for place in frame}, 1.0)
    assert isinstance(weights, WordWeights)
    assert weights.emb_layer.weight.equal(own.emb_layer.weight)
    assert weights.emb_layer.weight.sum() == len(ids) - len(frame)
    assert (weights.vocab, weights.word_weights) == (own.vocab, own.word_weights)
    assert pooling.get_config_dict() == Pooling(32, "mean").get_config_dict()


def test_no_piece_is_left_out_for_its_name(xlmr_folder, tmp_path):
    """The library would give `<S>` the weight of `<s>`, which frames a sentence."""
    made = make(xlmr_folder, "mean")
    made.tokenizer.add_tokens(["<S>"])
    write_sentence_transformers(tmp_path, made.tokenizer, pool="mean", dim=32)
    weights = WordWeights.load(str(tmp_path / "1_WordWeights")).emb_layer.weight[:, 0]
    ids = made.tokenizer.get_vocab()
    assert (weights[ids["<s>"]], weights[ids["<S>"]]) == (0, 1)
