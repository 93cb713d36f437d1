"""HTML entities that were left in text: ``&amp;`` for an ampersand."""

import html
import logging
import re
from html.entities import html5
from pathlib import Path

log = logging.getLogger(__name__)

ENTITY = re.compile(r"&(#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
DEPTH = 3  # times that a text may have been encoded


def has_entity(text: str) -> bool:
    """Whether a text holds an entity; ``R&D;`` and the addresses of pages do not."""
    return any(map(_is_entity, ENTITY.finditer(text))) if "&" in text else False


def decoded(text: str) -> str:
    """A text with its entities as the characters that they stand for, also where they were encoded twice."""
    for _ in range(DEPTH):
        if not has_entity(text):
            break
        text = ENTITY.sub(lambda found: html.unescape(found[0]) if _is_entity(found) else found[0], text)
    return text


def tell_of_entities(path: Path, count: int, of: int) -> None:
    """Warn of a file whose text holds entities, which are read as they stand."""
    if count:
        log.warning(
            "%s: entries with HTML entities such as &amp;, which are taken as text: %s of %s; python -m "
            "mlalign.data.prepare decodes those of parallel text, other files are best decoded where they are made",
            path,
            f"{count:,}",
            f"{of:,}",
        )


def _is_entity(found: re.Match[str]) -> bool:
    return found[1].startswith("#") or f"{found[1]};" in html5
