"""The settings of the losses, which every objective checks for itself."""

from collections.abc import Mapping
from typing import Any

from mlalign.alignment.objectives import objective_types
from mlalign.alignment.objectives.base import Objective
from mlalign.config.parts import PartGroup
from mlalign.config.schema import Train
from mlalign.errors import ConfigError


def check_losses(config: Train) -> Train:
    """The configuration with typed and complete settings of every loss that is present.

    Raises:
        ConfigError: see ``PartGroup.checked``; or ``align.cached`` with a loss of more than sentence vectors.
    """
    config = _losses().checked(config)
    for name in config.losses:
        if config.align.cached is not None and not settings_of(name, config.losses[name]).needs().only_sentences:
            raise ConfigError(
                f"align.cached={config.align.cached} with losses.{name}, which reads more than sentence vectors: "
                "set align.cached=null, or leave that loss out"
            )
    return config


def settings_of(name: str, given: Mapping[str, Any]) -> Objective.Settings:
    """The typed settings of a loss.

    Raises:
        ConfigError: see ``PartGroup.checked``.
    """
    settings: Objective.Settings = _losses().settings(name, given)
    return settings


def _losses() -> PartGroup:
    return PartGroup("losses", "loss", objective_types())
