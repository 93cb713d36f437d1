"""The tiny encoder: of XLM-R's form, the same wherever it is made, at home in transformers."""

import pytest
import torch
from transformers import AutoConfig, AutoModelForMaskedLM, AutoTokenizer

from mlalign.models.tiny import build_tiny, train_tokenizer

SHAPE = {"layers": 2, "width": 16, "heads": 2}


@pytest.fixture
def texts(sentences):
    return [text for language in sentences.values() for text in language]


def test_special_tokens_stand_where_xlmr_has_them(texts):
    tokenizer = train_tokenizer(texts, 200)
    assert tokenizer.convert_tokens_to_ids(["<s>", "<pad>", "</s>", "<unk>"]) == [0, 1, 2, 3]
    assert tokenizer.mask_token_id == len(tokenizer) - 1
    assert tokenizer("a")["input_ids"][0] == 0
    assert tokenizer("a")["input_ids"][-1] == 2


@pytest.mark.parametrize("size", [90, 150, 5000])
def test_the_size_is_an_upper_bound(texts, size):
    assert 60 < len(train_tokenizer(texts, size)) <= size


def test_no_character_of_its_text_is_unknown(sentences):
    odd = ["全角，标点。真的？！", "１２３ ﬁne ½", *sentences["ru"]]
    tokenizer = train_tokenizer([*odd, *sentences["en"]], 400)
    for text in odd:
        assert tokenizer.unk_token_id not in tokenizer(text)["input_ids"]


def test_the_same_text_gives_the_same_tokenizer(texts):
    first, second = (train_tokenizer(texts, 140).backend_tokenizer.to_str() for _ in range(2))
    assert first == second


def test_it_cuts_text_as_before_after_saving(texts, tmp_path):
    tokenizer = train_tokenizer(texts, 140)
    tokenizer.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    odd = [*texts, "  Unheard   of, １２ ﬁ\u00a0x ", "<mask> </s> a<pad>b"]
    assert again(odd)["input_ids"] == tokenizer(odd)["input_ids"]


def test_the_model_fits_its_tokenizer_and_follows_the_seed(texts, tmp_path):
    train_tokenizer(texts, 140).save_pretrained(tmp_path / "tokenizer")
    states = {}
    for name, seed in (("first", 1), ("same", 1), ("other", 2)):
        torch.manual_seed(len(name))
        before = torch.get_rng_state()
        build_tiny(tmp_path / name, tmp_path / "tokenizer", **SHAPE, seed=seed)
        assert torch.get_rng_state().equal(before)
        model = AutoModelForMaskedLM.from_pretrained(tmp_path / name)
        states[name] = model.state_dict()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "first")
    config = AutoConfig.from_pretrained(tmp_path / "first")
    assert (config.model_type, config.vocab_size) == ("xlm-roberta", len(tokenizer))
    assert (config.num_hidden_layers, config.hidden_size) == (2, 16)
    assert config.pad_token_id == tokenizer.pad_token_id
    assert all(value.equal(states["same"][name]) for name, value in states["first"].items())
    assert not all(value.equal(states["other"][name]) for name, value in states["first"].items())


def test_512_positions_can_be_used(xlmr_folder):
    model = AutoModelForMaskedLM.from_pretrained(xlmr_folder)
    assert model(input_ids=torch.full((1, 512), 9)).logits.shape[1] == 512


def test_a_text_of_more_characters_than_pieces_still_gives_a_tokenizer(texts):
    """Rare ones become unknown, the frequent ones stay."""
    many = [chr(0x4E00 + place) for place in range(500)]
    tokenizer = train_tokenizer([*texts * 3, *many], 160)
    assert len(tokenizer) <= 160
    assert tokenizer.unk_token_id not in tokenizer("the cat", add_special_tokens=False)["input_ids"]
    assert tokenizer.unk_token_id in tokenizer(many[-1], add_special_tokens=False)["input_ids"]


def test_ideographs_are_pieces_of_their_own(texts):
    tokenizer = train_tokenizer(["在那不勒斯 老师"] * 20 + list(texts), 300)
    pieces = tokenizer.tokenize("在那不勒斯")
    assert [piece.strip("▁") for piece in pieces if piece != "▁"] == list("在那不勒斯")
