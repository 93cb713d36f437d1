"""Releases of tasks on the hub, written in the layout in which their makers released them."""

from mlalign.data.releases import pawsx, sib200, wikiann
from mlalign.data.releases.converter import Converter
from mlalign.data.releases.release import Layout, Release, prepare_release

CONVERTERS: dict[str, Converter] = {
    "pawsx": pawsx.CONVERTER,
    "sib200": sib200.CONVERTER,
    "wikiann": wikiann.CONVERTER,
}

__all__ = ["CONVERTERS", "Converter", "Layout", "Release", "prepare_release"]
