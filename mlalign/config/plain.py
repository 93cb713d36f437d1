"""Settings as plain values, and plain values as settings."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, TypeVar

from omegaconf import DictConfig, OmegaConf

from mlalign.config.frozen import thawed
from mlalign.config.renamed import renamed_settings
from mlalign.config.schema import Train
from mlalign.files import Json, JsonObject

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Schema = TypeVar("Schema")


def plain(settings: "DataclassInstance") -> JsonObject:
    """A group's settings as keyword arguments of a function."""
    return {key: getattr(value, "value", value) for key, value in asdict(settings).items()}


def structured(config: Train) -> DictConfig:
    """A copy of a configuration for OmegaConf."""
    return OmegaConf.structured(thawed(config))


def container(config: Train) -> JsonObject:
    """A configuration as results and trackers hold it."""
    found: Json = OmegaConf.to_container(structured(config), enum_to_str=True)
    return found


def typed(settings: Mapping[str, Json]) -> Train:
    """A configuration from plain values, old names of keys included.

    Raises:
        OmegaConfBaseException: a key is unknown, or a value of another type.
    """
    return as_object(OmegaConf.merge(OmegaConf.structured(Train), renamed_settings(settings)), Train)


def as_object(node: object, schema: type[Schema]) -> Schema:
    """The settings that OmegaConf's node of a schema holds.

    Raises:
        OmegaConfBaseException: one is missing.
    """
    found = OmegaConf.to_object(node)
    assert isinstance(found, schema)
    return found
