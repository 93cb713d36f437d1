"""Pairs of other languages than English: which files, which side, and what is aligned."""

from collections import Counter
from pathlib import Path

import pytest
import torch
from training.toy import aligner, batches, built, cipher, configured, folder_of, sentences, write_toy

from mlalign.data.languages import ENGLISH
from mlalign.data.readers import find_corpora, parallel_path, read_pairs
from mlalign.errors import ConfigError, DataError
from mlalign.finetuning.building import build_tunings, require_resources, task_files
from mlalign.finetuning.resources import Resources
from mlalign.inference import AlignedEncoder
from mlalign.models.io import load_encoder
from mlalign.models.language_rows import LanguageRows
from mlalign.stages.maps import fitted_maps
from mlalign.stages.parallel_text import ParallelText
from mlalign.stages.word_vectors import running_text


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> Path:
    """The toy, and its corpus again with German in the place of English, once by a name that ends in German."""
    root = write_toy(tmp_path_factory.mktemp("pivot"))
    corpus = root / "parallel" / "german"
    corpus.mkdir()
    for place, (language, name) in enumerate([("en", "en-de.tsv"), ("fr", "de-fr.tsv")]):
        sides = [(cipher(one, "de"), cipher(one, language)) for one in sentences(120, seed=place)]
        lines = ["\t".join(both if name.startswith("de") else both[::-1]) + "\n" for both in sides]
        (corpus / name).write_text("".join(lines), encoding="utf-8")
    return root


GERMAN = ("data.parallel=[german]", "data.pivot=de")


def test_files_of_a_pair_are_found_and_read_with_the_pivot_first(pairs):
    assert find_corpora(pairs, "de")["german"] == ["en", "fr"]
    assert find_corpora(pairs)["german"] == ["de"]
    assert find_corpora(pairs, "fr") == {"german": ["de"], "toy": ["en"]}
    for language in ("en", "fr"):
        path = parallel_path(pairs, "german", language, "de")
        found = list(read_pairs(path, on_bad_line="error", dropped=Counter(), pivot="de"))
        expected = sentences(120, seed=0 if language == "en" else 1)
        assert found == [(cipher(one, "de"), cipher(one, language)) for one in expected]
    (pairs / "parallel" / "german" / "fr-de.tsv").write_text("a\tb\n")
    with pytest.raises(DataError, match=r"expected one file of de and fr, found de-fr\.tsv and fr-de\.tsv; keep one"):
        parallel_path(pairs, "german", "fr", "de")
    (pairs / "parallel" / "german" / "fr-de.tsv").unlink()


def test_what_is_not_there_is_named(pairs):
    with pytest.raises(DataError, match=r"no pairs with data\.pivot=ru; expected ru-<language>\.tsv"):
        parallel_path(pairs, "german", "de", "ru")
    with pytest.raises(ConfigError, match=r"data\.languages=\['de'\]: de is the pivot"):
        configured(pairs, *GERMAN, "data.languages=[de]")
    with pytest.raises(ConfigError, match=r"data\.pivot=de with data=hub"):
        configured(pairs, "data.pivot=de", "data=hub")
    with pytest.raises(ConfigError, match=r"data\.pivot=de with data\.lexicon=sample, whose dictionaries"):
        configured(pairs, "data.pivot=de", "data.lexicon=sample")


def test_an_alignment_of_german_is_that_of_english_with_the_languages_changed(pairs, tmp_path):
    """The same text by another name: losses, tokens and prototypes are the same, language for language."""
    root = write_toy(tmp_path / "changed")
    corpus = root / "parallel" / "toy"
    for place, language in enumerate(("fr", "ru")):  # English text called German, and no English
        lines = [f"{cipher(one, 'fr')}\t{one}\n" for one in sentences(120, seed=place)]
        (corpus / f"{language}-de.tsv").write_text("".join(lines), encoding="utf-8")
        lines = [f"{one}\t{cipher(one, 'fr')}\n" for one in sentences(120, seed=place)]
        (corpus / f"en-{language}.tsv").write_text("".join(lines), encoding="utf-8")
    words = ("data.languages=[fr,ru]", "align.language_token_start=type_mean")
    (_, first), (other, second) = (built(root, *words, f"data.pivot={pivot}") for pivot in ("en", "de"))
    assert other.encoder.prototypes.languages == ("de", "fr", "ru")
    assert other.encoder.prototypes.pivot == "de"
    for left, right in zip(batches(first, 3), batches(second, 3), strict=True):
        assert right.languages == ("de", left.languages[1])
        assert left.rows == right.rows
    for name in ("fr", "ru"):
        assert first.tables[name].rows["source"] == second.tables[name].rows["source"]
        assert first.tables[name].rows["target"] == second.tables[name].rows["target"]


def test_both_sides_have_masks_of_their_own_where_english_is_the_other(pairs):
    _, data = built(pairs, *GERMAN, "method=mlm", "data.languages=[en]", "align.mask_rate=0.5")
    (batch,) = batches(data, 1)
    source, target = batch.views["masked"]
    assert batch.languages == ("de", ENGLISH)
    width = min(source.masked.shape[1], target.masked.shape[1])
    assert not torch.equal(source.masked[:, :width], target.masked[:, :width])


def test_an_aligned_folder_knows_its_pivot(pairs):
    folder = folder_of(aligner(pairs, *GERMAN, "align.steps=2"))
    encoder, _ = load_encoder(folder, attention="eager")
    assert encoder.prototypes.pivot == "de"
    assert folder != folder_of(aligner(pairs, "data.languages=[de]", "align.steps=2"))
    opened = AlignedEncoder(folder)
    mean = encoder.prototypes.mean(["en", "fr"])
    torch.testing.assert_close(opened._key("de"), mean)
    torch.testing.assert_close(opened._key("en"), encoder.prototypes.of("en"))


def test_maps_rows_and_word_vectors_start_from_the_pivot(pairs):
    module, data = built(pairs, *GERMAN, "ablation=no_afm")
    maps = fitted_maps(module.encoder.eval(), data, 20, linear=True)
    assert maps.languages == ("de", "en", "fr")
    vectors = torch.randn(3, 32, generator=torch.Generator().manual_seed(1))
    assert maps(vectors, "de", "sentence") is vectors
    assert not torch.allclose(maps(vectors, "en", "sentence"), vectors)
    rows = LanguageRows.of(10, {"de": 6, "en": 7, "fr": 8}, torch.tensor([3, 4, 5]), "de")
    assert rows.offsets[[6, 7, 8]].tolist() == [0, 10, 20]
    words, _ = running_text(data.tables, 400, least=1)
    assert words.languages == ["de", "en", "fr"]


def test_a_tuning_reads_pairs_of_the_source_alone(pairs):
    (pairs / "tasks" / "mldoc" / "german.dev").write_bytes((pairs / "tasks" / "mldoc" / "english.dev").read_bytes())

    def tunings(*words: str):
        typed = ("method=none", "tuning=xero_align", "tuning.xero_align.source=parallel", "task.source=de")
        config = configured(pairs, *typed, "tuning.xero_align.languages=[fr]", *words)
        files, text = task_files(config), ParallelText(config)
        resources = Resources(config, files, lambda: text.files, lambda _: {})
        require_resources(config, resources)
        return build_tunings(config, resources, 8)

    with pytest.raises(ConfigError, match=r"source=parallel reads pairs from en, and task\.source=de is learned"):
        tunings()
    pair = tunings(*GERMAN).named()["xero_align"].pairs([], 0, 0)
    known = {cipher(one, "de"): cipher(one, "fr") for one in sentences(120, seed=1)}
    assert [known[one.texts[0]] for one in pair.source] == [one.texts[0] for one in pair.target]
