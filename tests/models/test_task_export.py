"""Classifiers of transformers compute what encoder and head do, of every family that can; its pipelines open them."""

import re
from contextlib import redirect_stdout
from io import StringIO
from itertools import accumulate, chain, product

import pytest
import torch
from models.made import make, represent
from torch import nn
from torch.testing import assert_close
from transformers import AutoTokenizer, pipeline

from mlalign.commands.export import WORDS
from mlalign.data.sequences import SequenceBuilder
from mlalign.models.encoder import Encoder
from mlalign.models.language_maps import LanguageMaps
from mlalign.models.task_export import build_classifier, build_tokenizer, obstacles

LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
FAMILIES = {"xlmr": "xlmr_folder", "bert": "bert_folder", "deberta": "deberta_folder"}


@pytest.fixture(params=FAMILIES)
def made(request):
    found = make(request.getfixturevalue(FAMILIES[request.param]), pool="first", sentence=False, word=False)
    torch.manual_seed(1)
    return found, nn.Linear(32, len(LABELS))


def written(made, head, folder, *, on_tokens, language="de"):
    model = build_classifier(made.encoder, head, LABELS, on_tokens=on_tokens)
    token = f"[LANG_{language}]"
    tokenizer = build_tokenizer(made.tokenizer, language_token=token, max_length=64, separators=made.layout.separators)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model


def test_a_pipeline_gives_the_label_and_the_probabilities_of_a_text(made, tmp_path, sentences):
    both, head = made
    written(both, head, tmp_path, on_tokens=False)
    texts = sentences["de"][:6]
    with torch.no_grad():
        expected = head(represent(both, both.batch(texts), "backbone").sentence).softmax(-1)
    found = pipeline("text-classification", str(tmp_path), top_k=None, truncation=True)(texts)
    for row, shares in zip(found, expected, strict=True):
        given = {one["label"]: one["score"] for one in row}
        assert_close(torch.tensor([given[label] for label in LABELS]), shares, atol=1e-5, rtol=0)
    assert float((expected[0] - expected[1]).abs().max()) > 1e-3


def test_a_pipeline_labels_the_same_tokens(made, tmp_path, sentences):
    both, head = made
    written(both, head, tmp_path, on_tokens=True)
    words = [text.rstrip(".!").split() for text in sentences["de"][:8]]
    tag = pipeline("token-classification", str(tmp_path), aggregation_strategy="none", ignore_labels=[])
    split = both.layout.split_words(words, "de")
    for pieces, found in zip(split, tag([" ".join(one) for one in words]), strict=True):
        ids = [one for piece in pieces for one in piece]
        batch = both.layout.batch([both.layout.single(ids, "de")])
        with torch.no_grad():
            shares = head(represent(both, batch, "backbone").words)[0, batch.is_content_token[0]].softmax(-1)
        assert len(found) == len(ids)
        scores, best = shares.max(-1)
        assert [one["entity"] for one in found] == [LABELS[place] for place in best]
        assert_close(torch.tensor([float(one["score"]) for one in found]), scores, atol=1e-5, rtol=0)
    (code,) = re.findall(r"```python\n(.*?)```", WORDS, re.DOTALL)
    pieces, found = split[0], tag(" ".join(words[0]))
    firsts = [found[start] for start in accumulate(map(len, pieces[:-1]), initial=0)]
    whole = " ".join(2 * list(chain.from_iterable(words)))
    for text, tags in ((" ".join(words[0]), [f"{one['entity']} {one['score']}" for one in firsts]), (whole, None)):
        with redirect_stdout(StringIO()) as said:
            exec(re.sub("Marie Curie .*?\\.", text, code), {"FOLDER": str(tmp_path)})
        lines = [line.partition(" ") for line in said.getvalue().splitlines()]
        assert [word for word, _, _ in lines] == text.split()
        assert [rest for _, _, rest in lines] == tags or (tags is None and lines[0][2] and not lines[-1][2])


def test_a_pair_is_framed_alike(made, tmp_path, sentences):
    both, head = made
    written(both, head, tmp_path, on_tokens=False, language="ru")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    one, other = both.layout.words([sentences["de"][0], sentences["de"][1]])
    sequence = both.layout.pair(one, other, "ru")
    found = tokenizer(sentences["de"][0], sentences["de"][1])
    assert found["input_ids"] == sequence.ids
    assert found.get("token_type_ids", sequence.token_types) == sequence.token_types
    assert len(tokenizer(" ".join(sentences["de"]), truncation=True)["input_ids"]) == 64


@pytest.mark.parametrize("longest", [40, 41])
def test_a_pair_that_is_too_long_is_cut_alike_but_for_one_subword(made, longest, sentences):
    both, _ = made
    layout = SequenceBuilder(both.tokenizer, both.layout.language_tokens, max_length=longest)
    cut = build_tokenizer(both.tokenizer, language_token="[LANG_de]", max_length=longest, separators=layout.separators)
    words = " ".join(sentences["de"]).split()
    for one, other in product((2, 9, 15, 60), repeat=2):
        texts = " ".join(words[:one]), " ".join(words[-other:])
        pair = layout.words(texts)
        found, expected = cut(*texts, truncation=True)["input_ids"], layout.pair(*pair, "de").ids
        if min(map(len, pair)) <= layout.pair_budget // 2:
            assert found == expected
        else:  # of an odd number of places the longer text has one more there, the first one here
            assert len(found) == len(expected) == longest
            assert abs(found.index(both.tokenizer.sep_token_id) - expected.index(both.tokenizer.sep_token_id)) <= 1


@pytest.mark.parametrize(
    ("given", "changed", "words"),
    [
        ({}, {}, []),
        ({"sentence": True}, {}, ["fused", "finetune.representation=backbone"]),
        ({"sentence": True}, {"representation": "backbone"}, []),
        ({"pool": "mean"}, {}, ["pooled by mean", "backbone.pool=first"]),
        ({"pool": "mean"}, {"on_tokens": True}, []),
        ({}, {"head": nn.Sequential(nn.Linear(32, 4))}, ["hidden layers"]),
        ({"pool": "mean", "sentence": True}, {}, ["fused", "pooled"]),
    ],
    ids=str,
)
def test_what_no_class_can_compute_is_said_with_every_reason(given, changed, words, xlmr_folder):
    encoder = make(xlmr_folder, **{"pool": "first", "sentence": False, "word": False, **given}).encoder
    settings = {"head": nn.Linear(32, 4), "representation": "prototype", "on_tokens": False, **changed}
    found = obstacles(encoder, **settings)
    assert bool(found) == bool(words)
    assert all(word in "; ".join(found) for word in words)


def test_maps_and_other_families_are_obstacles(modernbert_folder):
    plain = make(modernbert_folder, pool="first", sentence=False, word=False).encoder
    moved = Encoder(plain.backbone, pool="first", maps=LanguageMaps(["de"], 32, linear=False))
    said = "; ".join(obstacles(moved, nn.Linear(32, 2), representation="prototype", on_tokens=False))
    assert "modernbert has another head" in said
    assert "map of their language" in said
