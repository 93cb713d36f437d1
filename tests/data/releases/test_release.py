"""Releases of the hub become files that the tasks' readers read, whole or not at all."""

import errno
import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
from hub_releases import PAWSX, SIB200, TAGS, WIKIANN, pawsx_files, sib200_files, wikiann_files
from hydra import compose, initialize_config_dir

from mlalign.config.folder import CONF
from mlalign.config.hydra import resolve
from mlalign.data.hub.releases import CONVERTERS, Layout, Release, prepare_release
from mlalign.data.readers import positions, task_formats
from mlalign.errors import DataError
from mlalign.finetuning.building import task_format

PARQUET = {
    "train": "{}/train-*.parquet",
    "dev": "{}/validation-*.parquet",
    "test": "{}/test-*.parquet",
}
RELEASE = Release(PAWSX, "main", PARQUET)
SIB = {part: f"data/{{}}/{part}.tsv" for part in ("train", "dev", "test")}


@pytest.fixture
def layout(tmp_path):
    folder = tmp_path / "root" / "tasks" / "pawsx"
    return Layout(folder, task_formats()["pawsx"], CONVERTERS["pawsx"], ["0", "1"], {})


@pytest.fixture(scope="module")
def made(sentences, tmp_path_factory):
    work = tmp_path_factory.mktemp("pawsx")
    return pawsx_files(sentences, work, train=12, validation=6, test=8)


@pytest.fixture
def pawsx(hub, made):
    hub.repository("datasets", PAWSX, made)
    return hub


def prepared(layout, languages=None, release=RELEASE, **more):
    return prepare_release(release, layout, languages, licence="free", progress=lambda rows: rows, **more)


def read(layout, language):
    path = layout.format.path(layout.folder, language, "test")
    labels = positions(layout.labels)
    return layout.format.read(path, labels, language=language, part="test", on_bad_line="error")


def manifest(layout):
    return json.loads((layout.folder / "manifest.json").read_text())


def files(layout):
    found = (path for path in layout.folder.rglob("*") if path.is_file())
    return sorted(path.relative_to(layout.folder).as_posix() for path in found)


def test_pawsx_has_its_original_form(pawsx, layout, sentences):
    assert prepared(layout) == ["en", "de", "ru"]
    assert files(layout) == [
        "de/test_2k.tsv",
        "en/dev_2k.tsv",
        "en/test_2k.tsv",
        "en/train.tsv",
        "manifest.json",
        "ru/test_2k.tsv",
    ]
    lines = (layout.folder / "de" / "test_2k.tsv").read_text().splitlines()
    assert lines[0] == "id\tsentence1\tsentence2\tlabel"
    first, second = sentences["de"][:2]
    assert lines[1:3] == [f"1\t{first}\t{second}\t0", f"2\t{second}\t{second}\t1"]
    part = read(layout, "de")
    assert len(part.examples) == 7
    assert part.dropped == {"placeholder NS": 1}


def test_the_manifest_says_where_everything_comes_from(pawsx, layout):
    prepared(layout, ["de"])
    about = manifest(layout)
    assert about["source"] == {
        "repo": PAWSX,
        "revision": "main",
        "licence": "free",
        "commit": pawsx.commit("datasets", PAWSX),
    }
    assert set(about["files"]) == {"en/train.tsv", "en/dev_2k.tsv", "de/test_2k.tsv"}
    train = about["files"]["en/train.tsv"]
    assert (train["rows"], len(train["sha256"])) == (12, 64)
    assert train["sources"] == ["en/train-00000-of-00001.parquet"]


def test_wikiann_has_the_lines_of_the_original_splits(hub, sentences, tmp_path, layout):
    hub.repository("datasets", WIKIANN, wikiann_files(sentences, tmp_path))
    layout = replace(layout, format=task_formats()["entities"], converter=CONVERTERS["wikiann"], labels=TAGS)
    assert prepared(layout, release=replace(RELEASE, repo=WIKIANN)) == ["en", "de", "ru"]
    text = (layout.folder / "de" / "test").read_text()
    assert text.startswith("de:die\tB-PER\nde:Katze\tI-PER\nde:sieht\tO\n")
    part = read(layout, "de")
    assert [" ".join(one.words[:-2]) for one in part.examples] == sentences["de"]
    assert {one.words[-2:] for one in part.examples} == {("", ":")}
    assert not part.dropped


def test_sib200_is_passed_on_as_it_was_released(hub, sentences, layout):
    codes = {"en": "eng_Latn", "de": "deu_Latn", "ru": "rus_Cyrl"}
    texts = {codes[language]: texts for language, texts in sentences.items()}
    hub.repository("datasets", SIB200, sib200_files(texts))
    with initialize_config_dir(CONF, version_base="1.3"):
        task = resolve(compose("train", overrides=["task=sib200"])).task
    layout = replace(layout, format=task_format(task), converter=CONVERTERS["sib200"], labels=task.labels)
    assert prepared(layout, release=Release(SIB200, "main", SIB)) == ["en", "de", "ru"]
    path = layout.folder / "deu_Latn" / "test.tsv"
    served = hub.folder / "datasets" / "Davlan/sib200" / "data" / "deu_Latn" / "test.tsv"
    assert path.read_bytes() == served.read_bytes()
    assert manifest(layout)["files"]["deu_Latn/test.tsv"]["rows"] == 80
    assert manifest(layout)["source"]["languages"] == ["de", "en", "ru"]


def test_what_is_prepared_needs_no_network(pawsx, layout, monkeypatch):
    prepared(layout)
    before = len(pawsx.requests)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert prepared(layout) == ["en", "de", "ru"]
    assert prepared(layout, ["ru"]) == ["ru"]
    assert len(pawsx.requests) == before


def test_a_language_may_go_by_any_of_its_codes(pawsx, layout, monkeypatch):
    assert prepared(layout, ["eng", "deu"], beside={"train": ["ger"]}) == ["en", "de"]
    assert {"de/test_2k.tsv", "de/train.tsv"} <= set(files(layout))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert prepared(layout, ["de_DE"]) == ["de"]


def test_an_interrupted_preparation_goes_on(pawsx, layout):
    pawsx.fail("damaged", "de/test")
    with pytest.raises(DataError, match="checksum"):
        prepared(layout)
    assert "de/test_2k.tsv" not in files(layout)
    kept = {name: (layout.folder / name).stat().st_mtime_ns for name in files(layout)}
    pawsx.mend()
    prepared(layout)
    assert len(files(layout)) == 6
    for name in set(kept) - {"manifest.json"}:
        assert (layout.folder / name).stat().st_mtime_ns == kept[name]


def test_a_changed_file_is_made_anew(pawsx, layout):
    prepared(layout)
    path = layout.folder / "de" / "test_2k.tsv"
    content = path.read_bytes()
    path.write_bytes(content[:-20])
    prepared(layout)
    assert path.read_bytes() == content


def test_a_branch_is_followed_once(pawsx, layout, sentences, tmp_path):
    """A language that is added later comes from the commit of the others, or not at all."""
    prepared(layout, ["de"])
    first = manifest(layout)["source"]["commit"]
    pawsx.repository("datasets", PAWSX, pawsx_files(sentences, tmp_path, train=14))
    with pytest.raises(DataError, match=f"{first}.*no such revision"):
        prepared(layout, ["de", "ru"])
    assert manifest(layout)["source"]["commit"] == first


def test_another_revision_replaces_everything(pawsx, layout):
    prepared(layout)
    commit = pawsx.commit("datasets", PAWSX)
    with pytest.raises(DataError, match="no such revision"):
        prepared(layout, ["de"], replace(RELEASE, revision="v2"))
    assert len(files(layout)) == 6
    prepared(layout, ["de"], replace(RELEASE, revision=commit))
    assert manifest(layout)["source"]["revision"] == commit
    assert "ru/test_2k.tsv" not in files(layout)


def test_files_of_ones_own_are_not_replaced(pawsx, layout):
    path = layout.folder / "de" / "test_2k.tsv"
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    with pytest.raises(DataError, match=r"not prepared here.*data=files"):
        prepared(layout)
    assert path.read_text() == "mine"


def test_another_number_of_rows_is_named(pawsx, layout):
    sizes = {"train": {"en": 12}, "test": {"each": 8, "ru": 9}}
    with pytest.raises(DataError, match=r"ru/test.*8 rows.*official release has 9 \(test, ru\).*check_sizes"):
        prepared(replace(layout, sizes=sizes))
    assert "ru/test_2k.tsv" not in files(layout)
    assert "de/test_2k.tsv" in files(layout)


def test_a_language_that_is_not_there(pawsx, layout):
    with pytest.raises(DataError, match=r"no test part in fr.*de, en, ru"):
        prepared(layout, ["fr"])
    with pytest.raises(DataError, match="no files like"):
        prepared(layout, release=replace(RELEASE, files=SIB))


def test_a_loading_script_is_no_release(hub, layout):
    hub.repository("datasets", PAWSX, {"paws-x.py": "import datasets", "README.md": ""})
    with pytest.raises(DataError, match=r"loading script \(paws-x.py\).*parquet"):
        prepared(layout)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"labels": ["no", "yes"]}, "expected the classes no, yes in the column label, found 0, 1"),
        ({"converter": CONVERTERS["wikiann"]}, "expected the columns tokens, ner_tags, found id"),
        ({"converter": CONVERTERS["sib200"]}, "expected"),
    ],
)
def test_a_release_of_another_form_is_refused(change, words, pawsx, layout):
    with pytest.raises(DataError, match=words):
        prepared(replace(layout, **change))
    assert files(layout) == []


def test_what_is_no_parquet_is_refused(hub, layout):
    names = [f"en/{part}-0.parquet" for part in ("train", "validation", "test")]
    hub.repository("datasets", PAWSX, dict.fromkeys(names, "<html>"))
    with pytest.raises(DataError, match="expected a whole parquet file"):
        prepared(layout)


def test_a_full_disk_leaves_no_half_file(pawsx, layout, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("mlalign.data.hub.releases.release.write_rows", full)
    with pytest.raises(DataError, match="disk is full"):
        prepared(layout)
    assert files(layout) == []


def test_processes_may_prepare_at_once(pawsx, layout):
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from mlalign.data.readers import task_formats\n"
        "from mlalign.data.hub.releases import CONVERTERS, Layout, Release, prepare_release\n"
        "form, converter = task_formats()['pawsx'], CONVERTERS['pawsx']\n"
        "layout = Layout(Path(sys.argv[1]), form, converter, ['0', '1'], {})\n"
        f"release = Release({PAWSX!r}, 'main', {PARQUET!r})\n"
        "prepare_release(release, layout, None, licence='free', progress=list)\n"
    )
    command = [sys.executable, "-c", code, str(layout.folder)]
    both = [subprocess.Popen(command) for _ in range(2)]
    assert [one.wait(timeout=60) for one in both] == [0, 0]
    assert len(files(layout)) == 6
    fetched = [path for method, path, _ in pawsx.requests if method == "GET" and "/large/" in path]
    assert len(fetched) == len(set(fetched)) == 5


def test_another_source_is_fetched_to_be_learned(pawsx, layout):
    assert prepared(layout, ["en", "de"], source="de") == ["de", "en"]
    assert {path for path in files(layout) if "train" in path or "dev" in path} == {"de/train.tsv", "de/dev_2k.tsv"}


def test_what_tunings_read_is_fetched_where_the_release_has_it(pawsx, layout):
    has_it = replace(RELEASE, files=PARQUET | {"translated_train": "{}/train-*.parquet"})
    beside = {"translated_train": None, "train": ["ru"]}
    assert prepared(layout, release=has_it, beside=beside) == ["en", "de", "ru"]
    found = files(layout)
    assert {"de/translated_train.tsv", "ru/translated_train.tsv", "ru/train.tsv"} <= set(found)
    assert not {"de/train.tsv", "en/translated_train.tsv"} & set(found)
    texts = (layout.folder / "ru" / "train.tsv").read_text()
    assert texts == (layout.folder / "ru" / "translated_train.tsv").read_text()
    prepared(layout, release=RELEASE, beside=beside)  # no such part in the release: the run says what it looked for
    assert files(layout) == found


def test_a_train_file_that_says_the_same_is_the_translation(hub, sentences, layout):
    codes = {"en": "eng_Latn", "de": "deu_Latn", "ru": "rus_Cyrl"}
    hub.repository("datasets", SIB200, sib200_files({codes[one]: texts for one, texts in sentences.items()}))
    with initialize_config_dir(CONF, version_base="1.3"):
        task = resolve(compose("train", overrides=["task=sib200"])).task
    layout = replace(layout, format=task_format(task), converter=CONVERTERS["sib200"], labels=task.labels)
    prepared(layout, ["en", "de"], Release(SIB200, "main", SIB), beside={"translated_train": None, "train": None})
    path = layout.format.path(layout.folder, "de", "translated_train")
    assert path == layout.format.path(layout.folder, "de", "train")
    assert path.is_file()
