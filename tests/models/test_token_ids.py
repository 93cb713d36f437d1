"""An id in memory is the id in the saved folder, however many embeddings or gaps there are."""

import json
import random

import pytest
import torch
from models.made import make
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer, BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

from mlalign.errors import DataError
from mlalign.models.backbone import add_language_tokens, known_languages, load_backbone, vocabulary_size
from mlalign.models.io import load_encoder, save_encoder

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WORDS = [f"w{number}" for number in range(20)]


def write(folder, ids, rows):
    """A BERT whose words have these ids, and as many embeddings as it is told."""
    backend = Tokenizer(models.WordLevel(ids, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    names = dict(zip(("pad", "unk", "cls", "sep", "mask"), SPECIAL, strict=True))
    PreTrainedTokenizerFast(
        tokenizer_object=backend, **{f"{name}_token": one for name, one in names.items()}
    ).save_pretrained(folder)
    config = BertConfig(
        vocab_size=rows,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        pad_token_id=ids["[PAD]"],
    )
    BertForMaskedLM(config).save_pretrained(folder)


def drawn(seed, gaps):
    """Ids of the special tokens and the words, some of them left out, in any order."""
    chance = random.Random(seed)
    span = len(SPECIAL) + len(WORDS) + gaps
    ids = chance.sample(range(span), len(SPECIAL) + len(WORDS))
    return dict(zip((*SPECIAL, *WORDS), ids, strict=True))


@pytest.mark.parametrize("spare", [0, 1, 2, 3, 35, 64])
@pytest.mark.parametrize(("seed", "gaps"), [(0, 0), (1, 1), (2, 5), (3, 12), (4, 40)])
def test_no_id_moves(tmp_path, seed, gaps, spare):
    ids = drawn(seed, gaps)
    highest = max(ids.values())
    write(tmp_path / "backbone", ids, highest + 1 + spare)
    before, _ = load_backbone(tmp_path / "backbone", attention="eager")
    rows = before.get_input_embeddings().weight
    made = make(tmp_path / "backbone", sentence=False, word=False)
    languages = known_languages(made.tokenizer, ["en", "de", "ru"])
    assert sorted(languages.values()) == list(range(highest + 1, highest + 5))
    save_encoder(made.encoder, made.tokenizer, tmp_path / "saved", {})
    encoder, again = load_encoder(tmp_path / "saved", attention="eager")
    for tokenizer in (made.tokenizer, again, AutoTokenizer.from_pretrained(tmp_path / "saved")):
        assert known_languages(tokenizer, ["en", "de", "ru"]) == languages
        assert tokenizer.convert_tokens_to_ids(list(ids)) == list(ids.values())
        text = " ".join(WORDS)
        assert tokenizer(text, add_special_tokens=False)["input_ids"] == [ids[one] for one in WORDS]
    after = encoder.backbone.get_input_embeddings().weight
    assert len(after) == max(highest + 1 + spare, highest + 5)
    assert after[: highest + 1].equal(rows[: highest + 1])
    for place in languages.values():
        assert after[place].equal(made.encoder.backbone.get_input_embeddings().weight[place])


def test_an_id_that_would_move_is_an_error_when_saving(xlmr_folder, tmp_path, monkeypatch):
    made = make(xlmr_folder)
    original = type(made.tokenizer).save_pretrained

    def moving(self, folder, **options):
        """As a tokenizer that writes two pieces in another order."""
        original(self, folder, **options)
        path = folder / "tokenizer.json"
        content = json.loads(path.read_text(encoding="utf-8"))
        added = content["added_tokens"]
        added[-1]["content"], added[-2]["content"] = added[-2]["content"], added[-1]["content"]
        path.write_text(json.dumps(content), encoding="utf-8")

    monkeypatch.setattr(type(made.tokenizer), "save_pretrained", moving)
    with pytest.raises(DataError, match=r"\[LANG_\w+\].* has the id .*loaded again \(2 tokens"):
        save_encoder(made.encoder, made.tokenizer, tmp_path, {})


def test_a_tokenizer_with_more_ids_than_embeddings_is_refused(tmp_path):
    write(tmp_path, drawn(0, 0), 20)
    with pytest.raises(DataError, match=r"ids up to 24, but there are only 20 embeddings"):
        load_backbone(tmp_path, attention="eager")


# Ids behind gaps, in the forms in which families keep their pieces

NAMED = {f"{kind}_token": one for kind, one in zip(("pad", "unk", "cls", "sep", "mask"), SPECIAL, strict=True)}
LETTERS = ["a", "b", "c", "d", "ab", "cd"]


def backend_of(kind, ids):
    """A tokenizer of a family whose pieces have these ids."""
    if kind == "unigram":
        return Tokenizer(models.Unigram([(one, -1.0 - place) for place, one in enumerate(ids)], unk_id=1))
    if kind == "bpe":
        return Tokenizer(models.BPE(ids, [("a", "b"), ("c", "d")], unk_token="[UNK]"))
    return Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))


def write_family(folder, kind, ids):
    backend = backend_of(kind, ids)
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=backend, **NAMED).save_pretrained(folder)
    config = BertConfig(vocab_size=64, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    BertForMaskedLM(config).save_pretrained(folder)


@pytest.mark.parametrize("kind", ["wordpiece", "bpe"])
@pytest.mark.parametrize("gap", [0, 1, 3])
def test_a_mask_behind_a_gap_keeps_its_id_and_what_text_becomes(tmp_path, kind, gap):
    ids = {one: place for place, one in enumerate([*SPECIAL[:4], *LETTERS])}
    mask = len(ids) + gap
    write_family(tmp_path / "backbone", kind, ids | {"[MASK]": mask})
    model, tokenizer = load_backbone(tmp_path / "backbone", attention="eager")
    texts = ["ab cd a", "cab x", "[MASK] b"]
    before = [tokenizer(one, add_special_tokens=False)["input_ids"] for one in texts]
    counts = {one: torch.ones(vocabulary_size(tokenizer)) for one in ("en", "de")}
    add_language_tokens(model, tokenizer, counts, start="type_mean")
    tokenizer.save_pretrained(tmp_path / "saved")
    for one in (tokenizer, AutoTokenizer.from_pretrained(tmp_path / "saved")):
        added = one.convert_tokens_to_ids(["[MASK]", "[LANG_en]", "[LANG_de]", "[LANG_unk]"])
        assert added == [mask, mask + 1, mask + 2, mask + 3]
        assert [one(text, add_special_tokens=False)["input_ids"] for text in texts] == before


@pytest.mark.parametrize("kind", ["wordpiece", "bpe", "unigram"])
def test_an_added_token_that_gets_another_id_than_its_file_says_is_refused(tmp_path, kind):
    """As it happens where added tokens stand behind a gap."""
    write_family(tmp_path, kind, {one: place for place, one in enumerate([*SPECIAL[:4], *LETTERS])})
    load_backbone(tmp_path, attention="eager")
    path = tmp_path / "tokenizer.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    mask = next(one for one in content["added_tokens"] if one["content"] == "[MASK]")
    mask["id"] += 2
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(DataError, match=r"tokenizer\.json gives '\[MASK\]' the id 12, but it has 10"):
        load_backbone(tmp_path, attention="eager")


def test_ids_that_would_move_or_be_shared_are_refused_before_anything_is_learned(xlmr_folder, monkeypatch):
    model, tokenizer = load_backbone(xlmr_folder, attention="eager")
    counts = {one: torch.ones(vocabulary_size(tokenizer)) for one in ("en", "de")}
    there = type(tokenizer).get_vocab
    monkeypatch.setattr(
        type(tokenizer), "get_vocab", lambda self: there(self) | ({"twice": there(self).get("[LANG_de]", 3)})
    )
    with pytest.raises(DataError, match=r"'\[LANG_de\]' and 'twice' both have the id"):
        add_language_tokens(model, tokenizer, counts, start="type_mean")


# Capitals


def bert_folder(folder, words, **said):
    """A vocab.txt and what tokenizer_config.json says, if anything."""
    pieces = [*SPECIAL, *words]
    folder.mkdir()
    (folder / "vocab.txt").write_text("".join(f"{one}\n" for one in pieces), encoding="utf-8")
    if said:
        (folder / "tokenizer_config.json").write_text(json.dumps(said), encoding="utf-8")
    config = BertConfig(
        vocab_size=len(pieces), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    BertForMaskedLM(config).save_pretrained(folder)
    return folder


CASED = ["Hund", "Ärger", "hund", "der", "Der", "h", "##und"]


def test_a_cased_vocabulary_is_not_made_lower_case_in_silence(tmp_path):
    for name, said in (("bare", {}), ("said", {"do_lower_case": True})):
        with pytest.raises(DataError, match=r"3 of the 12 pieces .* capital letters, such as .*tokenizer_config\.json"):
            load_backbone(bert_folder(tmp_path / name, CASED, **said), attention="eager")
    _, kept = load_backbone(bert_folder(tmp_path / "cased", CASED, do_lower_case=False), attention="eager")
    assert kept.tokenize("Der Ärger Hund") == ["Der", "Ärger", "Hund"]
    small = [one.lower() for one in CASED if one not in ("hund", "der")]
    _, uncased = load_backbone(bert_folder(tmp_path / "uncased", small), attention="eager")
    assert uncased.tokenize("Der Hund") == ["der", "hund"]
