"""Releases of OPUS and of the hub, from a server on loopback."""

import json

import pytest
from data.corpora.made import PAIRS, SETTINGS, moses_zip, parquet, tsv

from mlalign.data.corpora import preparation
from mlalign.data.corpora.preparation import prepare_corpus
from mlalign.data.corpora.released import Form
from mlalign.data.corpora.sources import Hub, OnDisk, Opus
from mlalign.errors import DataError

MANY = [(f"{one} No {n}", f"{two} Nr {n}") for n in range(60) for one, two in PAIRS]
REPO = "sentence-transformers/parallel-sentences-made"


@pytest.fixture
def opus(hub, tmp_path, monkeypatch):
    """A corpus of OPUS in German and Chinese, whose code there is another."""
    monkeypatch.setenv("MLALIGN_OPUS", f"{hub.url}/files/")
    zipped = moses_zip(tmp_path / "de-en.zip", MANY, "de", "Made.de-en").read_bytes()
    hub.plain("OPUS-Made/v3/moses/de-en.txt.zip", zipped)
    chinese = [("It is a house.", "这是一座房子。")]
    zipped = moses_zip(tmp_path / "cmn.zip", chinese, "cmn", "Made.cmn-en").read_bytes()
    hub.plain("OPUS-Made/v3/moses/cmn-en.txt.zip", zipped)
    return Opus("Made", "v3", tmp_path / "downloads", Form(codes={"zh": "cmn"}), "free")


@pytest.fixture
def shards(hub, tmp_path):
    """A data set of the hub with two shards for German, and other parts."""
    parts = {"train-0-of-2": MANY[:100], "train-1-of-2": MANY[100:], "dev-0-of-1": PAIRS}
    files = {}
    for name, pairs in parts.items():
        english, other = map(list, zip(*pairs, strict=True))
        table = {"english": english, "non_english": other}
        path = parquet(tmp_path / f"{name}.parquet", table)
        files[f"en-de/{name}.parquet"] = path.read_bytes()
    hub.repository("datasets", REPO, files)
    form = Form(columns=("english", "non_english"))
    return Hub(REPO, "main", "en-{language}/train-*.parquet", form, "free")


def prepared(tmp_path, source, *languages):
    return prepare_corpus(tmp_path / "root", "made", languages, source, SETTINGS, progress=lambda _: iter)


def test_a_corpus_of_opus(opus, tmp_path, hub):
    entries = prepared(tmp_path, opus, "de", "zh")
    assert entries["de"]["rows"] == len(MANY)
    assert entries["zh"]["rows"] == 1
    assert entries["de"]["recipe"]["source"] == {"opus": "OPUS-Made/v3/moses/de-en.txt.zip"}
    assert (entries["de"]["version"], entries["de"]["licence"]) == ("v3", "free")
    asked = len(hub.requests)
    assert prepared(tmp_path, opus, "de", "zh") == entries
    assert len(hub.requests) == asked


def test_a_cut_download_is_gone_on_with(opus, tmp_path, hub):
    hub.fail("cut", "moses", times=2)
    assert prepared(tmp_path, opus, "de")["de"]["rows"] == len(MANY)
    assert any(part.startswith("bytes=") for _, _, part in hub.asked("moses"))


def test_what_is_finished_stays_when_a_later_language_fails(opus, tmp_path, hub):
    with pytest.raises(DataError, match=r"en-fr\.txt\.zip: no such file on the server"):
        prepared(tmp_path, opus, "de", "fr")
    folder = tmp_path / "root" / "parallel" / "made"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert list(manifest["files"]) == ["en-de.tsv.gz"]
    assert not (folder / "en-fr.tsv.gz").exists()
    asked = len(hub.asked("de-en"))
    with pytest.raises(DataError):
        prepared(tmp_path, opus, "de", "fr")
    assert len(hub.asked("de-en")) == asked


def test_a_damaged_download_leaves_no_corpus(opus, tmp_path, hub):
    hub.fail("damaged", "moses", times=1)
    with pytest.raises(DataError, match=r"de-en\.txt\.zip"):
        prepared(tmp_path, opus, "de")
    assert not (tmp_path / "root" / "parallel" / "made" / "en-de.tsv.gz").exists()


def test_a_data_set_of_the_hub(shards, tmp_path, hub):
    entry = prepared(tmp_path, shards, "de")["de"]
    assert entry["rows"] == entry["rows_in"] == len(MANY)
    assert list(entry["inputs"]) == ["en-de/train-0-of-2.parquet", "en-de/train-1-of-2.parquet"]
    assert entry["version"] == hub.commit("datasets", REPO)
    assert entry["recipe"]["source"]["revision"] == "main"


def test_what_is_prepared_needs_no_network(shards, opus, tmp_path, hub):
    entry = prepared(tmp_path, shards, "de")
    hub.fail(503)
    fresh = Hub(shards.repo, shards.revision, shards.pattern, shards.form, shards.licence)
    assert prepared(tmp_path, fresh, "de") == entry


def test_a_language_that_the_hub_lacks(shards, tmp_path):
    with pytest.raises(DataError, match=r"expected files en-fr/train-\*\.parquet, found .* en-de"):
        prepared(tmp_path, shards, "fr")


def test_the_pair_is_in_order_of_the_alphabet():
    source = Hub("a/b", "main", "{pair}/train-*.parquet", Form(), "free")
    assert source.identity("de")["files"] == "de-en/train-*.parquet"
    assert source.identity("fr")["files"] == "en-fr/train-*.parquet"


def test_a_release_on_disk_is_known_by_its_content(tmp_path):
    place = moses_zip(tmp_path / "de-en.zip", PAIRS)
    source = OnDisk(place, Form())
    before = source.identity("de")
    moses_zip(place, MANY)
    assert source.identity("de").keys() == before.keys() == {"de-en.zip"}
    assert source.identity("de") != before


def test_every_shard_on_disk_is_known_by_its_content(tmp_path):
    for part in ("test", "train"):
        parquet(tmp_path / "en-de" / part / "0.parquet", {"en": ["a"], "de": ["b"]})
    source = OnDisk(tmp_path, Form())
    before = source.identity("de")
    parquet(tmp_path / "en-de" / "test" / "0.parquet", {"en": ["c"], "de": ["d"]})
    assert source.identity("de").keys() == before.keys() == {"en-de/test/0.parquet", "en-de/train/0.parquet"}
    assert source.identity("de") != before
    assert prepared(tmp_path, source, "de")["de"]["inputs"].keys() == before.keys()


@pytest.mark.parametrize("of", ["opus", "shards"])
def test_what_was_fetched_can_go_as_soon_as_it_was_read(of, request, tmp_path, monkeypatch):
    source, there = request.getfixturevalue(of), []
    kept = prepared(tmp_path, source, "de")
    for lot in source.files("de"):
        source.free(lot.values())
    original = preparation.read_release

    def watched(files, *given):
        there.extend(path for path in files.values() if path.is_file())
        assert [path for path in there if path.is_file()] == list(files.values())  # no others
        yield from original(files, *given)

    monkeypatch.setattr(preparation, "read_release", watched)
    freed = prepare_corpus(
        tmp_path / "freed",
        "made",
        ["de"],
        source,
        SETTINGS,
        keep_downloads=False,
        progress=lambda _: iter,
    )
    assert freed == kept
    assert len(there) == {"opus": 1, "shards": 2}[of]
    assert not any(path.exists() or path.is_symlink() for path in there)


def test_a_release_on_disk_is_never_removed(tmp_path):
    path = tsv(tmp_path / "x.tsv", MANY)
    prepare_corpus(
        tmp_path / "root",
        "made",
        ["de"],
        OnDisk(path, Form()),
        SETTINGS,
        keep_downloads=False,
        progress=lambda _: iter,
    )
    assert path.is_file()
