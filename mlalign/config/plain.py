"""Settings as plain values, and plain values as settings."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from omegaconf import OmegaConf

from mlalign.config.renamed import renamed_settings
from mlalign.config.schema import Train


def plain(settings: Any) -> dict[str, Any]:
    """A group's settings as keyword arguments of a function."""
    return {key: getattr(value, "value", value) for key, value in asdict(settings).items()}


def container(config: Train) -> dict[str, Any]:
    """A configuration as results and trackers hold it."""
    found: Any = OmegaConf.to_container(OmegaConf.structured(config), enum_to_str=True)
    return found


def typed(settings: Mapping[str, Any]) -> Train:
    """A configuration from plain values, old names of keys included.

    Raises:
        OmegaConfBaseException: a key is unknown, or a value of another type.
    """
    found: Any = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Train), renamed_settings(settings)))
    return found
