"""Releases of tasks on the hub, written in the layout in which their makers released them."""

from mlalign.data.hub.releases.converters import CONVERTERS, Converter
from mlalign.data.hub.releases.release import Layout, Release, prepare_release

__all__ = ["CONVERTERS", "Converter", "Layout", "Release", "prepare_release"]
