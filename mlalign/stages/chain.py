"""Folders that are whole or not there: found, or made under another name; encoders made one from another."""

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path

from omegaconf import OmegaConf

import mlalign
from mlalign import files
from mlalign.config.identity import fingerprint
from mlalign.distributed import barrier, broadcast_object, is_rank_zero
from mlalign.errors import ConfigError
from mlalign.files import Json, JsonObject
from mlalign.models.io import RECIPE
from mlalign.stages.stage import EncoderStage

log = logging.getLogger(__name__)


def encoder_folders(stages: Sequence[EncoderStage], root: Path, *, resume: bool | str) -> list[Path]:
    """The folders of all stages, after each was found by its fingerprint or made.

    Args:
        stages: in their order, each starting from the one before.
        resume: true, false (make all again), or the folder of an unfinished stage.

    Raises:
        ConfigError: the folder to resume from belongs to another configuration.
    """
    folders = {root / fingerprint(stage.recipe): stage for stage in stages}
    partial_names = [partial_of(folder).name for folder in folders]
    given = None if isinstance(resume, bool) else Path(resume)
    if folders and given is not None and given.name not in partial_names:
        raise ConfigError(
            f"resume={resume}: this configuration resumes from {' or '.join(partial_names)} only; "
            "that folder was begun by another one"
        )
    for folder, stage in folders.items():
        if (folder / RECIPE).is_file() and resume is not False:
            log.info("Found the encoder %s", folder)
        elif is_rank_zero():
            _tell_of_other_versions(root, stage.recipe)
        source = partial_of(folder)
        make = partial(stage.make, resume_from=given if given is not None and given.name == source.name else source)
        get_or_create(folder, make, complete=RECIPE, fresh=resume is False, keep=stage.resumes)
    return list(folders)


def _tell_of_other_versions(root: Path, recipe: JsonObject) -> None:
    """Say why encoders of the same text that another version made are not found."""
    for path in sorted(root.glob(f"*/{RECIPE}")):
        try:
            made: Json = OmegaConf.to_container(OmegaConf.load(path))
        except FileNotFoundError:  # a run beside this one has just given its folder the final name
            continue
        before = made.get("recipe") or {}
        version, own = before.get("version"), mlalign.__version__
        if version != own and before.get("text") == recipe["text"]:
            log.info("%s was made by mlalign %s, whose encoders mlalign %s does not reuse", path.parent, version, own)


def get_or_create(
    folder: Path, make: Callable[[Path], None], *, complete: str, fresh: bool = False, keep: bool = True
) -> Path:
    """A folder that holds ``complete``: as it is, or made now under another name.

    Two runs that want the same folder wait for each other. All ranks of a run call this.

    Args:
        folder: the final name.
        make: fills the folder that it is given, ``folder`` with the suffix ``.partial``; called in every rank.
        complete: the file by which a whole folder is known.
        fresh: make it again even if it is there.
        keep: what an interrupted run left there.
    """
    with locked(folder.with_name(f".{folder.name}.lock")):
        if (fresh or not keep) and is_rank_zero():
            files.remove(partial_of(folder))
        if broadcast_object(fresh or not (folder / complete).is_file()):
            partial_of(folder).mkdir(exist_ok=True)
            with files.writing(folder):
                make(partial_of(folder))
            barrier()
            if is_rank_zero():
                files.publish(partial_of(folder), folder)
            barrier()
    return folder


def locked(path: Path) -> AbstractContextManager[object]:
    """Keeps other runs out; the first rank holds the lock for all."""
    return files.locked(path) if is_rank_zero() else nullcontext()


def partial_of(folder: Path) -> Path:
    """Where a folder is made before it gets its name."""
    return folder.with_name(f"{folder.name}.partial")
