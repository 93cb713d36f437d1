"""TMX, the exchange format of translation memories: XML, read as a stream."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from xml.parsers.expat import ExpatError, ParserCreate

from mlalign.data.corpora.codes import AmbiguousCodeError, release_code
from mlalign.data.languages import ENGLISH
from mlalign.data.readers.leftovers import Leftovers
from mlalign.data.text import DAMAGED, LONGEST, excerpt, open_bytes, what_it_is
from mlalign.errors import DataError

CHUNK = 1 << 16
ENCODING = re.compile(r"utf-?(8|16)|(us-)?ascii|iso-8859-\d+|latin-?\d|(windows-|cp)125\d|koi8-[ru]", re.IGNORECASE)
INSTRUCTIONS = ("bpt", "ept", "ph", "it", "ut")  # codes of the editor's program, not text


class Unit(NamedTuple):
    """A translation unit.

    Attributes:
        line: it begins at.
        segments: code of a language -> its first segment.
        further: segments of languages that have one already.
    """

    line: int
    segments: dict[str, str]
    further: int


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
        self.parser.SkippedEntityHandler = self._undefined
        self.parser.XmlDeclHandler = self._declaration
        self.done: list[Unit] = []
        self.is_tmx = False
        self.unit = Unit(0, {}, 0)
        self.size = 0  # characters of the unit
        self.read = 0  # bytes
        self.code = ""
        self.segment: list[str] | None = None
        self.instructions = 0

    def parse(self, chunk: bytes) -> None:
        """Read on; an empty chunk is the end.

        Raises:
            DataError: see ``read_tmx``.
            ExpatError: it is no XML.
        """
        try:
            self.parser.Parse(chunk, not chunk)
        except (LookupError, UnicodeError) as error:  # of the encoding
            raise self._fault(f"expected text in the encoding that the file names ({error})") from None
        self.read += len(chunk)
        if self.read - self.parser.CurrentByteIndex > LONGEST:
            raise self._fault(f"expected at most {LONGEST} bytes in a tag, found more; get the file anew")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "tmx":
            self.is_tmx = True
        elif name == "tu":
            self.unit, self.size = Unit(self.parser.CurrentLineNumber, {}, 0), 0
        elif name == "tuv":
            self.code = attributes.get("xml:lang", attributes.get("lang", ""))
            self._count(len(self.code))
        elif name == "seg":
            self.segment = []
        elif name in INSTRUCTIONS:
            self.instructions += 1

    def _end(self, name: str) -> None:
        if name == "seg" and self.segment is not None:
            if self.code in self.unit.segments:
                self.unit = self.unit._replace(further=self.unit.further + 1)
            else:
                self.unit.segments[self.code] = "".join(self.segment)
            self.segment = None
        elif name == "tu":
            self.done.append(self.unit)
        elif name in INSTRUCTIONS:
            self.instructions -= 1

    def _text(self, text: str) -> None:
        if self.segment is not None and not self.instructions:
            self.segment.append(text)
            self._count(len(text))

    def _count(self, characters: int) -> None:
        self.size += characters
        if self.size > LONGEST:
            raise self._fault(f"expected at most {LONGEST} characters in a unit, found more; get the file anew")

    def _declaration(self, version: str, encoding: str | None, standalone: int) -> None:
        if encoding is not None and not ENCODING.fullmatch(encoding):
            raise self._fault(
                f"it names the encoding {excerpt(encoding)}, expected UTF-8, UTF-16 or one of single bytes; convert it "
                "with: iconv -f ENCODING -t UTF-8, and name UTF-8 in its first line"
            )

    def _entity(self, name: str, *_: object) -> None:
        raise self._fault(
            f"it declares the XML entity {name!r}, which no translation memory needs and which can fill any memory; "
            "remove its DOCTYPE if you trust the file"
        )

    def _undefined(self, name: str, is_parameter: bool) -> None:
        raise self._fault(
            f"the XML entity {name!r} is not defined in the file, so that its text is lost; write its character instead"
        )

    def _fault(self, problem: str) -> DataError:
        return DataError(f"{self.path}, line {self.parser.CurrentLineNumber}: {problem}")


def read_tmx(path: Path, language: str, codes: Mapping[str, str], left: Leftovers) -> Iterator[tuple[str, str]]:
    """Yield ``(English, other)`` from the units that hold both, the first segment of each.

    Args:
        path: ``.tmx`` or ``.tmx.gz``, in any encoding that its first line names.
        language: the other language.
        codes: see ``release_code``; a region (``EN-US``) is found by its language.
        left: counts the units that lack a language, and the segments of a language after its first.

    Raises:
        DataError: the file is damaged, no TMX, declares entities or has some that nothing declares, is in an encoding
            that cannot be read, or no unit holds both languages; or one holds a language in several regions, or more
            text than a line may have.
    """
    found: set[str] = set()
    kept = 0
    for line, unit, further in _units(path):
        found |= unit.keys()
        for _ in range(further):
            left.drop(line, "further segment of a language", "a second segment in one language")
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
        raise DataError(
            f"{path}: expected units with both English and {language}, found each alone ({', '.join(sorted(found))}); "
            "check that this is the right file"
        )


def _units(path: Path) -> Iterator[Unit]:
    units = Units(path)
    try:
        with open_bytes(path) as stream:
            while True:
                chunk = stream.read(CHUNK)
                units.parse(chunk)
                if units.done and not units.is_tmx:
                    break
                yield from units.done
                units.done.clear()
                if not chunk:
                    break
    except ExpatError as error:
        raise DataError(
            f"{path}, line {error.lineno}: expected well-formed XML, found a fault at column "
            f"{error.offset + 1} ({error}); get the file anew{what_it_is(path)}"
        ) from None
    except DAMAGED as error:
        raise DataError(f"{path}: damaged gzip ({error}); get the file anew") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    if not units.is_tmx:
        raise DataError(f"{path}: expected a TMX file, found other XML; check the file")
