"""Plain files from a server on loopback: whole, gone on with, or refused in words."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from mlalign.data.hub.web import fetch
from mlalign.errors import DataError

CONTENT = bytes(range(256)) * 4000


@pytest.fixture
def url(hub) -> str:
    return hub.plain("OPUS-Made/v1/moses/de-en.txt.zip", CONTENT)


@pytest.fixture
def target(tmp_path) -> Path:
    return tmp_path / "made" / "de-en.txt.zip"


def left(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir() if path.suffix != ".lock")


def test_a_file_arrives_and_is_not_fetched_again(hub, url, target):
    assert fetch(url, target).read_bytes() == CONTENT
    fetch(url, target)
    assert left(target) == [target.name]
    assert len(hub.asked("moses")) == 1


def test_a_cut_connection_is_gone_on_with(hub, url, target):
    hub.fail("cut", "moses", times=3)
    assert fetch(url, target).read_bytes() == CONTENT
    ranges = [part for _, _, part in hub.asked("moses")]
    assert ranges[:2] == ["", f"bytes={len(CONTENT) // 2}-"]
    assert left(target) == [target.name]


def test_another_process_goes_on(hub, url, target, monkeypatch):
    monkeypatch.setattr("mlalign.data.hub.web.ATTEMPTS", 0)
    hub.fail("cut", "moses", times=1)
    with pytest.raises(DataError, match="cut on the way"):
        fetch(url, target)
    assert not target.exists()
    assert fetch(url, target).read_bytes() == CONTENT
    assert hub.requests[-1][2] == f"bytes={len(CONTENT) // 2}-"


def test_a_file_that_changed_meanwhile_is_begun_anew(hub, url, target, monkeypatch):
    monkeypatch.setattr("mlalign.data.hub.web.ATTEMPTS", 0)
    hub.fail("cut", "moses", times=1)
    with pytest.raises(DataError):
        fetch(url, target)
    hub.plain("OPUS-Made/v1/moses/de-en.txt.zip", CONTENT[::-1])
    assert fetch(url, target).read_bytes() == CONTENT[::-1]


def test_a_busy_server_is_asked_again(hub, url, target):
    hub.fail(429, "moses", times=2, Retry_After="1")
    hub.fail(503, "moses", times=2)
    assert fetch(url, target).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (404, "no such file on the server"),
        (403, "access denied"),
        (429, "too many requests"),
        (500, "the server failed"),
    ],
)
def test_what_fails_for_good_leaves_nothing_behind(kind, words, hub, url, target):
    hub.fail(kind, "moses")
    with pytest.raises(DataError, match=words):
        fetch(url, target)
    assert left(target) == []
    assert len(hub.requests) < 10


def test_a_server_that_is_not_there(hub, target):
    with pytest.raises(DataError, match="cannot connect"):
        fetch("http://127.0.0.1:9/x.zip", target)
    with pytest.raises(DataError, match="ftp"):
        fetch("ftp://127.0.0.1/x.zip", target)


def test_a_full_disk(hub, url, target, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("mlalign.data.hub.web._continue", full)
    with pytest.raises(DataError, match="disk is full"):
        fetch(url, target)
    assert not target.exists()


def test_processes_may_fetch_the_same_file_at_once(hub, url, target):
    code = "import sys; from pathlib import Path; from mlalign.data.hub.web import fetch; "
    code += "fetch(sys.argv[1], Path(sys.argv[2]))"
    command = [sys.executable, "-c", code, url, str(target)]
    both = [subprocess.Popen(command) for _ in range(2)]
    assert [one.wait(timeout=60) for one in both] == [0, 0]
    assert target.read_bytes() == CONTENT
    assert len(hub.asked("moses")) == 1
