"""Make the subset fonts beside this file from Noto, which is under the SIL Open Font License.

    apt-get download fonts-noto-core fonts-noto-cjk
    for each in *.deb; do dpkg -x $each unpacked; done
    python mlalign/reporting/drawing/fonts/make_fonts.py unpacked/usr/share/fonts

Latin, Greek, Cyrillic, Vietnamese, Hebrew and Arabic are in DejaVu Sans, which matplotlib brings.
Families get names of their own, so that a font installed on the machine is never taken instead.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

HERE = Path(__file__).parent
ALWAYS = {0x200C, 0x200D, 0x25CC}  # joiners, and the dotted circle of a lone mark
# Lines are as high as DejaVu Sans has them, whatever script is in them
LINE_HEIGHT = (
    ("hhea", "ascent", "descent", "lineGap"),
    ("OS/2", "sTypoAscender", "sTypoDescender", "sTypoLineGap"),
)


def plane(codec: str, rows: Iterable[int]) -> set[int]:
    """Code points of some rows of a 94 by 94 character set."""
    found = set()
    for row in rows:
        for cell in range(1, 95):
            try:
                found.add(ord(bytes([0xA0 + row, 0xA0 + cell]).decode(codec)))
            except UnicodeDecodeError:
                continue
    return found


EAST_ASIAN = (
    plane("gb2312", range(16, 56))  # the 3,755 characters of level 1
    | plane("euc_jp", range(16, 48))  # the 2,965 of JIS level 1
    | plane("euc_kr", range(16, 41))  # the 2,350 syllables of KS X 1001
    | set(range(0x3000, 0x3020))  # punctuation
    | set(range(0x3040, 0x3100))  # kana
    | set(range(0xFF01, 0xFFEF))  # full width
)
FONTS = {
    "mlalign Arabic": ("truetype/noto/NotoNaskhArabic-Regular.ttf", 0, set(range(0x600, 0x780))),
    "mlalign Devanagari": (
        "truetype/noto/NotoSansDevanagari-Regular.ttf",
        0,
        set(range(0x900, 0x980)),
    ),
    "mlalign East Asian": ("opentype/noto/NotoSansCJK-Regular.ttc", 2, EAST_ASIAN),
    "mlalign Thai": ("truetype/noto/NotoSansThai-Regular.ttf", 0, set(range(0xE00, 0xE80))),
}


def make(family: str, source: Path, number: int, characters: set[int]) -> Path:
    """One subset, without hints, vertical forms and regional alternates."""
    font = TTFont(source, fontNumber=number) if source.suffix == ".ttc" else TTFont(source)
    options = subset.Options(hinting=False, notdef_outline=True, name_IDs=[0, 1, 2, 4, 6, 13, 14])
    options.layout_features = ["ccmp"] if source.suffix == ".ttc" else ["*"]
    options.drop_tables += ["vhea", "vmtx", "VORG", "BASE", "DSIG"]
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=characters | ALWAYS)
    subsetter.subset(font)
    for number, name in {1: family, 4: family, 6: family.replace(" ", "")}.items():
        for record in [record for record in font["name"].names if record.nameID == number]:
            font["name"].setName(name, number, record.platformID, record.platEncID, record.langID)
    for table, ascent, descent, gap in LINE_HEIGHT:
        setattr(font[table], ascent, round(0.928 * font["head"].unitsPerEm))
        setattr(font[table], descent, round(-0.236 * font["head"].unitsPerEm))
        setattr(font[table], gap, 0)
    font["head"].modified = font["head"].created
    suffix = ".ttf" if "glyf" in font else ".otf"
    path = HERE / f"{family.removeprefix('mlalign ').replace(' ', '')}{suffix}"
    font.recalcTimestamp = False
    font.save(path)
    return path


if __name__ == "__main__":
    for name, (file, index, wanted) in FONTS.items():
        made = make(name, Path(sys.argv[1]) / file, index, wanted)
        print(f"{made.name}: {made.stat().st_size:,} bytes")
