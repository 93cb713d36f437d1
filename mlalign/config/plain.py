"""Settings as the functions below take them."""

from dataclasses import asdict
from typing import Any

from mlalign.config.enums import OnBadLine
from mlalign.config.schema import Train
from mlalign.data import readers as formats


def plain(settings: Any) -> dict[str, Any]:
    """A group's settings as keyword arguments of a function."""
    return {key: getattr(value, "value", value) for key, value in asdict(settings).items()}


def on_bad_line(config: Train) -> formats.OnBadLine:
    """As the readers call it."""
    return "skip" if config.data.on_bad_line == OnBadLine.skip else "error"
