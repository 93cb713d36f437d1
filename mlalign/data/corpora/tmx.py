"""TMX, the exchange format of translation memories: XML, read as a stream."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.parsers.expat import ExpatError, ParserCreate

from mlalign.data.corpora.codes import AmbiguousCodeError, release_code
from mlalign.data.languages import ENGLISH
from mlalign.data.readers.leftovers import Leftovers
from mlalign.data.text import DAMAGED, open_bytes
from mlalign.errors import DataError

CHUNK = 1 << 16
INSTRUCTIONS = ("bpt", "ept", "ph", "it", "ut")  # codes of the editor's program, not text


class Units:
    """Collects the segments of each translation unit while the parser walks over them.

    Args:
        path: for the messages.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.parser = ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.EntityDeclHandler = self._entity
        self.done: list[tuple[int, dict[str, str]]] = []  # line, code -> segment
        self.is_tmx = False
        self.unit: dict[str, str] = {}
        self.line = 0
        self.code = ""
        self.segment: list[str] | None = None
        self.instructions = 0

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "tmx":
            self.is_tmx = True
        elif name == "tu":
            self.unit, self.line = {}, self.parser.CurrentLineNumber
        elif name == "tuv":
            self.code = attributes.get("xml:lang", attributes.get("lang", ""))
        elif name == "seg":
            self.segment = []
        elif name in INSTRUCTIONS:
            self.instructions += 1

    def _end(self, name: str) -> None:
        if name == "seg" and self.segment is not None:
            self.unit.setdefault(self.code, "".join(self.segment))
            self.segment = None
        elif name == "tu":
            self.done.append((self.line, self.unit))
        elif name in INSTRUCTIONS:
            self.instructions -= 1

    def _text(self, text: str) -> None:
        if self.segment is not None and not self.instructions:
            self.segment.append(text)

    def _entity(self, name: str, *_: object) -> None:
        raise DataError(
            f"{self.path}, line {self.parser.CurrentLineNumber}: it declares the XML entity "
            f"{name!r}, which no translation memory needs and which can fill any memory; remove "
            "its DOCTYPE if you trust the file"
        )


def read_tmx(path: Path, language: str, codes: Mapping[str, str], left: Leftovers) -> Iterator[tuple[str, str]]:
    """Yield ``(English, other)`` from the units that hold both, the first segment of each.

    Args:
        path: ``.tmx`` or ``.tmx.gz``, in any encoding that its first line names.
        language: the other language.
        codes: see ``release_code``; a region (``EN-US``) is found by its language.
        left: counts the units that lack a language.

    Raises:
        DataError: the file is damaged, no TMX, declares entities, or no unit holds both languages; or one holds a
            language in several regions.
    """
    found: set[str] = set()
    kept = 0
    for line, unit in _units(path):
        found |= unit.keys()
        try:
            english, other = (unit[release_code(one, unit, codes, str(path))] for one in (ENGLISH, language))
        except AmbiguousCodeError:
            raise  # leaving such units out would lose text that is there
        except DataError:
            left.drop(line, "not in both languages", f"a unit in {', '.join(unit) or 'none'}")
            continue
        kept += 1
        yield english, other
    if not kept:
        for one in (ENGLISH, language):
            release_code(one, found, codes, str(path))
        raise DataError(f"{path}: no unit holds both English and {language}; found {found}")


def _units(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    units = Units(path)
    try:
        with open_bytes(path) as stream:
            while True:
                chunk = stream.read(CHUNK)
                units.parser.Parse(chunk, not chunk)
                if units.done and not units.is_tmx:
                    break
                yield from units.done
                units.done.clear()
                if not chunk:
                    break
    except ExpatError as error:
        raise DataError(
            f"{path}, line {error.lineno}: expected well-formed XML, found a fault at column "
            f"{error.offset + 1} ({error}); get the file anew"
        ) from None
    except DAMAGED as error:
        raise DataError(f"{path}: damaged gzip ({error}); get the file anew") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    if not units.is_tmx:
        raise DataError(f"{path}: expected a TMX file, found other XML; check the file")
