"""Runs in processes of their own that are killed at a chosen file event or moment, and what they leave in the end."""

import hashlib
import json
import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import Any

from two_ranks import SERVER

from mlalign.config.schema import Train
from mlalign.files import LOG, METRICS

CHANGES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
PATHS = {"os.rename": 2, "os.remove": 1, "os.rmdir": 1, "os.mkdir": 1}  # event -> how many paths it has
VOLATILE = ("seconds", "peak_memory_bytes", "budget", "curves")  # of the results
LIMIT = 120


class Killer:
    """Counts what changes files below a folder, in this process, and kills it before one of these events.

    Args:
        root: of the files.
        at: the number of the event; None for none.
        power: whether what was not synced is lost with the process, as when the machine stops: files are empty then.
    """

    def __init__(self, root: Path, at: int | None, *, power: bool) -> None:
        self.root, self.at, self.power = str(root), at, power
        self.count = 0
        self.started = time.time_ns()
        self.synced: dict[int, tuple[int, int]] = {}

    def listen(self) -> None:
        sys.addaudithook(self._hear)
        sync = os.fsync

        def synced(descriptor: int) -> None:
            self._event()
            sync(descriptor)
            known = os.fstat(descriptor)
            self.synced[known.st_ino] = known.st_size, known.st_mtime_ns
            self._event()

        os.fsync = synced

    def _hear(self, event: str, given: tuple[Any, ...]) -> None:
        if event == "open":
            paths = given[:1] if given[2] and given[2] & CHANGES else ()
        else:
            paths = given[: PATHS.get(event, 0)]
        if any(isinstance(path, str | os.PathLike) and os.fspath(path).startswith(self.root) for path in paths):
            self._event()

    def _event(self) -> None:
        self.count += 1
        if self.count == self.at:
            self.at = None
            if self.power:
                self._lose()
            os.kill(os.getpid(), signal.SIGKILL)

    def _lose(self) -> None:
        for path in Path(self.root).rglob("*"):
            if path.is_file():
                file = path.stat()
                known = file.st_size, file.st_mtime_ns
                if file.st_mtime_ns > self.started and self.synced.get(file.st_ino) != known:
                    os.truncate(path, 0)


def _work(config: Train, root: Path, at: int | None, power: bool, counted: Path) -> None:
    import torch

    from mlalign.pipeline import run

    torch.set_num_threads(1)
    sys.stdout = sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115
    killer = Killer(root, at, power=power)
    killer.listen()
    run(config)
    counted.write_text(str(killer.count))


def attempt(
    config: Train, root: Path, *, at: int | None = None, power: bool = False, after: float | None = None
) -> tuple[int, int]:
    """Run in a process of its own, killed before a file event, or some seconds after its start, if it is told so.

    Returns:
        The process's exit status, and the file events of a whole run.
    """
    counted = root.with_name(f"{root.name}.count")
    process = SERVER.Process(target=_work, args=(config, root, at, power, counted))
    process.start()
    if after is not None:
        process.join(after)
        process.kill()
    process.join(LIMIT)
    assert not process.is_alive(), "hangs"
    status = process.exitcode
    assert status is not None
    return status, int(counted.read_text()) if counted.is_file() else 0


def left(root: Path) -> dict[str, str]:
    """Every file that a finished run left, by its name, with what must be the same after any interruption.

    Not the curves and what can be followed: they say how fast it was, and lose rows with the power.
    """
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_dir() or path.name.endswith(".lock") or path.name in (LOG, METRICS) or "curves/" in name:
            continue
        content = path.read_bytes().replace(str(root).encode(), b"ROOT")
        if path.name == "results.json":
            whole = json.loads(content)
            content = json.dumps({key: one for key, one in whole.items() if key not in VOLATILE}).encode()
        elif path.name == "alignment.yaml":
            content = re.sub(rb"(?m)^.*seconds.*\n", b"", content)
        found[name] = hashlib.sha256(content).hexdigest()
    return found
