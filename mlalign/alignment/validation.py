"""The settings of the losses, which every objective checks for itself."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from mlalign.alignment.objectives import objective_types
from mlalign.alignment.objectives.base import Objective
from mlalign.config.hydra import explain_key
from mlalign.config.plain import plain
from mlalign.config.schema import Train
from mlalign.config.settings import freeze
from mlalign.config.validation import nearest, present, refuse_out_of_range
from mlalign.errors import ConfigError


def check_losses(config: Train) -> Train:
    """The configuration with typed and complete settings of every loss that is present.

    Raises:
        ConfigError: a loss is unknown; a setting is unknown, missing, mistyped, out of range or
            contradicts another: with the full key, what was found and what to do.
    """
    checked = {name: settings_of(name, config.losses[name]) for name in present(config.losses)}
    config = freeze(replace(config, losses={name: plain(settings) for name, settings in checked.items()}))
    for name, settings in checked.items():
        refuse_out_of_range(settings, f"losses.{name}.")
        for message in settings.check(config):
            raise ConfigError(message)
        if config.align.cached is not None and not settings.needs().only_sentences:
            raise ConfigError(
                f"align.cached={config.align.cached} with losses.{name}, which reads more than sentence vectors: "
                "set align.cached=null, or leave that loss out"
            )
    return config


def settings_of(name: str, given: Mapping[str, Any]) -> Objective.Settings:
    """The typed settings of a loss.

    Raises:
        ConfigError: see ``check_losses``.
    """
    types = objective_types()
    if name not in types:
        raise ConfigError(f"losses.{name}: no such loss. {nearest(name, types)}")
    typed = OmegaConf.create({"losses": {name: OmegaConf.structured(types[name].Settings)}})
    try:
        merged = OmegaConf.merge(typed, {"losses": {name: given}})
    except OmegaConfBaseException as error:
        raise ConfigError(explain_key(error)) from error
    missing = sorted(OmegaConf.missing_keys(merged))
    if missing:
        raise ConfigError(f"{', '.join(missing)}: a value is needed; give it as {missing[0]}=VALUE")
    settings: Any = OmegaConf.to_object(merged.losses[name])
    return settings
