"""Which letters a language is written with: the cheapest sign of text in the wrong language."""

import re
import unicodedata
from functools import cache

from mlalign.data.languages import codes_of

# Blocks of Unicode 16 as ranges of a regular expression; marks and digits of the script included.
BLOCKS = {
    "Arabic": "\u0600-\u06ff\u0750-\u077f\u0870-\u08ff\ufb50-\ufdff\ufe70-\ufeff",
    "Armenian": "\u0530-\u058f",
    "Bengali": "\u0980-\u09ff",
    "Cyrillic": "\u0400-\u052f\u1c80-\u1c8f",
    "Devanagari": "\u0900-\u097f",
    "Ethiopic": "\u1200-\u139f",
    "Georgian": "\u10a0-\u10ff\u1c90-\u1cbf",
    "Greek": "\u0370-\u03ff\u1f00-\u1fff",
    "Gujarati": "\u0a80-\u0aff",
    "Gurmukhi": "\u0a00-\u0a7f",
    "Han": "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff",
    "Hangul": "\u1100-\u11ff\u3130-\u318f\uac00-\ud7ff",
    "Hebrew": "\u0590-\u05ff",
    "Kana": "\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f",
    "Kannada": "\u0c80-\u0cff",
    "Khmer": "\u1780-\u17ff",
    "Lao": "\u0e80-\u0eff",
    "Latin": "A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0300-\u036f\u1e00-\u1eff",
    "Malayalam": "\u0d00-\u0d7f",
    "Myanmar": "\u1000-\u109f",
    "Sinhala": "\u0d80-\u0dff",
    "Tamil": "\u0b80-\u0bff",
    "Telugu": "\u0c00-\u0c7f",
    "Thai": "\u0e00-\u0e7f",
}
SCRIPTS = {  # canonical codes of languages that are not written with Latin letters alone
    "Arabic": "ar arz ckb fa ps sd ug ur",
    "Armenian": "hy",
    "Bengali": "as bn",
    "Cyrillic": "ba be bg ce cv kk ky mk mn os ru tg tt uk",
    "Cyrillic Latin": "sr sr-Latn uz uz-Cyrl",
    "Devanagari": "bho hi mai mr ne sa",
    "Ethiopic": "am ti",
    "Georgian": "ka",
    "Greek": "el",
    "Gujarati": "gu",
    "Gurmukhi": "pa",
    "Han": "wuu yue yue-Hans zh zh-Hant",
    "Han Kana": "ja",
    "Hangul Han": "ko",
    "Hebrew": "he yi",
    "Kannada": "kn",
    "Khmer": "km",
    "Lao": "lo",
    "Latin": (
        "af ast az br bs ca ceb cs cy da de en eo es et eu fi fo fr fy ga gd gl ha hr ht hu ia id "
        "ig ilo is it jv la lb lt lv mg ms mt nds nl no nb nn oc pl pt qu ro sk sl so sq su sv sw "
        "tl tn tr vi wo xh yo zu"
    ),
    "Malayalam": "ml",
    "Myanmar": "my",
    "Sinhala": "si",
    "Tamil": "ta",
    "Telugu": "te",
    "Thai": "th",
}
WIDE = re.compile(f"[{BLOCKS['Han']}{BLOCKS['Kana']}{BLOCKS['Hangul']}]")


@cache
def letters_of(language: str) -> re.Pattern[str] | None:
    """Matches a letter of the language's scripts; None for a language that is not in the table."""
    scripts = [name for name, languages in SCRIPTS.items() if codes_of(language, languages.split())]
    blocks = "".join(BLOCKS[one] for name in scripts for one in name.split())
    return re.compile(f"[{blocks}]+") if blocks else None


@cache
def any_letters() -> re.Pattern[str]:
    """Matches letters and the marks on them, of any script."""
    return _of_categories("LM", beyond="\U00020000-\U0003ffff")


@cache
def besides_words() -> re.Pattern[str]:
    """Matches what is no letter, mark, digit or symbol: copies of a sentence differ in that."""
    return _of_categories("CPZ", beyond="")


def _of_categories(initials: str, *, beyond: str) -> re.Pattern[str]:
    """A class of the characters below U+10000 of some general categories, and a range beyond.

    A class of few ranges beyond is matched some twenty times faster than one that is complete.
    """
    points = (point for point in range(0x10000) if not 0xD800 <= point <= 0xDFFF)
    chosen = (chr(point) for point in points if unicodedata.category(chr(point))[0] in initials)
    return re.compile(f"[{''.join(map(re.escape, chosen))}{beyond}]+")


def width(text: str) -> int:
    """Length of a text in columns: a Chinese, Japanese or Korean character fills two."""
    return len(text) + len(WIDE.findall(text))
