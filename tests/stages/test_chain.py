"""Folders that are found or made, and checkpoints of what fills them."""

import multiprocessing
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from mlalign.stages.chain import get_or_create, partial_of

WHOLE = "whole.txt"


class Maker:
    """Counts, in a file that all processes share, how often it was asked."""

    def __init__(self, calls: Path, wait: float = 0.0) -> None:
        self.calls, self.wait = calls, wait

    def __call__(self, folder: Path) -> None:
        assert folder.name.endswith(".partial")
        with self.calls.open("a") as file:
            file.write("x")
        (folder / "first.txt").write_text("half")
        time.sleep(self.wait)
        (folder / WHOLE).write_text("all")

    @property
    def asked(self) -> int:
        return len(self.calls.read_text()) if self.calls.exists() else 0


@pytest.fixture
def make(tmp_path: Path) -> Maker:
    return Maker(tmp_path / "calls")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "aligned"


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.endswith(".lock")}


def test_makes_a_folder_once_and_finds_it_again(folder, make):
    for _ in range(3):
        assert get_or_create(folder, make, complete=WHOLE) == folder
    assert make.asked == 1
    assert names(folder) == {"first.txt", WHOLE}
    assert names(folder.parent) == {"aligned"}


def test_a_failure_leaves_no_folder_but_what_was_done_so_far(folder, make):
    def fail(part: Path) -> None:
        (part / "first.txt").write_text("half")
        raise RuntimeError("no power")

    with pytest.raises(RuntimeError, match="no power"):
        get_or_create(folder, fail, complete=WHOLE)
    assert not folder.exists()
    assert names(partial_of(folder)) == {"first.txt"}
    seen: list[set[str]] = []
    get_or_create(folder, lambda part: (seen.append(names(part)), make(part)), complete=WHOLE)
    assert seen == [{"first.txt"}]
    assert names(folder.parent) == {"aligned"}


def test_a_full_disk_is_told_with_the_folder(folder):
    def fail(part: Path) -> None:
        raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 28992 vs 28880")

    with pytest.raises(OSError, match=r"cannot be written \(.*unexpected pos.*deep/aligned'"):
        get_or_create(folder, fail, complete=WHOLE)


def test_a_folder_without_its_last_file_is_made_anew(folder, make):
    folder.mkdir(parents=True)
    (folder / "leftover.txt").write_text("old")
    get_or_create(folder, make, complete=WHOLE)
    assert names(folder) == {"first.txt", WHOLE}


def test_fresh_forgets_the_folder_and_what_was_left_of_an_interrupted_run(folder, make):
    get_or_create(folder, make, complete=WHOLE)
    (folder / "old.txt").write_text("old")
    partial_of(folder).mkdir()
    (partial_of(folder) / "checkpoint").write_text("old")
    get_or_create(folder, make, complete=WHOLE, fresh=True)
    assert make.asked == 2
    assert names(folder) == {"first.txt", WHOLE}


def test_threads_wait_for_each_other(folder, tmp_path):
    make = Maker(tmp_path / "calls", wait=0.1)
    found: list[Path] = []
    threads = [
        threading.Thread(target=lambda: found.append(get_or_create(folder, make, complete=WHOLE))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [folder] * 4
    assert make.asked == 1


def _find(folder: Path, make: Maker, results: Any) -> None:
    get_or_create(folder, make, complete=WHOLE)
    results.put((folder / WHOLE).read_text())


def test_processes_wait_for_each_other(folder, tmp_path):
    make = Maker(tmp_path / "calls", wait=0.2)
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    both = [context.Process(target=_find, args=(folder, make, results)) for _ in range(2)]
    for process in both:
        process.start()
    assert [results.get(timeout=20) for _ in both] == ["all", "all"]
    for process in both:
        process.join(timeout=20)
        assert process.exitcode == 0
    assert make.asked == 1
