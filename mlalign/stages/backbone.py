"""Where a configured backbone comes from, and what identifies its weights."""

from pathlib import Path
from typing import Any

from mlalign.config.enums import TINY
from mlalign.config.plain import plain
from mlalign.config.schema import Backbone
from mlalign.data.hub.pretrained import Pretrained, from_folder, from_hub, tokenizer_from
from mlalign.distributed import rank_zero_first


def is_tiny(settings: Backbone) -> bool:
    """Whether it is built here from scratch; a folder may be called so, too."""
    return settings.name == TINY and settings.path is None


def pretrained(settings: Backbone) -> Pretrained:
    """The weights of a backbone that is not built here.

    Raises:
        DataError: they are not there and cannot be fetched.
    """
    if settings.path is not None:
        return from_folder(settings.path)
    with rank_zero_first():
        return from_hub(settings.name, settings.revision or "main")


def own_tokenizer(settings: Backbone) -> Pretrained | None:
    """The tokenizer, where it is not the one beside the weights.

    Raises:
        DataError: it is not there and cannot be fetched.
    """
    if settings.tokenizer is None:
        return None
    with rank_zero_first():
        return tokenizer_from(settings.tokenizer, settings.tokenizer_revision or "main")


def identified(settings: Backbone) -> dict[str, Any]:
    """The settings of a backbone, with the hashes of their files in place of local folders."""
    known = plain(settings)
    if settings.path is not None:
        known["path"] = from_folder(settings.path).hashes()
    if settings.tokenizer is not None and Path(settings.tokenizer).is_dir():
        known["tokenizer"] = Pretrained(Path(settings.tokenizer), None).hashes()
    return known
