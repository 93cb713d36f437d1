"""Lines of UTF-8 text files, plain or gzip, and words for what is wrong with them."""

import gzip
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from mlalign.errors import DataError

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MARKS = {  # first bytes of a file -> what to do with it
    b"\x1f\x8b": "This is gzip: give it a name that ends in .gz",
    b"PK\x03\x04": "This is a zip: unpack it, or give it a name that ends in .zip",
    b"\x28\xb5\x2f\xfd": "This is Zstandard: unpack it with unzstd",
    b"\xfd7zXZ": "This is xz: unpack it with unxz",
    b"BZh": "This is bzip2: unpack it with bunzip2",
    b"\xff\xfe": "Convert it with: iconv -f UTF-16 -t UTF-8",
    b"\xfe\xff": "Convert it with: iconv -f UTF-16 -t UTF-8",
}
DAMAGED = (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, EOFError)


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    r"""Yield ``(line number, line)``, the first line being 1, without the line end.

    Lines end in ``\n`` or ``\r\n`` and in nothing else: U+2028, form feeds and their like are
    ordinary characters of a sentence. A byte order mark at the start is removed. One line is held
    at a time, so that memory does not grow with the file.

    Args:
        path: a UTF-8 file, compressed with gzip if its name ends in ``.gz``.

    Raises:
        DataError: the file is missing, a folder, unreadable, empty, no UTF-8 or broken gzip.
    """
    yield from lines_of(str(path), partial(open_bytes, path))


def lines_of(name: str, open_stream: Callable[[], BinaryIO]) -> Iterator[tuple[int, str]]:
    """The lines of anything that opens as bytes; ``read_lines`` says what a line is.

    Args:
        name: of the file, or of the archive and the member in it, for the messages.
        open_stream: called once, when the first line is asked for.

    Raises:
        DataError: see ``read_lines``; or the archive is damaged.
    """
    number = 0
    try:
        with open_stream() as stream:
            for number, raw in enumerate(stream, start=1):
                if number == 1:
                    raw = raw.removeprefix(BYTE_ORDER_MARK)
                yield number, raw.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8")
    except FileNotFoundError:
        raise DataError(f"{name}: no such file; check data.root and the name") from None
    except IsADirectoryError:
        raise DataError(f"{name}: expected a file, found a folder") from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"{name}, line {number}: expected UTF-8, found the byte "
            f"0x{error.object[error.start]:02x} at byte {error.start + 1} of the line.\n"
            f"{_advice(error.object if number == 1 else b'')}"
        ) from None
    except DAMAGED as error:
        raise DataError(
            f"{name}, after line {number}: expected {'zip' if '.zip' in name else 'gzip'}, as its "
            f"name says, found damaged or other data ({error}); get the file anew"
        ) from None
    except OSError as error:
        raise DataError(f"{name}: cannot be read ({error.strerror})") from None
    if not number:
        raise DataError(f"{name}: expected lines of text, found an empty file; get it anew")


def _advice(start: bytes) -> str:
    """What to do with a file that is no UTF-8, by its first bytes."""
    for mark, found in MARKS.items():
        if start.startswith(mark):
            return found
    return "Find out which encoding it has, and convert it with: iconv -f ENCODING -t UTF-8"


def open_bytes(path: Path) -> BinaryIO:
    """The content of a file, without gzip if its name ends in ``.gz``."""
    return cast(BinaryIO, gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def excerpt(text: str, length: int = 40) -> str:
    """Quote the beginning of a text for a message."""
    return repr(text if len(text) <= length else f"{text[:length]}…")
