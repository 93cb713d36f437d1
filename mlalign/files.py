"""Files that are whole or not there, and what identifies them."""

import errno
import glob
import hashlib
import json
import logging
import os
import platform
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from filelock import FileLock, Timeout

log = logging.getLogger(__name__)

Json = Any  # what JSON or YAML may hold: typed where it is read
JsonObject = dict[str, Json]
RESULTS = "results.json"  # in the folder of a finished run
LOG, METRICS = "run.log", "metrics.jsonl"  # that can be followed while it lasts
CONFIG = "config.yaml"  # in that of one that has begun
WANDB = "wandb.json"  # in that of a stage: stage -> the id of its wandb run
CHECKPOINT = Path("checkpoints/last.ckpt")  # of a stage that is not finished
PREDICTIONS = "predictions"  # a file for each language that is scored
EVALUATIONS = "evaluations"  # folders of a run that was scored again
FULL = (errno.ENOSPC, errno.EDQUOT)  # a disk, or what is left of a user's share of it
UNWRITTEN = re.compile(r"No space left on device|unexpected pos|iostream error")  # tokenizers, safetensors and torch

HOST = re.sub(r"[^\w.-]", "_", platform.node()) or "localhost"
ORPHAN = re.compile(r"\.(?P<name>.+)\.(?P<host>[^/]+)-(?P<pid>\d+)\.(?P<kind>partial|replaced|removed)")


class FileRecord(TypedDict):
    """What is known of a file that was read."""

    rows: int
    sha256: str
    left_out: NotRequired[dict[str, int]]  # of the rows: reason -> count


def sha256_of(path: Path) -> str:
    """Of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_whole(path: Path, text: str) -> None:
    """Write a text file, see ``replacing``."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def read_object(path: Path) -> JsonObject:
    """The object that a JSON file holds; an empty one where the file is missing or holds something else."""
    try:
        found: Json = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a name to write a file or folder under; what is there takes its final name when the block ends.

    Whatever stops the block, the machine included, the final name holds all of the old or all of the new.

    Raises:
        OSError: with the file's name, also where the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_orphans(path.parent, f".{glob.escape(path.name)}.*")
    part = _beside(path, "partial")
    try:
        with writing(path):
            yield part
            publish(part, path)
    finally:
        _delete(part)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Let errors of a full disk name what is written, whichever library writes it.

    Raises:
        OSError: of the system, with the path.
    """
    try:
        yield
    except OSError as error:
        if error.errno in FULL and error.filename is None:
            error.filename = str(path)
        raise
    except Exception as error:
        if isinstance(error, ValueError) or not UNWRITTEN.search(str(error)):  # ours name the file themselves
            raise
        reason = str(error).strip().splitlines()[0]
        raise OSError(errno.ENOSPC, f"cannot be written ({reason})", str(path)) from error


def publish(part: Path, path: Path) -> None:
    """Give a finished file or folder its final name, once all of it is on the disk.

    An old folder steps aside first and is deleted last; ``remove_orphans`` puts it back if the new one never came.
    """
    sync_all(part)
    old = _beside(path, "replaced")
    if path.is_dir():
        path.rename(old)
    part.replace(path)
    sync(path.parent)
    _delete(old)


def remove(path: Path) -> None:
    """Delete a file or folder if it is there; a folder loses its name at once, so that no half of it is found."""
    if path.is_dir():
        path = path.rename(_beside(path, "removed"))
    _delete(path)


def sync_all(path: Path) -> None:
    """Wait until a file, or a folder and all that is in it, are on the disk."""
    for one in path.rglob("*") if path.is_dir() else ():
        sync(one)
    sync(path)


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_orphans(folder: Path, pattern: str = "**/.*") -> None:
    """Delete what killed processes of this machine left unfinished in a folder; living ones keep theirs.

    Args:
        folder: need not exist.
        pattern: of names to look at.
    """
    for path in list(folder.glob(pattern)):
        found = ORPHAN.fullmatch(path.name)
        if found is None or found["host"] != HOST or _is_alive(int(found["pid"])):
            continue
        target = path.with_name(found["name"])
        if found["kind"] == "replaced" and not target.exists():
            with suppress(FileNotFoundError):
                path.rename(target)
        else:
            _delete(path)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes out; one that has to wait says at once for whom. The lock ends with its process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock, holder = FileLock(path), path.with_name(f"{path.name}.holder")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        try:
            who = holder.read_text(encoding="utf-8")
        except FileNotFoundError:  # it has only just begun, or is done
            who = "another process"
        log.info("Waiting for %s, which has %s", who, path)
        lock.acquire()
    try:
        holder.write_text(f"process {os.getpid()} on {HOST}, since {datetime.now():%Y-%m-%d %H:%M:%S}", "utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _beside(path: Path, kind: str) -> Path:
    return path.with_name(f".{path.name}.{HOST}-{os.getpid()}.{kind}")


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)  # another process may be at it
    else:
        path.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    """Whether another process has this number; in a container the next run often has that of the last."""
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
