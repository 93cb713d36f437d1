"""What a local backbone is called and known by, and a tokenizer from elsewhere."""

import os
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from training.toy import aligner, configured, folder_of, write_toy
from transformers import AutoModel, AutoTokenizer

from mlalign.config.folder import name_of
from mlalign.data.hub.pretrained import Pretrained
from mlalign.errors import DataError
from mlalign.models.io import load_encoder
from mlalign.models.vocabulary_head import untrained_head
from mlalign.stages.run_folder import run_folder


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return write_toy(tmp_path_factory.mktemp("toy"))


@pytest.fixture
def copy(bert_folder, tmp_path):
    return shutil.copytree(bert_folder, tmp_path / "mine")


def change(folder):
    """Other weights in a file of the same size."""
    path = folder / "model.safetensors"
    tensors = load_file(path)
    name = next(iter(tensors))
    save_file(tensors | {name: tensors[name] + 1}, path, metadata={"format": "pt"})
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 10**9))


def custom(folder):
    return ("backbone=custom", f"backbone.path={folder}")


# Names


@pytest.mark.parametrize("group", ["custom", "xlmr", "labse"])
def test_a_local_backbone_is_called_as_its_folder(toy, copy, group):
    config = configured(toy, f"backbone={group}", f"backbone.path={copy}/")
    assert (config.backbone.name, config.backbone.revision) == ("mine", None)
    assert run_folder(config).name.startswith("mine-multilevel_v1-seed1-")


def test_a_snapshot_of_the_hubs_cache_is_called_as_its_repository(tmp_path):
    folder = tmp_path / "models--FacebookAI--xlm-roberta-base" / "snapshots" / ("0a" * 20)
    folder.mkdir(parents=True)
    assert name_of(folder) == "FacebookAI/xlm-roberta-base"


def test_a_folder_called_tiny_is_not_the_one_that_is_built_here(toy, copy):
    folder = copy.rename(copy.with_name("tiny"))
    assert aligner(toy, *custom(folder)).backbone.source.folder == folder


# Identity


@pytest.mark.parametrize("method", ["none", "inter_sentence"])
def test_other_weights_are_another_run_and_another_aligned_encoder(toy, copy, method):
    def identity():
        overrides = (f"method={method}", *custom(copy))
        return run_folder(configured(toy, *overrides)), aligner(toy, *overrides).recipe

    first = identity()
    assert identity() == first
    change(copy)
    second = identity()
    assert first[0] != second[0]
    assert first[1] != second[1]


def test_a_run_is_the_same_wherever_its_weights_are(toy, copy, tmp_path):
    other = shutil.copytree(copy, tmp_path / "elsewhere" / "mine")
    one, two = (run_folder(configured(toy, *custom(folder))) for folder in (copy, other))
    assert one == two


def test_every_file_that_is_loaded_is_hashed_once_and_no_other(copy, monkeypatch):
    read = []
    monkeypatch.setattr("mlalign.data.hub.pretrained.sha256_of", lambda path: read.append(path.name) or "0")
    for name in ("README.md", "pytorch_model.bin", "optimizer.pt"):
        (copy / name).write_bytes(b"x")
    expected = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    for _ in range(2):
        assert set(Pretrained(copy, None).hashes()) == expected
    assert sorted(read) == sorted(expected)
    change(copy)
    Pretrained(copy, None).hashes()
    assert sorted(read) == sorted([*expected, "model.safetensors"])


@pytest.mark.parametrize("key", ["dropout=0.3", "pool=first"])
def test_the_recipe_holds_what_shapes_the_encoder(toy, bert_folder, key):
    one, other = (aligner(toy, *custom(bert_folder), *more) for more in ((), (f"backbone.{key}",)))
    assert one.recipe != other.recipe


# A tokenizer from elsewhere


@pytest.fixture
def minilm(minilm_folder, xlmr_folder):
    return (*custom(minilm_folder), f"backbone.tokenizer={xlmr_folder}")


@pytest.mark.parametrize("method", [pytest.param("inter_sentence", marks=pytest.mark.long), "multilevel"])
def test_a_bert_with_xlmrs_tokenizer_is_aligned_and_opened_again(
    toy, minilm, minilm_folder, xlmr_folder, tmp_path, method
):
    maker = aligner(toy, *minilm, f"method={method}", f"aligned={tmp_path}", "align.steps=2")
    untouched, tokenizer = maker.backbone.load("eager")
    body = AutoModel.from_pretrained(minilm_folder)
    assert untouched.bert.embeddings.word_embeddings.weight.equal(body.embeddings.word_embeddings.weight)
    assert untrained_head(untouched)
    oracle = AutoTokenizer.from_pretrained(xlmr_folder)
    text = "die Katze sieht den Fluss."
    assert tokenizer(text)["input_ids"] == oracle(text)["input_ids"]
    folder = folder_of(maker)
    _, again = load_encoder(folder, attention="eager")
    plain = AutoTokenizer.from_pretrained(folder)
    assert again(text)["input_ids"] == plain(text)["input_ids"] == oracle(text)["input_ids"]
    model = AutoModel.from_pretrained(folder)
    with torch.no_grad():
        assert model(**plain(text, return_tensors="pt")).last_hidden_state.isfinite().all()
    assert maker.backbone.tokenizer_identity["files"].keys() >= {"tokenizer.json"}


def test_another_tokenizer_is_another_recipe_and_another_run(toy, minilm, minilm_folder, xlmr_folder, tmp_path):
    other = shutil.copytree(xlmr_folder, tmp_path / "tokenizer")
    path = other / "tokenizer.json"
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    changed = (*custom(minilm_folder), f"backbone.tokenizer={other}")
    assert aligner(toy, *minilm).recipe != aligner(toy, *changed).recipe
    assert run_folder(configured(toy, *minilm)) != run_folder(configured(toy, *changed))


def test_a_folder_without_a_tokenizer_is_named(toy, minilm_folder, tmp_path):
    maker = aligner(toy, *custom(minilm_folder), f"backbone.tokenizer={tmp_path}")
    with pytest.raises(DataError, match=r"backbone\.tokenizer=.*: no tokenizer there"):
        maker.backbone.load("eager")


def test_a_tokenizer_that_is_nowhere_is_named(toy, minilm_folder):
    maker = aligner(toy, *custom(minilm_folder), "backbone.tokenizer=no/where")
    with pytest.raises(DataError, match=r"(?s)backbone\.tokenizer=no/where: .*hf download no/where"):
        maker.backbone.load("eager")
