"""Settings as plain values, and plain values as settings."""

import os
import re
from collections.abc import Mapping
from dataclasses import asdict, fields
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from omegaconf import DictConfig, OmegaConf

from mlalign.config.frozen import Settings
from mlalign.config.renamed import renamed_settings
from mlalign.config.schema import Train
from mlalign.files import Json, JsonObject

# Names of variables that hold secrets: WANDB_API_KEY, HF_TOKEN, PASSWORD.
SECRET = re.compile(r"(^|_)(API_?KEY|KEY|TOKEN|SECRET|PASS|PASSWORD|PASSWD|CREDENTIALS?|AUTH)(_|$)", re.IGNORECASE)
CERTAIN = 8  # characters of a secret that stand in no text by chance

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Schema = TypeVar("Schema", bound="DataclassInstance")


def plain(settings: "DataclassInstance") -> JsonObject:
    """A group's settings as keyword arguments of a function."""
    return {key: getattr(value, "value", value) for key, value in asdict(settings).items()}


def container(config: Train) -> JsonObject:
    """A configuration as results and trackers hold it: a secret of the environment stands in it as its variable."""
    secrets = {name: value for name, value in os.environ.items() if value and SECRET.search(name)}
    found: JsonObject = _without(config, secrets)
    return found


def _without(value: Json, secrets: Mapping[str, str]) -> Json:
    """Plain settings with ``${oc.env:NAME}`` where a text holds the value of a variable, or is it if that is short."""
    if isinstance(value, Settings):
        return {one.name: _without(getattr(value, one.name), secrets) for one in fields(value)}
    if isinstance(value, dict):
        return {key: _without(one, secrets) for key, one in value.items()}
    if isinstance(value, list):
        return [_without(one, secrets) for one in value]
    if isinstance(value, Enum):
        return value.name
    for name, secret in secrets.items() if isinstance(value, str) else ():
        if value == secret or len(secret) >= CERTAIN:
            value = value.replace(secret, f"${{oc.env:{name}}}")
    return value


def typed(settings: Mapping[str, Json]) -> Train:
    """A configuration from plain values, old names of keys included.

    Raises:
        OmegaConfBaseException: a key is unknown, or a value missing or of another type.
    """
    return as_object(OmegaConf.merge(schema_of(Train), renamed_settings(settings)), Train)


@cache
def schema_of(schema: type, *groups: str) -> DictConfig:
    """For OmegaConf, inside of groups for the full keys of errors; it takes as long as a merge, which copies it."""
    node = OmegaConf.structured(schema)
    for group in reversed(groups):
        node = OmegaConf.create({group: node})
    return node


def as_object(node: object, schema: type[Schema]) -> Schema:
    """The settings that OmegaConf's node of a schema holds."""
    found = OmegaConf.to_object(node)
    assert isinstance(found, schema)
    return found
