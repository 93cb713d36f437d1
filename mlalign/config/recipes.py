"""Whose settings a run has: those of a publication, its own, or those that trials chose."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from mlalign.config.folder import CONF
from mlalign.config.identity import TUNED, affects_nothing
from mlalign.config.schema import Train
from mlalign.config.settings import flattened, values
from mlalign.files import Json

PUBLISHED, OWN = "published", "own"
PARTS = ("losses", "tuning")  # whose keys are checked when their files are known
RECIPE = ("weighting.", "fusion.", "align.tlm.", "align.mask_rate", "align.adversary.", "align.betas")


def register_resolvers() -> None:
    """What files of `conf/` may compute with: ``${times:2,${align.batch_size}}``."""
    OmegaConf.register_new_resolver("times", lambda one, other: float(one * other), replace=True)


def origin(config: Mapping[str, Json]) -> str:
    """Whose settings a recorded configuration has, in one word.

    ``published``: the method names its publication, and what its files set, its losses, its tunings and the rest of a
    recipe (``RECIPE``) are as there; or nothing is aligned, and that holds of the tunings. ``tuned``: trials chose
    them. ``own``: all others. A setting that the version of the configuration did not have is not compared.
    """
    method, tunings = config.get("method") or {}, config.get("tuning") or {}
    path = Path(CONF) / "method" / f"{method.get('name')}.yaml"
    if method.get("trials"):
        return TUNED
    if not path.is_file():
        return OWN
    files = file_settings(path)
    is_published = files.method.get("publication") is not None
    if not is_published and method.get("stages") == []:
        parts = [Path(CONF) / "tuning" / f"{name}.yaml" for name in tunings]
        is_published = bool(parts) and all(part.is_file() for part in parts)
        files = _merged(files, *(file_settings(part) for part in parts if is_published))
    return PUBLISHED if is_published and _is_as_in(files, config) else OWN


@cache
def file_settings(path: Path) -> DictConfig:
    """What a file of `conf/` sets, with the files that it begins with; ``${KEY}`` stays as it is.

    Of a file of another group that it chooses, as a backbone, it is what that sets in its group: sizes and rates are
    those of all rows.
    """
    text = path.read_text(encoding="utf-8")
    own: Any = OmegaConf.create(text)
    parts: list[DictConfig] = []
    for one in own.pop("defaults", []):
        if isinstance(one, str):
            parts += [file_settings(path.with_stem(one))] if one != "_self_" else []
        else:
            ((group, chosen),) = one.items()
            folder = re.sub("^(override )?/|@.*", "", group)
            names = [chosen] if isinstance(chosen, str) else chosen
            files = (file_settings(Path(CONF) / folder / f"{name}.yaml") for name in names)
            parts += [OmegaConf.masked_copy(one, folder) for one in files]
    found = re.match(r"# @package (\S+)", text)
    package = path.parent.name if found is None else found[1].removeprefix("_global_")
    for group in reversed(package.split(".") if package else []):
        own = OmegaConf.create({group: own})
    return _merged(*parts, own)


def _merged(*parts: DictConfig) -> DictConfig:
    merged = OmegaConf.merge(*parts)
    assert isinstance(merged, DictConfig)
    return merged


def _is_as_in(files: DictConfig, config: Mapping[str, Json]) -> bool:
    """Whether a configuration has the losses, tunings and settings of files, and the schema's rest of a recipe."""
    if any(set(config.get(part) or ()) != set(files.get(part) or ()) for part in PARTS):
        return False
    register_resolvers()
    set_there: Any = OmegaConf.to_container(files)
    whole, recorded = _merged(OmegaConf.create(dict(config)), files), flattened(config)
    expected = {key: value for key, value in values(Train()).items() if key.startswith(RECIPE)} | flattened(set_there)
    return all(
        recorded[key] == (OmegaConf.select(whole, key) if isinstance(value, str) else value)
        for key, value in expected.items()
        if key in recorded and not affects_nothing(key)
    )
