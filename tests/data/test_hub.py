"""The hub's own client against a hub on loopback: what it brings, what it says when it fails."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from mlalign.data.hub.fetching import hub_file, hub_files, hub_repo
from mlalign.errors import DataError

LARGE = bytes(range(256)) * 4000
NAME = "owner/data"
FILES = {"README.md": "about", "de/test.tsv": "a\tb\n", "de/train-00000-of-00001.parquet": LARGE}


@pytest.fixture
def repo(hub):
    hub.repository("datasets", NAME, FILES)
    return hub_repo(NAME, "main")


def test_a_branch_becomes_the_commit_that_it_names(hub, repo):
    assert repo.revision == hub.commit("datasets", NAME)
    assert hub_repo(NAME, repo.revision) == repo


def test_files_arrive_byte_for_byte(repo):
    assert hub_files(repo) == sorted(FILES)
    assert hub_file(repo, "de/test.tsv").read_text() == FILES["de/test.tsv"]
    assert hub_file(repo, "de/train-00000-of-00001.parquet").read_bytes() == LARGE


def test_a_model_is_fetched_like_a_data_set(hub):
    hub.repository("models", "owner/model", {"config.json": "{}"})
    assert hub_file(hub_repo("owner/model", "main", "model"), "config.json").read_text() == "{}"


def test_what_is_in_the_cache_needs_no_network(hub, repo, monkeypatch):
    path = hub_file(repo, "de/test.tsv")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    asked = len(hub.requests)
    assert hub_repo(NAME, "main") == repo
    assert hub_file(repo, "de/test.tsv") == path
    assert len(hub.requests) == asked


def test_a_cut_connection_is_gone_on_with(hub, repo, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1000)
    hub.fail("cut", "parquet", times=2)
    assert hub_file(repo, "de/train-00000-of-00001.parquet").read_bytes() == LARGE
    assert f"bytes={len(LARGE) // 2}-" in [part for _, _, part in hub.requests]


@pytest.mark.parametrize("name", ["de/test.tsv", "de/train-00000-of-00001.parquet"])
def test_a_damaged_file_is_fetched_once_more(name, hub, repo):
    hub.fail("damaged", name, times=1)
    content = FILES[name]
    expected = content if isinstance(content, bytes) else content.encode()
    assert hub_file(repo, name).read_bytes() == expected


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again(status, hub):
    hub.repository("datasets", NAME, FILES)
    hub.fail(status, times=3, Retry_After="0")
    assert hub_file(hub_repo(NAME, "main"), "de/test.tsv").is_file()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (("damaged", "test.tsv"), "checksum"),
        (("cut", "test.tsv"), "cut on the way"),
        (("short", "test.tsv"), "before the length"),
        ((429, "resolve"), "too many requests"),
        ((429, "api"), "too many requests"),
        ((503, "resolve"), "the server failed (503)"),
        ((502, "api"), "the server failed (502)"),
        ((401, "resolve"), "HF_TOKEN"),
        ((403, "api"), "accept the terms"),
    ],
)
def test_what_fails_for_good_says_what_to_do(fault, words, hub):
    hub.repository("datasets", NAME, FILES)
    hub.fail(*fault)
    with pytest.raises(DataError) as failed:
        hub_file(hub_repo(NAME, "main"), "de/test.tsv")
    assert NAME in str(failed.value)
    assert words in str(failed.value)
    assert len(hub.requests) < 40
    hub.mend()
    assert hub_file(hub_repo(NAME, "main"), "de/test.tsv").read_text() == FILES["de/test.tsv"]


def test_a_server_that_asks_for_an_hour_is_not_waited_for(hub):
    hub.fail(429, Retry_After="3600")
    with pytest.raises(DataError, match="wait 3600 seconds"):
        hub_repo(NAME, "main")
    assert len(hub.requests) == 1


def test_no_answer_in_time(hub, repo, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DOWNLOAD_TIMEOUT", 0.05)
    hub.fail("stall", "test.tsv")
    with pytest.raises(DataError, match="no answer in time"):
        hub_file(repo, "de/test.tsv")


def test_names_that_are_not_there(hub, repo):
    with pytest.raises(DataError, match="no such repository"):
        hub_repo("owner/date", "main")
    with pytest.raises(DataError, match=r"no such revision.*main"):
        hub_repo(NAME, "mian")
    with pytest.raises(DataError, match="no such revision"):
        hub_file(repo._replace(revision="f" * 40), "de/test.tsv")
    with pytest.raises(DataError, match=r"no such file.*did you mean 'de/test.tsv'"):
        hub_file(repo, "de/tset.tsv")
    with pytest.raises(DataError, match="owner//data"):
        hub_repo("owner//data", "main")


def test_a_loading_script_is_recognised(hub):
    hub.repository("datasets", "owner/old", {"old.py": "import datasets", "README.md": ""})
    with pytest.raises(DataError, match=r"loading script \(old.py\).*parquet"):
        hub_file(hub_repo("owner/old", "main"), "de/test.parquet")


def test_without_network_and_cache_it_says_so(hub, monkeypatch):
    for name in ("ENDPOINT", "HUGGINGFACE_CO_URL_TEMPLATE"):
        value = f"http://127.0.0.1:9{'/{repo_id}/{revision}/{filename}' * (name != 'ENDPOINT')}"
        monkeypatch.setattr(f"huggingface_hub.constants.{name}", value)
    with pytest.raises(DataError, match=r"cannot connect .*refused.*data=files"):
        hub_repo(NAME, "main")
    with pytest.raises(DataError, match="cannot connect"):
        hub_file(hub_repo(NAME, "a" * 40), "de/test.tsv")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(DataError, match="HF_HUB_OFFLINE"):
        hub_repo(NAME, "main")
    with pytest.raises(DataError, match="HF_HUB_OFFLINE"):
        hub_file(hub_repo(NAME, "a" * 40), "de/test.tsv")


def test_a_full_disk(hub, repo, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("huggingface_hub.file_download.http_get", full)
    with pytest.raises(DataError, match="disk is full"):
        hub_file(repo, "de/test.tsv")


def test_processes_may_fetch_the_same_file_at_once(hub, repo):
    code = (
        "import sys; from mlalign.data.hub.fetching import hub_file, Repo; "
        "sys.stdout.write(str(hub_file(Repo(*sys.argv[1:3]), sys.argv[3])))"
    )
    name = "de/train-00000-of-00001.parquet"
    command = [sys.executable, "-c", code, NAME, repo.revision, name]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    paths = {one.communicate(timeout=60)[0] for one in both}
    assert [one.returncode for one in both] == [0, 0]
    assert [Path(path).read_bytes() == LARGE for path in paths] == [True]
