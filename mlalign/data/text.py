"""Lines of UTF-8 text files, plain or gzip, and words for what is wrong with them."""

import gzip
import json
import lzma
import math
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import BinaryIO, NoReturn, cast

from mlalign.errors import DataError, did_you_mean
from mlalign.files import Json

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
LONGEST = 1 << 24  # bytes of a line: no sentence and no document has as many, a bomb of a small archive has more
LARGEST = 1 << 27  # bytes of a text that is held whole
START = 512  # bytes by which a file is known
DISGUISES = {  # what a file begins with -> what it is, and what to do with it
    re.compile(rb"\x1f\x8b"): "This is gzip: unpack it, or give it a name that ends in .gz",
    re.compile(rb"PK\x03\x04"): "This is a zip: unpack it, or give it a name that ends in .zip",
    re.compile(rb"\x28\xb5\x2f\xfd"): "This is Zstandard: unpack it with unzstd",
    re.compile(rb"\xfd7zXZ\x00"): "This is xz: unpack it with unxz",
    re.compile(rb"BZh[1-9]1AY&SY"): "This is bzip2: unpack it with bunzip2",
    re.compile(rb"PAR1"): "This is parquet: give it a name that ends in .parquet",
    re.compile(rb"%PDF-"): "This is a PDF: get the text itself",
    re.compile(rb"\xff\xfe|\xfe\xff"): "This is UTF-16: convert it with: iconv -f UTF-16 -t UTF-8",
    re.compile(rb"version https://git-lfs\.github\.com/"): (
        "This is a pointer of Git LFS and not the file: get the file with git lfs pull"
    ),
    re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype html|html[\s>])", re.IGNORECASE): (
        "This is a web page, perhaps a server's error: get the file itself"
    ),
}
DAMAGED = (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError)
SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")  # in JSON half of a character beyond U+FFFF


def read_lines(path: Path, *, longest: int = LONGEST) -> Iterator[tuple[int, str]]:
    r"""Yield ``(line number, line)``, the first line being 1, without the line end.

    Lines end in ``\n`` or ``\r\n`` and in nothing else: U+2028, form feeds and their like are
    ordinary characters of a sentence. A byte order mark at the start is removed. One line is held
    at a time, so that memory does not grow with the file.

    Args:
        path: a UTF-8 file, compressed with gzip if its name ends in ``.gz``.
        longest: bytes of a line.

    Raises:
        DataError: the file is missing, a folder, a pipe, unreadable, empty, no UTF-8, broken gzip or of another kind
            than its name says; its lines end in carriage returns, or one is longer than ``longest``.
    """
    yield from lines_of(str(path), partial(open_bytes, path), longest=longest)


def count_lines(path: Path) -> int:
    """How many lines a file has, damaged or not; quicker than to read them.

    Raises:
        DataError: see ``read_lines``, but for what is wrong with a line.
    """
    try:
        lines, block = 0, b"\n"
        with open_bytes(path) as stream:
            for block in iter(partial(stream.read, 1 << 20), b""):
                lines += block.count(b"\n")
        return lines + (not block.endswith(b"\n"))  # the last line need not end
    except (OSError, *DAMAGED):
        return sum(1 for _ in read_lines(path))  # which says what is wrong


def lines_of(name: str, open_stream: Callable[[], BinaryIO], *, longest: int = LONGEST) -> Iterator[tuple[int, str]]:
    """The lines of anything that opens as bytes; ``read_lines`` says what a line is.

    Args:
        name: of the file, or of the archive and the member in it, for the messages.
        open_stream: called once, when the first line is asked for.
        longest: bytes of a line.

    Raises:
        DataError: see ``read_lines``; or the archive is damaged.
    """
    number = 0
    try:
        with open_stream() as stream:
            for number, raw in enumerate(iter(partial(stream.readline, longest + 1), b""), start=1):
                content = raw.removesuffix(b"\n").removesuffix(b"\r")
                if len(raw) > longest or (number == 1 and raw[-1:] != b"\n" and b"\r" in content):
                    raise DataError(f"{name}, line {number}: {_no_line(content, longest)}")
                if number == 1:
                    refuse_disguise(name, raw)
                    content = content.removeprefix(BYTE_ORDER_MARK)
                yield number, content.decode("utf-8")
    except FileNotFoundError:
        raise DataError(f"{name}: no such file; check data.root and the name") from None
    except IsADirectoryError:
        raise DataError(f"{name}: expected a file, found a folder; name a file in it") from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"{name}, line {number}: expected UTF-8, found the byte "
            f"0x{error.object[error.start]:02x} at byte {error.start + 1} of the line.\n"
            "Find out which encoding it has, and convert it with: iconv -f ENCODING -t UTF-8"
        ) from None
    except DAMAGED as error:
        raise DataError(
            f"{name}, after line {number}: expected {'gzip' if name.casefold().endswith('.gz') else 'zip'}, as its "
            f"name says, found damaged or other data ({error}); get the file anew"
        ) from None
    except OSError as error:
        raise DataError(f"{name}: cannot be read ({error.strerror or error})") from None
    if not number:
        raise DataError(f"{name}: expected lines of text, found an empty file; get it anew")


def aligned_lines(names: Sequence[object], *texts: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str, str]]:
    """Yield number and content of the lines of two texts that translate each other.

    Args:
        names: of both, for the message.
        texts: see ``read_lines``.

    Raises:
        DataError: one has more lines than the other.
    """
    lines = (0, 0)
    for (line, one), (other_line, two) in zip_longest(*texts, fillvalue=(0, "")):
        lines = max(lines[0], line), max(lines[1], other_line)
        if line and other_line:
            yield line, one, two
    if lines[0] != lines[1]:
        raise DataError(
            f"{names[0]}: expected as many lines as {names[1]}, found {lines[0]} and "
            f"{lines[1]}; the lines of a pair must translate each other. Get both files anew"
        )


def _no_line(content: bytes, longest: int) -> str:
    """What is wrong with a line that must be several, or none."""
    if b"\r" in content:
        return "expected line ends \\n or \\r\\n, found \\r alone; convert the file with: tr '\\r' '\\n'"
    return f"expected at most {longest} bytes in a line, found more; this is no text in lines, get the file anew"


def read_text(path: Path, *, most: int = LARGEST) -> str:
    """The whole of a file of lines, for formats whose lines mean nothing.

    Raises:
        DataError: see ``read_lines``; or it has more than ``most`` bytes.
    """
    lines, size = [], 0
    for _, line in read_lines(path, longest=most):
        lines.append(line)
        size += len(line) + 1
        if size > most:
            raise DataError(f"{path}: expected at most {most} bytes, found more; check that this is the right file")
    return "\n".join(lines)


def disguise_of(start: bytes) -> str | None:
    """What is of another kind than its name says, by its first bytes, and what to do with it."""
    return next((found for form, found in DISGUISES.items() if form.match(start)), None)


def refuse_disguise(name: str, start: bytes) -> None:
    """Refuse what is of another kind than its name says.

    Raises:
        DataError: with what it is and what to do with it.
    """
    found = disguise_of(start)
    if found is not None:
        line = excerpt(start.decode("utf-8", "replace").split("\n")[0])
        raise DataError(f"{name}: expected lines of text, found {line}. {found}")


def what_it_is(path: Path) -> str:
    """A sentence for the message about a file that could not be read as what its name says; empty if it is that."""
    found = disguise_of(start_of(path))
    return f". {found}" if found is not None and path.suffix.casefold() not in found else ""


def require_file(path: Path) -> Path:
    """A path whose name is that of a file of data.

    Raises:
        DataError: it is none.
    """
    if not path.is_file():
        kind = "a folder" if path.is_dir() else "a pipe or device" if path.exists() else "a link to nothing"
        raise DataError(f"{path}: expected a file, found {kind}; put the file there, or take this away")
    return path


def start_of(path: Path) -> bytes:
    """The first bytes of a file as it lies on the disk.

    Raises:
        DataError: it is neither a file nor a folder: a pipe would be waited for, and a device need not end.
        OSError: it cannot be read.
    """
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise DataError(f"{path}: expected a file, found a pipe or device; write what it gives into a file first")
    with path.open("rb") as file:
        return file.read(START)


def open_bytes(path: Path) -> BinaryIO:
    """The content of a file, without gzip if its name ends in ``.gz``.

    Raises:
        DataError: it is no file, or no gzip but of another known kind.
        OSError: it cannot be read.
    """
    start = start_of(path)
    if path.suffix.casefold() != ".gz":
        return path.open("rb")
    if not start.startswith(b"\x1f\x8b"):
        refuse_disguise(str(path), start)
    return cast(BinaryIO, gzip.open(path))


def parse_json(text: str) -> Json:
    """A value of strict JSON: finite numbers, whole characters, no deeper than can be read.

    Raises:
        ValueError: it is none.
    """
    try:
        value = json.loads(text, parse_constant=_no_number, parse_float=_finite)
        if SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()  # a character that is half is no UTF-8
    except RecursionError:
        raise ValueError("nested too deep") from None
    return value


def _no_number(found: str) -> NoReturn:
    raise ValueError(f"{found[:40]} is no number of JSON")


def _finite(found: str) -> float:
    value = float(found)
    return value if math.isfinite(value) else _no_number(found)


def require_columns(where: str, columns: Collection[str], there: Sequence[str], advice: str) -> None:
    """Look for columns of a table.

    Raises:
        DataError: one is not there; ``advice`` says what to do.
    """
    lacking = next((column for column in columns if column not in there), None)
    if lacking is not None:
        found = f"{shortened(', '.join(there))}{did_you_mean(lacking, there)}"
        raise DataError(f"{where}: expected the columns {', '.join(columns)}, found {found}; {advice}")


def shortened(text: str, length: int = 200) -> str:
    """The beginning of what a file may make as long as it likes, for a message."""
    return text if len(text) <= length else f"{text[:length]}…"


def excerpt(text: str, length: int = 40) -> str:
    """Quote the beginning of a text for a message."""
    return repr(shortened(text, length))
