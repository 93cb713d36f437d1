"""LASER's released weights: its file format, its text, its vectors."""

import random

import pytest
import sentencepiece
import torch
from torch import nn
from training.toy import write_toy
from transformers import AutoTokenizer
from typed import call

from mlalign.data.sequences import SequenceBuilder
from mlalign.errors import DataError
from mlalign.models.backbone import load_backbone
from mlalign.models.encoder import Encoder
from mlalign.models.io import load_encoder, save_encoder
from mlalign.models.laser import check_laser_folder, convert_laser
from mlalign.models.vocabulary_head import untrained_head
from mlalign.stages.reopen import load_run

CLEANED = {  # by sacremoses 0.2.0, MosesPunctNormalizer("en"), and Python's lower; "º" is sentencepiece's "o"
    'He said, "Yes",  then ( left ) .': 'he said, "yes," then (left).',
    "„Gut“ – so\u2014wirklich…": '"gut" - so - wirklich...',
    "«\u00a0Oui\u00a0» , 5\u00a0% de 1\u00a0234 ; nº\u00a07": '"oui" , 5% de 1.234; no 7',
    "it’s ``fine''(really)": 'it\'s " fine " (really)',
    "a ) : b\r\u00a0cm ΟΔΟΣ ΣΑΣ": "a): b cm οδος σας",
    'Stop".,. "': 'stop.,." "',
}
TEXTS = ["", "He said, “Yes”,  then left …", "Der Zug ★★ kommt um 5\u00a0%", "BANKS (and rivers) ; ok", "x", "ein Wort"]
WIDTHS = {"embed_dim": 6, "hidden_size": 5, "num_layers": 2}


@pytest.fixture(scope="module", params=["unigram", "bpe"])
def released(request, tmp_path_factory):
    """Random weights in LASER's own format; the dictionary lacks some pieces and has others, in an order of its own."""
    folder = tmp_path_factory.mktemp("laser")
    draw = random.Random(0)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(draw.choice(letters) for _ in range(draw.randint(2, 6))) for _ in range(300)]
    lines = [
        " ".join(draw.choice([*words, "he", "said,", "zug", "wort", "(and", '"yes,"']) for _ in range(9))
        for _ in range(400)
    ]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_prefix=str(folder / "laser2"), vocab_size=120,
        model_type=request.param, minloglevel=2, character_coverage=1.0,
    )  # fmt: skip
    (folder / "laser2.model").rename(folder / "laser2.spm")
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "laser2.spm"))
    names = [pieces.id_to_piece(place) for place in range(3, len(pieces)) if place % 10]
    draw.shuffle(names)
    names.insert(7, "▁neverproduced")
    numbers = dict(zip(["<s>", "<pad>", "</s>", "<unk>", *names], range(len(names) + 4), strict=True))
    torch.manual_seed(0)
    embeddings = nn.Embedding(len(numbers), 6, padding_idx=1)
    lstm = nn.LSTM(6, 5, 2, bidirectional=True)
    state = {f"embed_tokens.{name}": one for name, one in embeddings.state_dict().items()}
    state |= {f"lstm.{name}": one for name, one in lstm.state_dict().items()}
    params = WIDTHS | {"num_embeddings": len(numbers), "padding_idx": 1, "bidirectional": True, "left_pad": False}
    torch.save({"params": params, "model": state, "dictionary": numbers}, folder / "laser2.pt")
    return folder, pieces, numbers, embeddings, lstm


@pytest.fixture(scope="module")
def opened(released, tmp_path_factory):
    folder = tmp_path_factory.mktemp("converted")
    convert_laser(released[0], folder)
    model, tokenizer = load_backbone(folder, attention="eager")
    return Encoder(model, pool="max").eval(), SequenceBuilder(tokenizer, {}, max_length=64)


def vectors(opened, texts):
    encoder, builder = opened
    batch = builder.batch([builder.single(words, "en") for words in builder.words(texts)])
    with torch.no_grad():
        return encoder.represent(batch, partner=None, representation="prototype").sentence


def cleaned(text):
    """Of the texts above, by hand."""
    return {
        TEXTS[1]: 'he said, "yes," then left ...',
        TEXTS[2]: "der zug ★★ kommt um 5%",
        TEXTS[3]: "banks (and rivers); ok",
        TEXTS[5]: "ein wort",
    }.get(text, text)


def test_vectors_are_those_of_the_released_encoder(released, opened):
    _, pieces, numbers, embeddings, lstm = released
    for text, vector in zip(TEXTS, vectors(opened, TEXTS), strict=True):
        ids = [numbers.get(piece, 3) for piece in pieces.encode(cleaned(text), out_type=str)] + [2]
        states, _ = lstm(embeddings(torch.tensor(ids))[:, None])
        torch.testing.assert_close(vector, states[:, 0].amax(0))


def test_pieces_without_a_number_occur_and_are_unknown(released, opened):
    _, pieces, numbers, *_ = released
    encoder, builder = opened
    produced = [pieces.id_to_piece(place) for place in range(3, len(pieces)) if place % 10 == 0]
    assert produced
    assert not set(produced) & set(numbers)
    rows = encoder.embeddings.weight
    ids = builder.tokenizer.convert_tokens_to_ids(produced)
    assert min(ids) >= len(numbers)
    assert (rows[ids] == rows[3]).all()


def test_padding_and_batch_mates_change_nothing(opened):
    together = vectors(opened, TEXTS)
    alone = torch.cat([vectors(opened, [text]) for text in TEXTS])
    torch.testing.assert_close(together, alone)


@pytest.mark.parametrize("text", CLEANED)
def test_text_is_cleaned_as_published(opened, text):
    assert opened[1].tokenizer.backend_tokenizer.normalizer.normalize_str(text) == CLEANED[text]


def test_the_tokenizer_itself_frames_text_alike(released, opened):
    _, builder = opened
    words = builder.words(["he said"])[0]
    assert builder.tokenizer("he said")["input_ids"] == [*words, 2] == builder.single(words, "en").ids
    assert builder.pair(words, words, "en").ids == builder.tokenizer("he said", "he said")["input_ids"]


def test_the_head_for_words_counts_as_untrained(opened):
    assert untrained_head(opened[0].backbone)


@pytest.mark.parametrize("name", ["laser2.pt", "laser2.spm"])
def test_a_missing_file_is_named(released, tmp_path, name):
    for file in {"laser2.pt", "laser2.spm"} - {name}:
        (tmp_path / file).write_bytes(b"")
    with pytest.raises(DataError, match=rf"no {name} there; expected laser2\.pt and laser2\.spm"):
        check_laser_folder(tmp_path)


@pytest.mark.parametrize("name", ["laser2.pt", "laser2.spm"])
def test_a_broken_file_is_named(released, tmp_path, name):
    for file in ("laser2.pt", "laser2.spm"):
        (tmp_path / file).write_bytes(b"nothing" if file == name else (released[0] / file).read_bytes())
    with pytest.raises(DataError, match=rf"{name}: cannot be read as LASER2's"):
        convert_laser(tmp_path, tmp_path / "made")


def test_a_pickled_object_is_not_run(released, tmp_path):
    """Only tensors and plain containers are read."""
    content = torch.load(released[0] / "laser2.pt", weights_only=True)
    torch.save(content | {"params": random.Random(0)}, tmp_path / "laser2.pt")
    (tmp_path / "laser2.spm").write_bytes((released[0] / "laser2.spm").read_bytes())
    with pytest.raises(DataError, match=r"laser2\.pt: cannot be read"):
        convert_laser(tmp_path, tmp_path / "made")


def test_a_one_way_lstm_is_refused(released, tmp_path):
    content = torch.load(released[0] / "laser2.pt", weights_only=True)
    content["params"]["bidirectional"] = False
    torch.save(content, tmp_path / "laser2.pt")
    with pytest.raises(DataError, match="one direction"):
        convert_laser(tmp_path, tmp_path / "made")


def test_the_tokenizer_is_saved_whole(opened, tmp_path):
    tokenizer = opened[1].tokenizer
    tokenizer.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    for text in TEXTS:
        assert again(text)["input_ids"] == tokenizer(text)["input_ids"]


def test_a_run_has_them_as_they_are_and_is_opened_again(released, tmp_path):
    toy = write_toy(tmp_path / "toy")
    words = [
        "backbone=laser", f"backbone.path={released[0]}", "method=none", "task=mldoc", "task.languages=[en,de]",
        "finetune.epochs=1", "finetune.max_length=32", "data=files", "data.parallel=[toy]", f"data.root={toy}",
        f"data.cache={tmp_path}/cache", "trainer=cpu", "trainer.progress=false",
    ]  # fmt: skip
    ended = call("train.py", words, tmp_path)
    assert ended.returncode == 0, ended.stderr
    (path,) = tmp_path.glob("outputs/mldoc/laser-none-*/results.json")
    run = load_run(path.parent)
    assert any("released weights" in note for note in run.results.notes)
    assert run.results.backbone_files.keys() == {"laser2.pt", "laser2.spm"}
    embeddings = run.encoder.embeddings.weight[: len(released[3].weight)]
    assert embeddings[2:].equal(released[3].weight[2:])


def test_a_folder_that_a_stage_wrote_gives_the_same_vectors(opened, tmp_path):
    encoder, builder = opened
    save_encoder(encoder, builder.tokenizer, tmp_path, {})
    again, tokenizer = load_encoder(tmp_path, attention="eager")
    reopened = again.eval(), SequenceBuilder(tokenizer, {}, max_length=64)
    torch.testing.assert_close(vectors(reopened, TEXTS), vectors(opened, TEXTS), rtol=0, atol=1e-6)
