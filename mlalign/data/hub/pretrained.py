"""A pretrained model's files as a folder of the hub's cache, fetched where they are not there."""

import functools
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import NamedTuple

from huggingface_hub import try_to_load_from_cache

from mlalign.config.folder import COMMIT
from mlalign.data.hub.fetching import Repo, hub_file, hub_files, hub_repo
from mlalign.errors import DataError
from mlalign.files import sha256_of
from mlalign.models.backbone import check_folder

SAFE = re.compile(r"model(-\d+-of-\d+)?\.safetensors")
PICKLED = re.compile(r"pytorch_model(-\d+-of-\d+)?\.bin")  # read as tensors only, no other objects
TOKENIZER = re.compile(r"tokenizer\.json|vocab\.(txt|json)|.+\.model")
DESCRIPTION = re.compile(r".+\.(json|txt|model)")


class Pretrained(NamedTuple):
    """Where a pretrained model or tokenizer lies, and the commit of the hub that it is."""

    folder: Path
    commit: str | None

    def hashes(self) -> dict[str, str]:
        """Name -> SHA-256 of every file that loading can read: description, tokenizer, weights.

        A file is read once a process, and again if its size or time of change differs.
        """
        names = [path.name for path in self.folder.iterdir() if path.is_file()]
        return {name: known_sha256(self.folder / name) for name in sorted(_needed(names))}


def known_sha256(path: Path) -> str:
    """SHA-256 of a file; see ``Pretrained.hashes`` for when it is read."""
    found = path.stat()
    return _sha256(path.resolve(), found.st_size, found.st_mtime_ns)


@functools.cache
def _sha256(path: Path, _size: int, _changed: int) -> str:
    return sha256_of(path)


def from_folder(path: str | Path) -> Pretrained:
    """A folder of one's own, or a snapshot in the hub's cache, which is named by its commit.

    Raises:
        DataError: it holds no model.
    """
    check_folder(path, f"backbone.path={path}")
    folder = Path(path)
    place = folder.absolute()
    is_snapshot = place.parent.name == "snapshots" and COMMIT.fullmatch(place.name)
    return Pretrained(folder, place.name if is_snapshot else None)


def tokenizer_from(name: str, revision: str) -> Pretrained:
    """The files of a tokenizer: a folder, or a repository of the hub.

    Raises:
        DataError: neither has a tokenizer.
    """
    called, folder = f"backbone.tokenizer={name}", Path(name)
    if folder.is_dir():
        if not any(TOKENIZER.fullmatch(path.name) for path in folder.iterdir()):
            raise DataError(f"{called}: no tokenizer there; expected tokenizer.json or the like; name another folder")
        return Pretrained(folder, None)
    try:
        return _fetched(name, revision, _has_tokenizer, _described)
    except DataError as error:
        raise DataError(
            f"{called}: no such folder, neither are its files in the hub's cache nor could they "
            f"be fetched ({error}).\nGet them where there is a network:  hf download {name} "
            f"--revision {revision} --include '*.json' '*.model' '*.txt' --local-dir tokenizer\n"
            "then run with  backbone.tokenizer=tokenizer"
        ) from error


def from_hub(name: str, revision: str) -> Pretrained:
    """The files that an encoder needs; no request at all where a commit lies in the cache.

    The weights come last, in safetensors where there are such.

    Args:
        name: the hub's id.
        revision: branch, tag or commit.

    Raises:
        DataError: with what went wrong, and how to get the files by other means.
    """
    try:
        return _fetched(name, revision, is_whole, _needed)
    except DataError as error:
        short = name.split("/")[-1]
        raise DataError(
            f"backbone {name}: its weights are neither in the hub's cache nor could they be "
            f"fetched ({error}).\nGet them where there is a network:  hf download {name} "
            f"--revision {revision} --local-dir {short}\nthen run with  backbone.path={short}  "
            "(any folder in this layout will do), or run once with network and later with "
            "HF_HUB_OFFLINE=1"
        ) from error


def cached(name: str, revision: str) -> Pretrained | None:
    """A repository of the hub whose files are all in its cache; nothing is asked for."""
    found = try_to_load_from_cache(name, "config.json", revision=revision)
    folder = Path(found).parent if isinstance(found, str) else None
    if folder is None or not is_whole({path.name for path in folder.iterdir()}):
        return None
    return Pretrained(folder, folder.name)


def _fetched(
    name: str,
    revision: str,
    is_complete: Callable[[Collection[str]], bool],
    needed: Callable[[Collection[str]], list[str]],
) -> Pretrained:
    """A folder of the cache with what is needed of a repository."""
    known = COMMIT.fullmatch(revision) is not None
    repo = Repo(name, revision, "model") if known else hub_repo(name, revision, "model")
    folder = hub_file(repo, "config.json").parent
    if not is_complete({path.name for path in folder.iterdir()}):
        for file in needed(hub_files(repo)):
            hub_file(repo, file)
    return Pretrained(folder, repo.revision)


def _weights(names: Collection[str]) -> list[str]:
    """The files of weights, all parts; of two forms the safe one, and a whole file where its parts are there too."""
    found = (sorted(filter(form.fullmatch, names)) for form in (SAFE, PICKLED))
    files = next(filter(None, found), [])
    return [name for name in files if "-of-" not in name] or files


def is_whole(names: Collection[str]) -> bool:
    """Whether a cached folder has a tokenizer and all parts of the weights."""
    weights = _weights(names)
    parts = int(weights[-1].split("-of-")[1].split(".")[0]) if "-of-" in "".join(weights) else 1
    return len(weights) == parts and _has_tokenizer(names)


def _has_tokenizer(names: Collection[str]) -> bool:
    return any(TOKENIZER.fullmatch(name) for name in names)


def _described(names: Collection[str]) -> list[str]:
    """Description and tokenizer; nothing for other libraries."""
    return sorted(name for name in names if DESCRIPTION.fullmatch(name) and "/" not in name)


def _needed(names: Collection[str]) -> list[str]:
    """Description, tokenizer and weights, the weights last."""
    return [*_described(names), *_weights(names)]
