"""Text to vectors from a folder: the encoder's own, and sentence-transformers' without fusion."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from models.made import make, represent
from sentence_transformers import SentenceTransformer
from torch.testing import assert_close

from mlalign.errors import DataError
from mlalign.inference import AlignedEncoder
from mlalign.models.io import save_encoder

ROOT = Path(__file__).parents[1]


@pytest.fixture
def made(xlmr_folder, tmp_path):
    made = make(xlmr_folder)
    save_encoder(made.encoder, made.tokenizer, tmp_path, {})
    return made


@pytest.fixture
def aligned(made, tmp_path):
    return AlignedEncoder(tmp_path)


def test_a_text_gets_the_encoders_own_vector_whatever_its_batch(made, aligned, sentences):
    texts = [" ".join(sentences["de"][row : row + 1 + row % 4]) for row in range(9)]
    expected = [represent(made, made.batch([text]), "prototype", "de").sentence[0] for text in texts]
    for size in (1, 4, 64):
        found = aligned.encode(texts, "de", batch_size=size, convert_to_tensor=True)
        assert_close(found, torch.stack(expected), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("length", [-1, 0, 3, 100_000])
def test_a_length_that_the_model_does_not_take_is_refused(made, tmp_path, length):
    with pytest.raises(ValueError, match=f"max_length={length}: expected 4 to"):
        AlignedEncoder(tmp_path, max_length=length)


def test_a_representation_that_there_is_not_is_refused(aligned):
    with pytest.raises(ValueError, match="'fused' is not a valid Representation"):
        aligned.encode(["Hund"], "de", representation="fused")


def test_both_sides_of_a_pair_can_have_the_same_keys(made, aligned, sentences):
    batch = made.batch(sentences["en"][:3], "en")
    with torch.no_grad():
        expected = made.encoder.embed(batch, "de")
    texts = sentences["en"][:3]
    assert_close(aligned.encode(texts, "en", partner="de", convert_to_tensor=True), expected)
    alone = aligned.encode(texts, "en", convert_to_tensor=True)
    prototypes = made.encoder.prototypes
    mean = prototypes.mean(["de", "ru"])
    with torch.no_grad():
        own = made.encoder.represent(batch, partner=mean, representation="prototype")
    assert_close(alone, own.sentence)


def test_without_fusion_it_is_what_sentence_transformers_gives(aligned, tmp_path, sentences):
    assert aligned.languages == ["en", "de", "ru"]
    model = SentenceTransformer(str(tmp_path), device="cpu")
    for language in aligned.languages:
        texts = sentences[language][:5]
        found = aligned.encode(texts, language, representation="backbone")
        given = model.encode(texts, prompt_name=language)
        np.testing.assert_allclose(found, given, atol=1e-5)


@pytest.mark.parametrize("representation", ["prototype", "backbone"])
def test_a_single_text_gives_one_vector_as_in_sentence_transformers(representation, aligned, tmp_path):
    found = aligned.encode("ein Hund", "de", representation=representation)
    np.testing.assert_array_equal(found, aligned.encode(["ein Hund"], "de", representation=representation)[0])
    theirs = SentenceTransformer(str(tmp_path), device="cpu").encode("ein Hund", prompt_name="de")
    assert (type(found), found.dtype, found.shape) == (type(theirs), theirs.dtype, theirs.shape)
    one, many = (aligned.encode(texts, "en", partner="de") for texts in ("a dog", ["a dog"]))
    np.testing.assert_array_equal(one, many[0])


def test_a_tensor_can_be_learned_from(aligned, sentences):
    texts = sentences["de"][:3]
    vectors = aligned.encode(texts, "de", convert_to_tensor=True)
    np.testing.assert_array_equal(vectors.numpy(), aligned.encode(texts, "de"))
    probe = torch.nn.Linear(vectors.shape[1], 2)
    probe(vectors).sum().backward()
    assert probe.weight.grad.any()


def test_no_texts_are_refused(aligned):
    with pytest.raises(DataError, match="no texts"):
        aligned.encode([], "de")


def test_the_code_of_the_documentation_runs(made, tmp_path):
    text = (ROOT / "docs" / "backbones.md").read_text(encoding="utf-8")
    blocks = [
        one for one in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL) if "peft" not in one
    ]  # its own test
    assert len(blocks) == 3
    given = []
    for block in blocks:
        names = {"folder": str(tmp_path)}
        exec(block, names)
        given.append(names.get("vectors"))
    assert given[1].shape == given[2].shape == (1, 32)


def test_every_backbone_is_in_the_documentation():
    text = (ROOT / "docs" / "backbones.md").read_text(encoding="utf-8")
    for path in (ROOT / "conf" / "backbone").glob("*.yaml"):
        name = re.search(r"^  name: (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1]
        expected = {
            "tiny": "built on the spot",
            "bilstm": "built on the spot",
            "laser": "`backbone.path`",
            "custom": "`backbone.name`, or `backbone.path`",
        }
        assert f"| `{path.stem}` | {expected.get(name, name)} |" in text
