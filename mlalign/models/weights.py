"""Where a backbone's files come from, and what to say when they do not come."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from safetensors import SafetensorError
from transformers import AutoConfig

from mlalign.errors import DataError

# In a background thread transformers would ask a service to rewrite weights that are no safetensors
os.environ.setdefault("DISABLE_SAFETENSORS_CONVERSION", "1")

COMMIT = re.compile("[0-9a-f]{40}")
FAULTS = (
    OSError,
    ValueError,
    KeyError,
    ImportError,
    RuntimeError,
    SafetensorError,
    UnpicklingError,
)


class Weights:
    """The files of a backbone: a folder, or an entry of the hub or its cache.

    Args:
        name: the hub's id.
        revision: branch, tag or commit on the hub.
        path: a local folder in the hub's layout; wins over ``name``.

    Raises:
        DataError: the folder is none.
    """

    def __init__(self, name: str, revision: str | None, path: str | Path | None) -> None:
        if path is not None and not (Path(path) / "config.json").is_file():
            raise DataError(
                f"backbone.path={path}: no config.json there; expected a folder with config.json, "
                "model.safetensors and the tokenizer's files, as save_pretrained writes it"
            )
        self.name, self.revision, self.path = name, revision, path

    def __str__(self) -> str:
        return f"backbone {self.name}" if self.path is None else f"backbone.path={self.path}"

    @property
    def where(self) -> dict[str, Any]:
        """For ``from_pretrained``."""
        if self.path is not None:
            return {"pretrained_model_name_or_path": str(self.path)}
        return {"pretrained_model_name_or_path": self.name, "revision": self.revision}

    def commit(self) -> str | None:
        """The hub's commit that ``revision`` means today; None for a folder of one's own.

        Raises:
            DataError: neither the cache nor the hub knows.
        """
        if self.path is not None:
            folder = Path(self.path).absolute()
            return folder.name if folder.parent.name == "snapshots" else None
        if self.revision is not None and COMMIT.fullmatch(self.revision):
            return self.revision
        with self.errors_in_words():
            found: str | None = AutoConfig.from_pretrained(**self.where)._commit_hash
        return found

    @contextmanager
    def errors_in_words(self) -> Iterator[None]:
        """Whatever transformers and the hub's client raise, as one message that says what to do.

        Raises:
            DataError: in place of theirs.
        """
        try:
            yield
        except FAULTS as error:
            raise DataError(self._how_to_get(error)) from error

    def _how_to_get(self, error: Exception) -> str:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        if self.path is not None or not isinstance(error, OSError):
            return f"{self}: transformers cannot load it: {lines[0]}"
        at = f" --revision {self.revision}" if self.revision else ""
        folder = Path(self.name).name
        return (
            f"backbone {self.name}: its weights are neither in the hub's cache nor could they be "
            f"fetched ({lines[0]}).\nGet them where there is a network:  hf download {self.name}"
            f"{at} --local-dir {folder}\nthen run with  backbone.path={folder}  (any folder in "
            "this layout will do), or run once with network and later with HF_HUB_OFFLINE=1"
        )
