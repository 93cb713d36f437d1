"""A pretrained model's files as a folder of the hub's cache, fetched where they are not there."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from mlalign.data.hub import Repo, hub_file, hub_files, hub_repo
from mlalign.errors import DataError
from mlalign.models.backbone import check_folder

SAFE = re.compile(r"model(-\d+-of-\d+)?\.safetensors")
PICKLED = re.compile(r"pytorch_model(-\d+-of-\d+)?\.bin")  # read as tensors only, no other objects
TOKENIZER = re.compile(r"tokenizer\.json|vocab\.(txt|json)|.+\.model")
DESCRIPTION = re.compile(r".+\.(json|txt|model)")
COMMIT = re.compile("[0-9a-f]{40}")


class Pretrained(NamedTuple):
    """Where a pretrained model lies, and the commit of the hub that it is."""

    folder: Path
    commit: str | None


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
        known = COMMIT.fullmatch(revision) is not None
        repo = Repo(name, revision, "model") if known else hub_repo(name, revision, "model")
        folder = hub_file(repo, "config.json").parent
        if not _is_whole({path.name for path in folder.iterdir()}):
            for file in _needed(hub_files(repo)):
                hub_file(repo, file)
    except DataError as error:
        short = name.split("/")[-1]
        raise DataError(
            f"backbone {name}: its weights are neither in the hub's cache nor could they be "
            f"fetched ({error}).\nGet them where there is a network:  hf download {name} "
            f"--revision {revision} --local-dir {short}\nthen run with  backbone.path={short}  "
            "(any folder in this layout will do), or run once with network and later with "
            "HF_HUB_OFFLINE=1"
        ) from error
    return Pretrained(folder, repo.revision)


def _weights(names: Collection[str]) -> list[str]:
    """The files of weights, all parts; of two forms the safe one."""
    safe = sorted(name for name in names if SAFE.fullmatch(name))
    return safe or sorted(name for name in names if PICKLED.fullmatch(name))


def _is_whole(names: Collection[str]) -> bool:
    """Whether a cached folder has a tokenizer and all parts of the weights."""
    weights = _weights(names)
    parts = int(weights[-1].split("-of-")[1].split(".")[0]) if "-of-" in "".join(weights) else 1
    return len(weights) == parts and any(TOKENIZER.fullmatch(name) for name in names)


def _needed(names: Collection[str]) -> list[str]:
    """Description, tokenizer and weights, the weights last; nothing for other libraries."""
    described = [name for name in names if DESCRIPTION.fullmatch(name) and "/" not in name]
    return [*sorted(described), *_weights(names)]
