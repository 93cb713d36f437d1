"""Corpora by name or from disk, as a user types it."""

import gzip
import json

import pytest
from composing import composed
from data.corpora.made import moses_zip, tsv

from mlalign.config.corpora import CorpusKind, read_catalogue
from mlalign.config.hydra import resolve
from mlalign.data.languages import LANGUAGE_SETS, language_list
from mlalign.errors import ConfigError, DataError
from mlalign.stages.preparation import prepare, prepare_parallel
from mlalign.stages.run_folder import run_folder

CATALOGUE = read_catalogue()


def config_of(*overrides):
    return resolve(composed("trainer.progress=false", *overrides))


def serve(hub, monkeypatch, sentences, tmp_path):
    monkeypatch.setenv("MLALIGN_OPUS", f"{hub.url}/files")
    for language, pair in (("de", "de-en"), ("ru", "en-ru")):
        pairs = zip(sentences["en"], sentences[language], strict=True)
        path = moses_zip(tmp_path / f"{pair}.zip", list(pairs), language, f"CCMatrix.{pair}")
        hub.plain(f"OPUS-CCMatrix/v1/moses/{pair}.txt.zip", path.read_bytes())


def lines(root, corpus, language):
    path = root / "parallel" / corpus / f"en-{language}.tsv.gz"
    return gzip.decompress(path.read_bytes()).decode().splitlines()


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_corpus_of_the_catalogue_is_whole(name):
    corpus = CATALOGUE[name]
    assert "en" not in corpus.languages
    assert len(set(corpus.languages)) == len(corpus.languages)
    assert all(isinstance(language, str) for language in corpus.languages)
    assert corpus.codes.keys() <= set(corpus.languages)
    assert bool(corpus.files) == (corpus.kind == CorpusKind.hub)
    assert len(corpus.columns) in (0, 1, 2)


def test_the_named_languages_are_to_be_had():
    assert {len(codes.split()) for codes in LANGUAGE_SETS.values()} == {10, 16}
    assert set(LANGUAGE_SETS["core10"].split()) <= set(CATALOGUE["ccmatrix"].languages)
    missing = set(LANGUAGE_SETS["paper16"].split()) - set(CATALOGUE["ccmatrix"].languages)
    assert missing == {"th"}
    assert missing <= set(CATALOGUE["opus100"].languages)


def test_a_faulty_file_of_the_catalogue_is_named(tmp_path, monkeypatch):
    (tmp_path / "corpus").mkdir()
    path = tmp_path / "corpus" / "made.yaml"
    monkeypatch.setattr("mlalign.config.corpora.CONF", str(tmp_path))
    path.write_text("kind: opus\nnaem: Made\n")
    with pytest.raises(ConfigError, match=r"made\.yaml: .*naem"):
        read_catalogue()
    path.write_text("kind: opus\nname: Made\n")
    with pytest.raises(ConfigError, match=r"made\.yaml: .*missing mandatory value: version"):
        read_catalogue()


def test_lists_of_languages_by_name_or_one_by_one():
    assert config_of("data.languages=core10").data.languages == LANGUAGE_SETS["core10"].split()
    assert len(config_of("data.languages=paper16").data.languages) == 16
    assert config_of('data.languages=["no",de]').data.languages == ["no", "de"]
    assert config_of().data.languages is None


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ("data.languages=core01", ["paper16, core10", "did you mean 'core10'"]),
        ("data.languages=3", ["data.languages=3", "list of codes"]),
        ("prepare.path=x", ["prepare.path=x", "data=files"]),
        ("prepare.columns=[1]", ["prepare.columns", "expected two"]),
        ("prepare.columns=[0,1]", ["prepare.columns", "numbers from 1"]),
        ("prepare.max_pairs=0", ["prepare.max_pairs=0", "at least 1"]),
        ("prepare.min_letters=2", ["prepare.min_letters=2", "share"]),
        ("prepare.min_characters=2000", ["more than", "prepare.max_characters=1000"]),
    ],
)
def test_what_is_mistyped_is_refused(overrides, words):
    with pytest.raises(ConfigError) as error:
        config_of(*overrides.split())
    for word in words:
        assert word in str(error.value)


def test_a_corpus_is_fetched_by_its_name(hub, monkeypatch, sentences, tmp_path):
    serve(hub, monkeypatch, sentences, tmp_path)
    root = tmp_path / "root"
    config = config_of("data=hub", f"data.root={root}", "data.languages=[de,ru]")
    prepare_parallel(config)
    pairs = zip(sentences["en"], sentences["ru"], strict=True)
    assert sorted(lines(root, "ccmatrix", "ru")) == sorted(f"{one}\t{two}" for one, two in pairs)
    manifest = json.loads((root / "parallel" / "ccmatrix" / "manifest.json").read_text())
    assert set(manifest["files"]) == {"en-de.tsv.gz", "en-ru.tsv.gz"}
    asked = len(hub.requests)
    prepare_parallel(config)
    assert len(hub.requests) == asked
    words = ["data.languages=[de]", "prepare.max_pairs=20", "prepare.seed=3"]
    prepare_parallel(config_of("data=hub", f"data.root={root}", *words))
    assert len(lines(root, "ccmatrix", "de")) == 20
    assert len(hub.requests) == asked  # the download is still there


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ("data.parallel=[ccmatriks] data.languages=[de]", r"ccmatriks is neither .* 'ccmatrix'"),
        ("data.languages=paper16", r"th is in none of .*add a corpus that has it: nllb, opens"),
        ("data.languages=null", r"say which languages are to be fetched: core10"),
        ("prepare.path=x data.languages=null", r"prepare\.path=x: say what it is"),
        ("prepare.path=x data.parallel=[a,b]", r"prepare\.path=x: say what it is"),
    ],
)
def test_what_cannot_be_fetched_is_refused(overrides, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        prepare_parallel(config_of("data=hub", f"data.root={tmp_path}", *overrides.split()))


def test_a_language_may_come_from_one_corpus_only(hub, monkeypatch, sentences, tmp_path):
    serve(hub, monkeypatch, sentences, tmp_path)
    own = tsv(tmp_path / "root" / "parallel" / "own" / "en-th.tsv", [("a house", "บ้าน")])
    words = ["data.parallel=[ccmatrix,own]", "data.languages=[de,th]"]
    prepare_parallel(config_of("data=hub", f"data.root={tmp_path / 'root'}", *words))
    assert own.read_text() == "a house\tบ้าน\n"
    assert sorted(path.name for path in (tmp_path / "root/parallel").iterdir()) == [
        "ccmatrix",
        "own",
    ]


def test_a_release_on_disk_is_prepared_beside_files_of_ones_own(tmp_path, sentences):
    rows = list(zip(["1"] * 80, sentences["de"], sentences["en"], strict=True))
    place = tsv(tmp_path / "scored.tsv.gz", [("score", "de", "en"), *rows])
    words = ["data=files", f"data.root={tmp_path}", "data.parallel=[made]", "data.languages=[de]"]
    prepare(config_of(*words, f"prepare.path={place}", "prepare.columns=[en,de]"))
    assert len(lines(tmp_path, "made", "de")) == 80
    prepare(config_of(*words))  # nothing to fetch
    with pytest.raises(DataError, match=r"prepare\.path=nowhere\.zip: no such file or folder"):
        prepare(config_of(*words, "prepare.path=nowhere.zip"))


def test_yaml_reads_a_code_as_false():
    with pytest.raises(ConfigError, match=r'data\.languages=\[.de., False\].* \["no"\]'):
        language_list("data.languages", ["de", False])


def test_the_preparation_keys_do_not_name_a_run():
    assert run_folder(config_of()) == run_folder(config_of("prepare.max_pairs=7"))
    assert config_of().prepare.max_pairs == 1_000_000
