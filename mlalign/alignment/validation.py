"""The settings of the losses, which every objective checks for itself."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from mlalign.alignment.objectives import objective_types
from mlalign.alignment.objectives.base import Needs, Objective
from mlalign.config.enums import Links
from mlalign.config.frozen import freeze
from mlalign.config.parts import PartGroup
from mlalign.config.schema import Train
from mlalign.data.lexicon import SAMPLE, require_dictionary
from mlalign.errors import ConfigError
from mlalign.files import Json
from mlalign.models.sentence_encoder import modules_of


def check_losses(config: Train) -> Train:
    """The configuration with typed and complete settings of every loss that is present, and no links that none reads.

    Raises:
        ConfigError: see ``PartGroup.checked``; or ``align.cached`` with a loss of more than sentence vectors,
            ``align.masked_every`` with one that needs all pairs; or nothing is learned when the run begins;
            or what a loss needs is not named.
        DataError: a file that it needs is not there.
    """
    config = _losses().checked(config)
    settings = {name: settings_of(name, config.losses[name]) for name in config.losses}
    for name, one in settings.items():
        needs = one.needs()
        _check_resources(name, needs, config)
        reads_all_pairs = objective_types()[name].level == "sentence" or needs.links  # links name rows of the batch
        if config.align.masked_every > 1 and "masked" in needs.views and reads_all_pairs:
            raise ConfigError(
                f"align.masked_every={config.align.masked_every} with losses.{name}, which reads all pairs of a batch: "
                f"set losses.{name}.view=clean, or align.masked_every=1"
            )
        if config.align.cached is not None and not needs.only_sentences:
            raise ConfigError(
                f"align.cached={config.align.cached} with losses.{name}, which reads more than sentence vectors: "
                "set align.cached=null, or leave that loss out"
            )
    starts = {f"losses.{name}.start": start_of(one) for name, one in settings.items()}
    if starts and min(starts.values()) > 0:
        found = ", ".join(f"{key}={start:g}" for key, start in starts.items())
        raise ConfigError(f"{found}: until then nothing is learned; set {min(starts, key=lambda key: starts[key])}=0")
    if any(one.needs().links for one in settings.values()):
        return config
    return freeze(replace(config, data=replace(config.data, links=Links.none)))  # nobody reads them


def _check_resources(name: str, needs: Needs, config: Train) -> None:
    """What a loss reads besides the text must be named, and files must be there."""
    if needs.links and config.data.links == Links.none:
        raise ConfigError(
            f"losses.{name} needs links between words: set data.links=ibm1, or data.links=encoder with a "
            "pretrained one, or leave that loss out"
        )
    if needs.lexicon and config.data.lexicon != SAMPLE:  # which may be generated later
        require_dictionary(config.data.lexicon, config.data.root, f"losses.{name}")
    if needs.teacher and config.data.teacher is not None:
        modules_of(Path(config.data.teacher), f"data.teacher={config.data.teacher}")


def settings_of(name: str, given: Mapping[str, Json]) -> Objective.Settings:
    """The typed settings of a loss.

    Raises:
        ConfigError: see ``PartGroup.checked``.
    """
    settings: Objective.Settings = _losses().settings(name, given)
    return settings


def start_of(settings: Objective.Settings) -> float:
    """Share of the run before a loss is learned; 0 for one that cannot wait."""
    return getattr(settings, "start", 0.0)


def _losses() -> PartGroup:
    return PartGroup("losses", "loss", objective_types())
