"""Labels in any script: fonts that hold their glyphs, and words instead of empty boxes."""

import logging
import unicodedata
from functools import cache
from pathlib import Path

from matplotlib.font_manager import findfont, fontManager, get_font

log = logging.getLogger(__name__)

FONTS = Path(__file__).parent / "fonts"
LATIN = "DejaVu Sans"  # comes with matplotlib
UNSEEN = ("Cc", "Cf", "Zl", "Zp", "Zs")  # categories that have no glyph of their own


@cache
def families() -> list[str]:
    """Font families in the order in which a glyph is looked for; ours are made known.

    Ours hold no Latin letters, digits or spaces. They come first, so that a word of theirs is
    never made of two fonts: DejaVu Sans has most Arabic letters, but not all of Urdu's.
    """
    files = sorted(path for path in FONTS.iterdir() if path.suffix in (".otf", ".ttf"))
    for path in files:
        fontManager.addfont(path)
    return [*(get_font(path).family_name for path in files), LATIN]


@cache
def covered() -> frozenset[int]:
    """All code points that the families have a glyph for."""
    return frozenset(point for family in families() for point in get_font(findfont(family)).get_charmap())


def missing(text: str) -> list[str]:
    """The characters of a text that no font here can draw."""
    return [
        letter
        for letter in dict.fromkeys(text)
        if ord(letter) not in covered() and unicodedata.category(letter) not in UNSEEN
    ]


def drawable(text: str, longest: int = 60) -> str:
    """A label that can be drawn without an empty box.

    What is too long is cut. Where glyphs are missing, the name of their script stands for the
    whole text, as in ``[TAMIL]``, and a warning says so once.

    Args:
        text: of any language.
        longest: in characters.
    """
    text = " ".join(text.split())
    if len(text) > longest:
        text = text[: longest - 1].rstrip() + "…"
    unknown = missing(text)
    if not unknown:
        return text
    name = unicodedata.name(unknown[0], f"U+{ord(unknown[0]):04X}").split()[0]
    _warn(name, "".join(unknown[:5]))
    return f"[{name}]"


@cache
def _warn(script: str, examples: str) -> None:
    log.warning(
        "No font here can draw %s (%s): such labels show [%s]; the csv file beside the figure has their text",
        script,
        examples,
        script,
    )
