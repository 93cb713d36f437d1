"""An id in memory is the id in the saved folder, however many embeddings or gaps there are."""

import json
import random

import pytest
from models.made import make
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer, BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

from mlalign.errors import DataError
from mlalign.models.backbone import known_languages, load_backbone
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
