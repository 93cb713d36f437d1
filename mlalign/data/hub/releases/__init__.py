"""Releases of tasks on the hub, written in the layout in which their makers released them."""

from mlalign.data.hub.releases import bitext, entities, massive, pawsx, sib200, wikiann, xnli
from mlalign.data.hub.releases.converter import Converter
from mlalign.data.hub.releases.release import Layout, Release, prepare_release

CONVERTERS: dict[str, Converter] = {
    "bitext": bitext.CONVERTER,
    "entities": entities.CONVERTER,
    "massive": massive.CONVERTER,
    "pawsx": pawsx.CONVERTER,
    "sib200": sib200.CONVERTER,
    "wikiann": wikiann.CONVERTER,
    "xnli": xnli.CONVERTER,
}

__all__ = ["CONVERTERS", "Converter", "Layout", "Release", "prepare_release"]
