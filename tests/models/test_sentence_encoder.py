"""Vectors of sentences as sentence-transformers gives them, from its folders and from plain ones."""

import json

import numpy as np
import pytest
import torch

from mlalign.data.teacher_vectors import open_vectors, write_vectors
from mlalign.data.token_cache import sentence_key
from mlalign.errors import DataError
from mlalign.models.backbone import load_backbone
from mlalign.models.encoder import Encoder
from mlalign.models.io import save_encoder
from mlalign.models.sentence_encoder import SentenceEncoder

library = pytest.importorskip("sentence_transformers")


def saved(folder, place, *modules, **options):
    """A folder that the library writes: an encoder and what comes behind it."""
    first = library.sentence_transformer.modules.Transformer(str(folder), max_seq_length=12)
    library.SentenceTransformer(modules=[first, *modules], device="cpu", **options).save(str(place))
    return place


def same(folder, texts, atol=1e-5):
    expected = library.SentenceTransformer(str(folder), device="cpu").encode(texts)
    found = SentenceEncoder(folder, "it").encode(texts)
    np.testing.assert_allclose(found.vectors.numpy(), expected, atol=atol)
    return found


@pytest.fixture
def texts(sentences):
    return [*sentences["en"][:70], " ".join(sentences["en"][:9]), sentences["de"][3].upper()]


@pytest.mark.parametrize("family", ["xlmr", "bert", "modernbert"])
def test_a_plain_folder_gives_means_over_all_positions(family, request, texts):
    same(request.getfixturevalue(f"{family}_folder"), texts)


@pytest.mark.parametrize("pool", ["cls", "max", "mean", ("mean", "cls")])
def test_its_modules_are_those_of_the_library(xlmr_folder, tmp_path, texts, pool):
    modules, torch_nn = library.sentence_transformer.modules, torch.nn
    width = 32 if isinstance(pool, str) else 64
    chain = [modules.Pooling(32, pooling_mode=pool), modules.Dense(width, 7, activation_function=torch_nn.GELU())]
    prompts = {"prompts": {"en": "the "}, "default_prompt_name": "en"} if pool == "mean" else {}
    found = same(saved(xlmr_folder, tmp_path / "one", *chain, **prompts), texts)
    assert found.vectors.shape == (len(texts), 7)
    assert found.lengths.max() == 12
    unit = same(saved(xlmr_folder, tmp_path / "two", *chain, modules.Normalize()), texts)
    torch.testing.assert_close(unit.vectors.norm(dim=1), torch.ones(len(texts)))


@pytest.mark.parametrize("pool", ["first", "mean"])
def test_our_own_folders_teach_with_the_vectors_that_they_give(xlmr_folder, tmp_path, texts, pool):
    model, tokenizer = load_backbone(xlmr_folder, attention="eager")
    save_encoder(Encoder(model, pool=pool), tokenizer, tmp_path, {})
    same(tmp_path, texts)


def test_vectors_are_found_by_sentence_whatever_its_case(xlmr_folder, tmp_path, texts):
    teacher = SentenceEncoder(xlmr_folder, "it")
    wanted = texts[:20]
    keys = np.unique([sentence_key(one) for one in wanted])
    lengths = write_vectors(tmp_path, keys, [*texts[10:], *texts[5:0:-1], texts[0].upper(), *texts], teacher)
    found = open_vectors(tmp_path)
    first = [texts[0].upper(), *wanted[1:]]
    expected = teacher.encode(first)
    places = np.array([sentence_key(one.lower()) for one in first])
    torch.testing.assert_close(found.of(places), expected.vectors, atol=1e-3, rtol=0)
    assert lengths[np.searchsorted(keys, places)].tolist() == expected.lengths.tolist()
    assert found.vectors.dtype == np.float16
    assert not found.are_unit


def test_what_it_cannot_read_is_refused(xlmr_folder, tmp_path):
    with pytest.raises(DataError, match=r"it: no config\.json there"):
        SentenceEncoder(tmp_path, "it")
    modules = library.sentence_transformer.modules
    folder = saved(xlmr_folder, tmp_path / "cnn", modules.Pooling(32), modules.Dense(32, 4))
    for name, key, value, message in (
        ("1_Pooling", "pooling_mode", "lasttoken", "pools by lasttoken, expected cls, mean or max"),
        ("2_Dense", "activation_function", "os.system", "found activation os.system"),
    ):
        path = folder / name / "config.json"
        before = path.read_text()
        path.write_text(json.dumps({**json.loads(before), key: value}))
        with pytest.raises(DataError, match=message):
            SentenceEncoder(folder, "it")
        path.write_text(before)
    path = folder / "modules.json"
    before = path.read_text()
    for text, message in (("[{", r"modules\.json: expected JSON"), ('[{"path": ""}]', "expected a list of modules")):
        path.write_text(text)
        with pytest.raises(DataError, match=message):
            SentenceEncoder(folder, "it")
    path.write_text(before.replace("Dense", "CNN"))
    with pytest.raises(
        DataError, match=r"names the modules Transformer, Pooling, CNN, expected .*; choose another teacher"
    ):
        SentenceEncoder(folder, "it")
