"""What published folders hold besides the usual: other tokenizer files, heads, types and limits."""

import io
import json
import shutil

import pytest
import sentencepiece
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoTokenizer,
    CamembertConfig,
    CamembertForMaskedLM,
    GPT2Config,
    GPT2Model,
    MPNetConfig,
    MPNetForMaskedLM,
    RobertaConfig,
    RobertaForMaskedLM,
)

from mlalign.data.sequences import SequenceBuilder
from mlalign.errors import ConfigError, DataError
from mlalign.models.backbone import (
    add_language_tokens,
    known_languages,
    load_backbone,
    positions,
    vocabulary_size,
)

TINY = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}


def load(folder, attention="sdpa"):
    return load_backbone(folder, attention=attention)


def edit(path, **changes):
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(content | changes), encoding="utf-8")


@pytest.fixture
def copy(tmp_path):
    return lambda folder: shutil.copytree(folder, tmp_path / "copy")


def test_a_tokenizer_that_is_only_a_sentencepiece_model_becomes_a_fast_one(deberta_folder, copy, sentences, tmp_path):
    folder, model_file = copy(deberta_folder), io.BytesIO()
    texts = [text for rows in sentences.values() for text in rows]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=model_file,
        vocab_size=100,
        minloglevel=2,
        **{f"{name}_id": place for place, name in enumerate(("pad", "bos", "eos", "unk"))},
        **{"pad_piece": "[PAD]", "bos_piece": "[CLS]", "eos_piece": "[SEP]"},
        unk_piece="[UNK]",
    )
    for path in folder.glob("tokenizer*.json"):
        path.unlink()
    (folder / "spm.model").write_bytes(model_file.getvalue())
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": false, "vocab_type": "spm"}')
    model, tokenizer = load(folder)
    oracle = sentencepiece.SentencePieceProcessor(model_proto=model_file.getvalue())
    expected = [[1, *oracle.encode(text), 2] for text in texts]
    assert tokenizer(texts)["input_ids"] == expected
    add_language_tokens(model, tokenizer, {"de": torch.ones(100)}, start="type_mean")
    tokenizer.save_pretrained(tmp_path)
    assert AutoTokenizer.from_pretrained(tmp_path)(texts)["input_ids"] == expected


@pytest.mark.parametrize("side", ["left", "right"])
def test_gemmas_tokenizer_is_framed_as_every_stage_frames_it(mmbert_folder, copy, side, tmp_path):
    """Without [CLS] and [SEP] of its own, with no last token, padded in front."""
    folder = copy(mmbert_folder)
    template = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    post = template["post_processor"]
    end = {"SpecialToken": {"id": "<eos>", "type_id": 0}}
    for kind in ("single", "pair"):
        post[kind] = [part for part in post[kind] if part != end]
    (folder / "tokenizer.json").write_text(json.dumps(template), encoding="utf-8")
    edit(folder / "tokenizer_config.json", cls_token=None, sep_token=None, padding_side=side)
    assert AutoTokenizer.from_pretrained(folder)("the cat")["input_ids"][-1] != 1
    model, tokenizer = load(folder)
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    for one in (tokenizer, AutoTokenizer.from_pretrained(tmp_path)):
        layout = SequenceBuilder(one, {}, max_length=20)
        words = layout.words(["the cat", "the cat sees the river."])
        ours = layout.batch([layout.single(row, "en") for row in words])
        theirs = one(["the cat", "the cat sees the river."], padding=True, return_tensors="pt")
        assert theirs["input_ids"].equal(ours.input_ids)
        assert (one.cls_token_id, one.sep_token_id) == (2, 1)


def test_segments_are_left_out_where_the_model_tells_none_apart(xlmr_folder, copy):
    folder = copy(xlmr_folder)
    names = ["input_ids", "token_type_ids", "attention_mask"]
    edit(folder / "tokenizer_config.json", model_input_names=names)
    model, tokenizer = load(folder)
    layout = SequenceBuilder(tokenizer, {}, max_length=20)
    one, two = layout.words(["a dog", "my friend"])
    batch = layout.batch([layout.pair(one, two, "en")])
    assert batch.token_types is None
    assert model(**tokenizer("a dog", "my friend", return_tensors="pt")).logits.isfinite().all()


def test_output_embeddings_that_are_not_tied_stay_so(bert_folder, copy, tmp_path):
    folder = copy(bert_folder)
    tensors = load_file(folder / "model.safetensors")
    matrix = torch.randn_like(tensors["bert.embeddings.word_embeddings.weight"])
    save_file(
        tensors
        | {
            "cls.predictions.decoder.weight": matrix,
            "cls.predictions.decoder.bias": tensors["cls.predictions.bias"].clone(),
        },
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    edit(folder / "config.json", tie_word_embeddings=False)
    model, tokenizer = load(folder)
    size = vocabulary_size(tokenizer)
    add_language_tokens(model, tokenizer, {"de": torch.ones(size)}, start="type_mean")
    assert model.get_output_embeddings().weight[:size].equal(matrix)
    model.save_pretrained(tmp_path / "again")
    tokenizer.save_pretrained(tmp_path / "again")
    again, _ = load(tmp_path / "again")
    assert again.get_output_embeddings().weight.equal(model.get_output_embeddings().weight)
    assert known_languages(tokenizer, ["de"]) == {"de": size, "unk": size + 1}


@pytest.mark.parametrize(
    ("made", "limit"),
    [
        (lambda: RobertaForMaskedLM(RobertaConfig(**TINY, max_position_embeddings=66)), 64),
        (
            lambda: RobertaForMaskedLM(RobertaConfig(**TINY, max_position_embeddings=66, pad_token_id=3)),
            62,
        ),
        (lambda: CamembertForMaskedLM(CamembertConfig(**TINY, max_position_embeddings=40)), 38),
        (lambda: MPNetForMaskedLM(MPNetConfig(**TINY, max_position_embeddings=50)), 48),
    ],
)
def test_positions_are_as_many_as_the_model_really_takes(made, limit):
    model = made().eval()
    assert positions(model) == limit
    ids = torch.full((1, limit + 1), 9)
    model(ids[:, :limit])
    with pytest.raises((IndexError, RuntimeError)):
        model(ids)


def test_attention_that_the_family_lacks_is_replaced_or_refused(deberta_folder, caplog):
    with caplog.at_level("INFO"):
        model, _ = load(deberta_folder)
    assert model.config._attn_implementation == "eager"
    assert "DebertaV2ForMaskedLM has no sdpa attention: eager is used" in caplog.text
    with pytest.raises(ConfigError, match=r"backbone\.attention=flash_attention_2.*eager"):
        load(deberta_folder, "flash_attention_2")


def test_the_other_form_of_debertas_head_is_not_used(deberta_folder, copy):
    """Its output embeddings are no matrix of the vocabulary: resizing would ruin it."""
    folder = copy(deberta_folder)
    edit(folder / "config.json", legacy=False)
    model, tokenizer = load(folder)
    words = model.get_input_embeddings().weight
    assert model.get_output_embeddings().weight is words
    add_language_tokens(model, tokenizer, {"de": torch.ones(100)}, start="type_mean")
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight


def test_weights_of_another_model_are_refused(xlmr_folder, bert_folder, copy):
    folder = copy(xlmr_folder)
    shutil.copy(bert_folder / "model.safetensors", folder)
    with pytest.raises(DataError, match=r"nothing for roberta\..* of another model"):
        load(folder)


def test_what_is_no_encoder_is_refused(xlmr_folder, copy):
    folder = copy(xlmr_folder)
    GPT2Model(GPT2Config(n_embd=16, n_layer=1, n_head=2, vocab_size=50)).save_pretrained(folder)
    with pytest.raises(DataError, match="no masked-language model of type gpt2"):
        load(folder)


@pytest.mark.parametrize("kind", ["mask", "pad"])
def test_a_tokenizer_without_a_needed_token_is_named(bert_folder, copy, kind):
    folder = copy(bert_folder)
    path = folder / "tokenizer_config.json"
    edit(path, **{f"{kind}_token": None, "tokenizer_class": "PreTrainedTokenizerFast"})
    with pytest.raises(DataError, match=f"its tokenizer has no {kind}_token"):
        load(folder)
