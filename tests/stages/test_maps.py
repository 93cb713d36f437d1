"""Maps of languages: what they do to vectors, and the stage that fits them."""

import re

import numpy as np
import pytest
import torch
from scipy.linalg import orthogonal_procrustes
from training.toy import aligner, configured, folder_of, trainer, write_toy

from mlalign.data.languages import ENGLISH
from mlalign.data.parallel import ParallelDataModule, sentences_of
from mlalign.data.sequences import SequenceBuilder
from mlalign.errors import ConfigError
from mlalign.models.io import load_encoder
from mlalign.models.language_maps import LanguageMaps, procrustes
from mlalign.pipeline import chained
from mlalign.stages.backbone import Backbone
from mlalign.stages.chain import encoder_folders
from mlalign.stages.parallel_text import ParallelText

PAIRS = 20  # of each language; ``align.prototype_sentences`` of the toy


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return write_toy(tmp_path_factory.mktemp("toy"))


def mapped(toy, *overrides):
    """An encoder with its maps, its text, its tokenizer and the folders of all stages."""
    config = configured(toy, *overrides)
    text = ParallelText(config)
    chain = chained(config, text, Backbone(config, text), lambda name: trainer, precision="32-true")
    folders = encoder_folders(chain, toy / "aligned", resume=True)
    return (*load_encoder(folders[-1], attention="eager"), text, folders)


def vectors(encoder, text: ParallelText, tokenizer, representation="prototype"):
    """Language -> sentence vectors and means of words of what the maps were fitted to."""
    data = ParallelDataModule(
        text.tables(tokenizer), SequenceBuilder(tokenizer, {}, max_length=32), {}, pairs=1, batches=1, exponent=1,
        held_out=12, seed=1,
    )  # fmt: skip
    found: dict[str, list] = {}
    for language, table in data.tables.items():
        rows = table.take(data.trained[language][:PAIRS])
        for column, of in (("source", ENGLISH), ("target", language)):
            with torch.no_grad():
                seen = encoder.represent(
                    sentences_of(rows[column], of, data.layout),
                    partner=None,
                    representation=representation,
                    language=of,
                )
            found.setdefault(of, []).append(torch.stack([seen.sentence, seen.mean]))
    return {language: torch.cat(parts, dim=1).double() for language, parts in found.items()}


@pytest.mark.parametrize("method", ["centred", "linear_map"])
def test_every_language_has_the_mean_of_english_and_english_its_own_vectors(toy, method):
    encoder, tokenizer, text, _ = mapped(toy, f"method={method}")
    found, backbone = (vectors(encoder, text, tokenizer, one) for one in ("prototype", "backbone"))
    encoder.maps = None
    plain = vectors(encoder, text, tokenizer)
    assert all(backbone[language].equal(plain[language]) for language in plain)
    assert found[ENGLISH].equal(plain[ENGLISH])
    for language in ("de", "fr"):
        torch.testing.assert_close(found[language].mean(1), plain[ENGLISH].mean(1), rtol=0, atol=1e-5)
        distances = [torch.cdist(one[language][0], one[language][0]) for one in (found, plain)]
        torch.testing.assert_close(*distances, rtol=1e-3, atol=1e-4)


def test_what_is_left_out_is_said_by_the_stage_and_not_again_by_whoever_reads_the_text(toy, caplog):
    caplog.set_level("INFO")
    _, tokenizer, text, _ = mapped(toy, "method=centred", "data.max_pairs=50")
    assert re.search(r"en-de: \d+ pairs left out: beyond data.max_pairs", caplog.text)
    caplog.clear()
    assert text.tables(tokenizer)["de"].dropped
    assert "left out" not in caplog.text


def test_the_map_is_the_one_of_scipy():
    random = np.random.default_rng(0)
    source, target = (random.normal(size=(40, 6)) for _ in range(2))
    found = procrustes(torch.from_numpy(source), torch.from_numpy(target))
    np.testing.assert_allclose(found, orthogonal_procrustes(source, target)[0], atol=1e-12)
    np.testing.assert_allclose(found @ found.T, np.eye(6), atol=1e-12)


def test_a_turned_language_is_turned_back():
    random = torch.Generator().manual_seed(0)
    english = torch.randn(30, 5, generator=random)
    turn, _ = torch.linalg.qr(torch.randn(5, 5, generator=random))
    other = english @ turn + 3
    maps = LanguageMaps(["de"], 5, linear=True)
    maps.means[0, 0], maps.means[0, 1] = english.mean(0), other.mean(0)
    maps.matrices[1] = procrustes(other - other.mean(0), english - english.mean(0))
    torch.testing.assert_close(maps(other, "de", "sentence"), english, atol=1e-5, rtol=1e-4)
    assert maps(other, "xx", "sentence") is other
    assert maps(other, None, "sentence") is other


def test_it_follows_an_alignment_that_other_runs_share(toy):
    overrides = ("method=inter_sentence", "align.steps=2")
    encoder, _, _, folders = mapped(toy, *overrides, "method.stages=[align,centred]")
    assert encoder.maps.languages == ("en", "de", "fr")
    assert folders[0] == folder_of(aligner(toy, *overrides, f"aligned={toy}/aligned"))
    assert len(set(folders)) == 2


def test_a_fusion_and_maps_are_not_combined(toy):
    with pytest.raises(ConfigError, match=r"method\.stages=\['align', 'centred'\] with fusion\.form=gated"):
        configured(toy, "method.stages=[align,centred]")
