"""The page itself: one HTML file that holds everything it shows."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from mlalign.reporting.formats.html import html
from mlalign.reporting.report.cases import Cases, Texts
from mlalign.reporting.report.facts import Facts
from mlalign.reporting.report.payload import Payload, payload_of
from mlalign.reporting.runs import Unfinished
from mlalign.reporting.tables import Table
from mlalign.wording import plural

HERE = Path(__file__).parent
LARGEST = 4_900_000  # bytes of a page
SHADES = 64  # colours of a figure in the page; its files have all


@dataclass(frozen=True)
class Shown:
    """A figure in the page, or why there is none.

    Attributes:
        name: of its files.
        title: what it is called.
        caption: what it shows, and which runs went into it.
        path: the PNG; None where it could not be made.
        files: their paths, relative to the page.
        reason: why not.
    """

    name: str
    title: str
    caption: str
    path: Path | None = None
    files: str = ""
    reason: str = ""

    @property
    def source(self) -> str:
        """The picture as an address that needs no file."""
        assert self.path is not None
        with Image.open(self.path) as picture, io.BytesIO() as small:
            few = picture.convert("RGB").quantize(SHADES, dither=Image.Dither.NONE)
            few.save(small, "PNG", optimize=True)
            return f"data:image/png;base64,{base64.b64encode(small.getvalue()).decode()}"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, so that the page does not jump."""
        assert self.path is not None
        with Image.open(self.path) as picture:
            return picture.size


@dataclass(frozen=True)
class Section:
    """What the page says of one task."""

    table: Table
    facts: Facts
    figures: Sequence[Shown]
    cases: Cases
    texts: dict[str, Texts]

    @property
    def html(self) -> Markup:
        """The tables; their text is escaped where they are written."""
        return Markup(html(self.table))


def page(
    sections: Sequence[Section],
    *,
    encoders: Sequence[Shown],
    unfinished: Sequence[Unfinished],
    with_texts: bool,
) -> str:
    """The whole page; the same runs give the same text.

    Args:
        sections: one for each task.
        encoders: figures of encoders, which belong to no task.
        unfinished: runs that are not in it.
        with_texts: whether texts were to be shown.
    """
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    values = {
        "title": "Comparison on " + " and ".join(one.table.task for one in sections),
        "rules": list(dict.fromkeys(one.cases.metric.note for one in sections if one.cases.metric.note)),
        "subtitle": _subtitle(sections),
        "left_out": [f"{one.table.task}, {each}" for one in sections for each in _gaps(one)],
        "sections": sections,
        "encoders": encoders,
        "unfinished": unfinished,
        "style": Markup((HERE / "page.css").read_text(encoding="utf-8")),
        "script": Markup((HERE / "browser.js").read_text(encoding="utf-8")),
    }
    template = environment.get_template("page.html")
    room = LARGEST - len(template.render(values, payload=None, texts_said="").encode())
    payload = payload_of([one.cases for one in sections], {one.table.task: one.texts for one in sections}, room)
    return template.render(values, payload=payload, texts_said=_on_texts(payload, with_texts))


def _subtitle(sections: Sequence[Section]) -> str:
    """What was run; rows of the paper and rows without a run are none of it."""
    runs = [[row.runs for row in one.table.rows if row.runs] for one in sections]
    kind = {"main": "method", "ablation": "ablation", "backbone": "backbone"}[sections[0].table.kind]
    return (
        f"{plural(sum(map(sum, runs)), 'run')}: {plural(max(map(len, runs)), kind)}, "
        f"{plural(max(map(max, runs)), 'seed')} at most."
    )


def _gaps(section: Section) -> list[str]:
    """What the cases of a task lack."""
    without = [f"{name}: no text, {one.reason}." for name, one in section.texts.items() if one.reason]
    return [*section.cases.left_out, *without]


def _on_texts(payload: Payload, wanted: bool) -> str:
    """What of the texts is there."""
    if not wanted:
        return "The texts were left out with texts=false; ids only."
    if not payload.length:
        return "The texts were left out to keep the page small; ids only."
    if payload.cut:
        return f"To keep the page small, {payload.cut:,} texts are cut after {payload.length:,} characters."
    return "Texts are whole."
