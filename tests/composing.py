"""What is typed, composed from ``conf/``; choices of groups that were composed before are not composed again."""

import copy
import functools
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from omegaconf import DictConfig, OmegaConf

from mlalign.config.folder import CONF

CHANGE, ADD = OverrideType.CHANGE, OverrideType.ADD


def composed(*overrides: str) -> DictConfig:
    """What Hydra composes for ``train.py``.

    To compose takes hundreds of times as long as to set a value, which Hydra does behind all groups, as here.
    """
    typed = [_parsed(one) for one in overrides]
    values = [one for one in typed if one.type in (CHANGE, ADD) and not _is_group(one.key_or_group)]
    found = copy.deepcopy(_composed(tuple(one.input_line for one in typed if one not in values)))
    for one in values:
        OmegaConf.update(found, one.key_or_group, one.value(), force_add=one.type == ADD)
    return found


@functools.cache
def _parsed(override: str) -> Override:
    return OverridesParser.create().parse_override(override)


def _is_group(key: str) -> bool:
    return "/" in key or (Path(CONF) / key).is_dir()


@functools.cache
def _composed(overrides: tuple[str, ...]) -> DictConfig:
    with initialize_config_dir(CONF, version_base="1.3"):
        return compose("train", list(overrides))
