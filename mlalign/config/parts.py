"""Parts that a run is put together from by name, one file each, as losses and tunings are: their settings."""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from omegaconf import OmegaConf

from mlalign.config.explained import merged, refuse_missing
from mlalign.config.frozen import freeze, thawed
from mlalign.config.plain import plain, schema_of
from mlalign.config.schema import Train
from mlalign.config.settings import refuse, wrong_values
from mlalign.config.validation import present
from mlalign.errors import ConfigError, nearest
from mlalign.files import Json, JsonObject

_typed: dict[tuple[type, str, str], Any] = {}  # a run asks for the same many times, and each time takes milliseconds


@dataclass(frozen=True)
class PartGroup:
    """One group of parts."""

    key: str  # of the configuration, as in ``<key>.<name>``
    word: str  # what one part is called in messages
    types: Mapping[str, Any]  # name -> class, whose ``Settings`` is a dataclass with a method ``check``

    def checked(self, config: Train) -> Train:
        """The configuration with typed and complete settings of every part that is present.

        Raises:
            ConfigError: a part is unknown, or a setting is unknown, missing, mistyped, out of range or contradictory.
        """
        given: Mapping[str, Json] = getattr(config, self.key)
        found = {name: self.settings(name, given[name]) for name in present(given)}
        typed: JsonObject = {self.key: {name: plain(settings) for name, settings in found.items()}}
        config = freeze(replace(config, **typed))
        for name, settings in found.items():
            refuse(chain(wrong_values(settings, f"{self.key}.{name}."), settings.check(config)))
        return config

    def settings(self, name: str, given: Mapping[str, Json]) -> Any:
        """The typed settings of a part, refused as by ``checked``."""
        if name not in self.types:
            raise ConfigError(f"{self.key}.{name}: no such {self.word}. {nearest(name, self.types)}")
        kind, place = self.types[name].Settings, f"{self.key}.{name}"
        known = kind, place, repr(given)
        if known not in _typed:
            whole = merged(schema_of(kind, self.key, name), {self.key: {name: thawed(given)}})
            refuse_missing(whole)
            _typed[known] = OmegaConf.to_object(OmegaConf.select(whole, place))
        return copy(_typed[known])
