"""Files and folders are all of the old or all of the new, whatever stops their writer."""

import logging
import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from killed import Killer
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from mlalign import files
from mlalign.config.failures import as_python_does, described
from mlalign.errors import DataError
from mlalign.files import HOST, locked, publish, remove, remove_orphans, replacing, write_whole, writing


def tree(path: Path) -> dict[str, str] | str:
    if path.is_file():
        return path.read_text()
    return {str(one.relative_to(path)): one.read_text() for one in sorted(path.rglob("*")) if one.is_file()}


def write_folder(part: Path, text: str) -> None:
    (part / "inner").mkdir(parents=True)
    for name in ("a", "b", "inner/c"):
        (part / name).write_text(text)


def write_file(part: Path, text: str) -> None:
    part.write_text(text)


FORMS = pytest.mark.parametrize("write", [write_file, write_folder])


def replaced(path: Path, text: str, write: Callable[[Path, str], None]) -> None:
    with replacing(path) as part:
        write(part, text)


@FORMS
def test_the_new_takes_the_place_of_the_old(tmp_path, write):
    for text in ("old", "new"):
        replaced(tmp_path / "x", text, write)
    expected = tmp_path / "expected"
    write(expected, "new")
    assert tree(tmp_path / "x") == tree(expected)
    assert {one.name for one in tmp_path.iterdir()} == {"x", "expected"}


@FORMS
def test_a_failed_writer_leaves_the_old(tmp_path, write):
    replaced(tmp_path / "x", "old", write)

    def fail(part: Path, text: str) -> None:
        write(part, text)
        raise KeyError

    with pytest.raises(KeyError):
        replaced(tmp_path / "x", "new", fail)
    assert "new" not in str(tree(tmp_path))
    assert {one.name for one in tmp_path.iterdir()} == {"x"}


@FORMS
def test_all_is_on_the_disk_before_it_has_its_name(tmp_path, write, monkeypatch):
    done: list[str] = []
    sync, replace = files.sync, Path.replace
    monkeypatch.setattr(files, "sync", lambda path: done.append(path.name) or sync(path))
    monkeypatch.setattr(Path, "replace", lambda one, other: done.append("named") or replace(one, other))
    replaced(tmp_path / "x", "new", write)
    before, after = done[: done.index("named")], done[done.index("named") + 1 :]
    assert sum(name in ("a", "b", "c", "inner") for name in before) == (4 if write is write_folder else 0)
    assert before[-1].endswith(".partial")
    assert after == [tmp_path.name]


def dead() -> int:
    """The number of a process that is no more."""
    process = multiprocessing.get_context("fork").Process(target=int)
    process.start()
    process.join()
    assert process.pid is not None
    return process.pid


def test_what_dead_processes_left_is_removed_and_nothing_else(tmp_path):
    gone, alive = dead(), os.getppid()
    orphan = f".x.{HOST}-{gone}.partial"
    stays = {f".x.{HOST}-{alive}.partial", f".x.elsewhere-{gone}.partial", ".x.partial", "x", orphan[1:]}
    for name in {*stays, orphan}:
        (tmp_path / name).write_text("")
    write_folder(tmp_path / "deep" / f".y.{HOST}-{gone}.removed", "half")
    remove_orphans(tmp_path)
    assert {one.name for one in tmp_path.iterdir()} == {*stays, "deep"}
    assert not list((tmp_path / "deep").iterdir())


def test_an_old_folder_whose_successor_never_came_is_put_back(tmp_path):
    write_folder(tmp_path / f".x.{HOST}-{dead()}.replaced", "old")
    remove_orphans(tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["x"]
    write_folder(tmp_path / f".x.{HOST}-{dead()}.replaced", "older")
    remove_orphans(tmp_path)
    assert set(tree(tmp_path).values()) == {"old"}


def test_a_writer_clears_what_its_forerunner_left(tmp_path):
    orphan = tmp_path / f".x.{HOST}-{dead()}.partial"
    orphan.write_text("half")
    write_whole(tmp_path / "x", "new")
    assert [one.name for one in tmp_path.iterdir()] == ["x"]


def test_removing_what_is_not_there_is_nothing(tmp_path):
    remove(tmp_path / "x")
    write_folder(tmp_path / "x", "old")
    write_file(tmp_path / "y", "old")
    for name in "xy":
        remove(tmp_path / name)
    assert not list(tmp_path.iterdir())


def hold(path: Path, is_held: "multiprocessing.synchronize.Event", done: "multiprocessing.synchronize.Event") -> None:
    with locked(path):
        is_held.set()
        done.wait(20)


def test_who_waits_says_for_whom(tmp_path, caplog):
    context = multiprocessing.get_context("fork")
    is_held, done = context.Event(), context.Event()
    holder = context.Process(target=hold, args=(tmp_path / ".lock", is_held, done))
    holder.start()
    is_held.wait(20)
    context.Process(target=lambda: (time.sleep(0.2), done.set())).start()
    with caplog.at_level(logging.INFO, "mlalign.files"), locked(tmp_path / ".lock"):
        pass
    assert f"Waiting for process {holder.pid} on {HOST}, since" in caplog.text
    assert str(tmp_path / ".lock") in caplog.text
    holder.join()
    assert [one.name for one in tmp_path.iterdir()] == [".lock"]


def test_who_waits_does_not_stumble_over_one_that_is_done_just_then(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(Path, "is_file", lambda path: True)  # the holder's name was there a moment ago
    is_held = threading.Event()

    def hold_without_name() -> None:
        with FileLock(tmp_path / ".lock"):
            is_held.set()
            time.sleep(0.2)

    threading.Thread(target=hold_without_name).start()
    is_held.wait(20)
    with caplog.at_level(logging.INFO, "mlalign.files"), locked(tmp_path / ".lock"):
        pass
    assert "Waiting for another process" in caplog.text


def test_a_finished_part_can_be_published_where_there_is_nothing(tmp_path):
    write_folder(tmp_path / "part", "new")
    publish(tmp_path / "part", tmp_path / "x")
    assert [one.name for one in tmp_path.iterdir()] == ["x"]


def write_and_die(root: Path, write: Callable[[Path, str], None], at: int | None, power: bool) -> None:
    Killer(root, at, power=power).listen()
    replaced(root / "x", "new", write)


@FORMS
@pytest.mark.parametrize("power", [False, True], ids=["killed", "without power"])
def test_whatever_event_it_ends_at_all_is_old_or_all_is_new(tmp_path, write, power):
    found, at = [], 0
    expected = [tmp_path / text for text in ("old", "new")]
    for path in expected:
        write(path, path.name)
    while True:
        at += 1
        root = tmp_path / f"root{at}"
        replaced(root / "x", "old", write)
        writer = multiprocessing.get_context("fork").Process(target=write_and_die, args=(root, write, at, power))
        writer.start()
        writer.join()
        if writer.exitcode == 0:
            break
        remove_orphans(root)
        assert [one.name for one in root.iterdir()] == ["x"]
        found.append(tree(root / "x"))
        replaced(root / "x", "new", write)
        assert tree(root / "x") == tree(expected[1])
    assert at > 5
    assert found == sorted(found, key=str, reverse=True)  # old up to some event, and new from it on
    assert found[0] == tree(expected[0])
    assert all(one in [tree(path) for path in expected] for one in found)


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda path: torch.save(torch.ones(9), path), id="torch, little"),
        pytest.param(lambda path: torch.save(torch.ones(9_000), path), id="torch, much"),
        pytest.param(lambda path: Tokenizer(WordLevel({"a": 0}, unk_token="a")).save(path), id="tokenizers"),
    ],
)
def test_a_full_disk_is_an_error_of_the_system_whoever_writes(write):
    with pytest.raises(Exception) as raised:  # noqa: PT011  # theirs have no common kind
        write("/dev/full")
    told = as_python_does(raised.value)
    assert isinstance(told, OSError)
    assert "make room on the disk" in str(told)
    with pytest.raises(OSError, match=r"cannot be written \(.*'a folder'") as named, writing(Path("a folder")):
        raise raised.value
    assert described(named.value).endswith("; make room on the disk, or look at its quota")


@FORMS
def test_a_full_disk_is_told_with_the_file_that_was_to_be_written(tmp_path, write):
    def full():
        with replacing(tmp_path / "x") as part:
            write(part, "new")
            Path("/dev/full").write_text("of a device that is full")

    with pytest.raises(OSError, match="No space left") as raised:
        full()
    assert described(raised.value) == (
        f"OSError: [Errno 28] No space left on device: '{tmp_path / 'x'}'; make room on the disk, or look at its quota"
    )
    assert not list(tmp_path.iterdir())


def test_another_error_stays_what_it_is(tmp_path):
    known = DataError("x: cannot be written (No space left on device)"), OSError(28, "No space left on device")
    for error in (*known, KeyError("a"), RuntimeError("the position is unexpected")):
        assert as_python_does(error) is error
        with pytest.raises(type(error)) as raised, writing(tmp_path):
            raise error
        assert raised.value is error
