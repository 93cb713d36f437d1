"""Which languages a folder has, and where the file of a part lies."""

import os

import pytest

from mlalign.data.readers import CODES, Columns, Table, find_corpora, parallel_path, task_formats
from mlalign.errors import ConfigError, DataError


@pytest.fixture
def place(tmp_path):
    def place(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x\n")
        return tmp_path

    return place


def test_mldoc_has_english_names(place):
    folder = place("german.test", "german.dev", "english.train.1000", "english.test", "notes.txt")
    mldoc = task_formats()["mldoc"]
    assert mldoc.languages(folder) == ["de", "en"]
    assert mldoc.path(folder, "de", "dev", None) == folder / "german.dev"
    assert mldoc.path(folder, "en", "test", 1000) == folder / "english.test"
    with pytest.raises(ConfigError, match="'german' goes by the code 'de'"):
        mldoc.path(folder, "german", "test")


def test_mldoc_has_spanish_twice(place):
    folder = place("spanish.test", "spanish-latam.test")
    assert task_formats()["mldoc"].languages(folder) == ["es", "es-419"]
    assert task_formats()["mldoc"].path(folder, "es", "test").name == "spanish.test"
    assert task_formats()["mldoc"].path(folder, "es-419", "test").name == "spanish-latam.test"


def test_mldoc_has_train_files_of_several_sizes(place):
    mldoc = task_formats()["mldoc"]
    folder = place("english.train.1000")
    assert mldoc.path(folder, "en", "train", None).name == "english.train.1000"
    folder = place("english.train.10000")
    assert mldoc.path(folder, "en", "train", 1000).name == "english.train.1000"
    assert mldoc.path(folder, "en", "train", 10000).name == "english.train.10000"
    with pytest.raises(DataError, match=r"expected one train file for en, found .*train_size"):
        mldoc.path(folder, "en", "train", None)
    with pytest.raises(DataError, match=r"looked for english\.train\.5000"):
        mldoc.path(folder, "en", "train", 5000)
    with pytest.raises(ConfigError, match=r"task\.train_size=3000"):
        mldoc.path(folder, "en", "train", 3000)


@pytest.mark.parametrize("name", ["pawsx", "entities"])
def test_other_releases_have_one_train_file(place, name):
    with pytest.raises(ConfigError, match=r"train_size=1000.*leave task\.train_size null"):
        task_formats()[name].path(place("en/train.tsv"), "en", "train", 1000)


def test_pawsx_in_both_forms(place):
    pawsx = task_formats()["pawsx"]
    folder = place("en/train.tsv", "en/test_2k.tsv", "de/dev_2k.tsv", "test-fr.tsv", "dev-fr.tsv")
    assert pawsx.languages(folder) == ["en", "fr"]
    assert pawsx.path(folder, "en", "train", None) == folder / "en/train.tsv"
    assert pawsx.path(folder, "de", "dev", None) == folder / "de/dev_2k.tsv"
    assert pawsx.path(folder, "fr", "test", None) == folder / "test-fr.tsv"


@pytest.mark.parametrize("language", ["en", "de"])
def test_machine_translated_training_text_is_not_taken(place, language):
    folder = place(f"{language}/translated_train.tsv", f"{language}/test_2k.tsv")
    with pytest.raises(DataError, match=f"no train part for {language}"):
        task_formats()["pawsx"].path(folder, language, "train", None)


@pytest.mark.parametrize("file", ["{}/test", "{}/test.tsv", "{}/test.gz", "{}/test.tsv.gz"])
def test_panx_in_all_forms(place, file):
    panx = task_formats()["entities"]
    folder = place(file.format("de"), "test-zh-yue.tsv", ".cache/test")
    assert panx.languages(folder) == ["de", "zh-yue"]
    assert panx.path(folder, "de", "test", None) == folder / file.format("de")
    assert panx.path(folder, "zh-yue", "test", None) == folder / "test-zh-yue.tsv"


def test_a_part_that_is_there_twice_is_refused(place):
    folder = place("de/test.tsv", "de/test.tsv.gz")
    with pytest.raises(DataError, match=r"found test\.tsv, test\.tsv\.gz; keep one of them$"):
        task_formats()["entities"].path(folder, "de", "test", None)
    bitext, folder = task_formats()["bitext"], place("en-de.tsv", "tatoeba.deu-eng.deu")
    assert bitext.languages(folder) == ["de"]
    with pytest.raises(DataError, match=r"found tatoeba\.deu-eng\.deu, en-de\.tsv; keep one of them"):
        bitext.path(folder, "de", "test", None)


def test_a_folder_is_no_file(place):
    folder = place("de/test/inside.tsv", "en/test")
    with pytest.raises(DataError, match="de/test: expected a file, found a folder"):
        task_formats()["entities"].languages(folder)


@pytest.mark.parametrize("kind", ["folder", "link to nothing", "pipe"])
def test_a_language_of_parallel_text_does_not_disappear_with_its_file(kind, tmp_path):
    path = tmp_path / "parallel" / "c" / "en-de.tsv"
    path.parent.mkdir(parents=True)
    (path.parent / "en-fr.tsv").touch()
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("nowhere")
    assert find_corpora(tmp_path) == {"c": ["de", "fr"]}
    with pytest.raises(DataError, match=f"en-de.tsv: expected a file, found a {kind}"):
        parallel_path(tmp_path, "c", "de")


def test_sib200_has_flores_codes(place):
    names = {part: [f"{{}}/{part}.tsv"] for part in ("train", "dev", "test")}
    sib200 = Table([Columns(["text"], "category")]).format(names, CODES["flores"])
    codes = ["deu_Latn", "zho_Hans", "zho_Hant", "arb_Arab", "ace_Latn"]
    folder = place(*(f"{code}/test.tsv" for code in codes), "ell_Grek/dev.tsv")
    assert sib200.languages(folder) == ["ace_Latn", "ar", "de", "zh", "zho_Hant"]
    assert sib200.path(folder, "zh", "test", None) == folder / "zho_Hans/test.tsv"
    assert sib200.path(folder, "ace_Latn", "test", None) == folder / "ace_Latn/test.tsv"
    with pytest.raises(ConfigError, match="'deu_Latn' goes by the code 'de'"):
        sib200.path(folder, "deu_Latn", "test", None)


def test_what_is_missing_is_said_with_what_is_there(place):
    folder = place("de/dev_2k.tsv", "en/test_2k.tsv", "fr/test_2k.tsv")
    with pytest.raises(DataError) as error:
        task_formats()["pawsx"].path(folder, "de", "test", None)
    assert "no test part for de, looked for de/test_2k.tsv, test-de.tsv" in str(error.value)
    assert "Languages with a test part there: en, fr; de has dev" in str(error.value)
    with pytest.raises(DataError, match="en, fr; did you mean 'fr'"):
        task_formats()["pawsx"].path(folder, "fra", "test", None)
    with pytest.raises(DataError, match="there: none"):
        task_formats()["entities"].path(folder, "de", "train", None)


def test_a_missing_folder_is_named_with_its_nearest_neighbour(place):
    folder = place("panx/de/test", "pawsx/de/test_2k.tsv")
    for act in (
        task_formats()["entities"].languages,
        lambda at: task_formats()["entities"].path(at, "de", "test", None),
    ):
        with pytest.raises(DataError, match=r"pnax: no such folder; .*did you mean 'panx'"):
            act(folder / "pnax")
    with pytest.raises(DataError, match="no such folder"):
        task_formats()["entities"].languages(folder / "no" / "where")
