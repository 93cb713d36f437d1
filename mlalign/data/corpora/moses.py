"""Line-aligned text: a zip of OPUS with two members, or two plain files side by side."""

import gzip
import io
import re
import stat
import struct
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from mlalign.data.corpora.codes import release_code
from mlalign.data.languages import ENGLISH
from mlalign.data.text import aligned_lines, lines_of, what_it_is
from mlalign.errors import DataError

BESIDES = ("scores", "ids", "xml", "txt", "tsv", "md", "info", "zip", "json")  # hold no text
GZ = re.compile(r"\.gz$", re.IGNORECASE)


def read_zip(path: Path, language: str, codes: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield ``(English, other)`` from ``X.en-de.en[.gz]`` and ``X.en-de.de[.gz]`` inside a zip.

    Raises:
        DataError: the zip is damaged, or has no such members, or they differ in length.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {one.filename: one for one in archive.infolist() if _is_text(one)}
            sides = _side_by_side(str(path), members, language, codes)
            names = [f"{path}: {side}" for side in sides]
            texts = (lines_of(name, _opener(archive, members[side])) for name, side in zip(names, sides, strict=True))
            yield from ((english, other) for _, english, other in aligned_lines(names, *texts))
    except DataError:
        raise
    except zipfile.BadZipFile as error:
        raise DataError(
            f"{path}: expected a whole zip, found a damaged or other file ({error}); get it anew{what_it_is(path)}"
        ) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    except (RuntimeError, ValueError, struct.error) as error:  # a password, an unknown compression, a broken directory
        raise DataError(f"{path}: cannot be unpacked ({error}); unpack it into a folder and name that") from None


def _is_text(member: zipfile.ZipInfo) -> bool:
    """Whether a member can be text: with a name, neither a folder nor a link, whose content would be a path."""
    return bool(member.filename) and not (member.is_dir() or stat.S_ISLNK(member.external_attr >> 16))


def _opener(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Callable[[], BinaryIO]:
    """Opens a member, compressed again or not, where it is: nothing is unpacked to the disk, whatever path it names."""
    if GZ.search(member.filename):
        return lambda: cast(BinaryIO, gzip.open(archive.open(member)))
    return lambda: io.BufferedReader(cast(io.RawIOBase, archive.open(member)))


def find_files(folder: Path, stem: str | None, language: str, codes: Mapping[str, str]) -> dict[str, Path]:
    """The files ``stem.en[.gz]`` and ``stem.de[.gz]`` of a folder by their names, English first.

    Args:
        folder: where both lie.
        stem: what their names begin with; None if only one pair of them is there.
        language: the other language.
        codes: see ``release_code``.

    Raises:
        DataError: there are no such files, or several.
    """
    names = [path.name for path in sorted(folder.iterdir()) if path.is_file()]
    if stem is not None:
        names = [name for name in names if split_name(name)[0] == stem]
    return {name: folder / name for name in _side_by_side(str(folder), names, language, codes)}


def split_name(name: str) -> tuple[str, str]:
    """Cut ``X.en-de.zh_CN.gz`` into ``X.en-de`` and ``zh_CN``; the code is empty without a dot."""
    plain = PurePosixPath(GZ.sub("", name))
    return str(plain.with_suffix("")), plain.suffix.removeprefix(".")


def _side_by_side(where: str, names: Collection[str], language: str, codes: Mapping[str, str]) -> tuple[str, str]:
    """The names of both sides: the only ``X.en`` and ``X.de`` with the same ``X``."""
    by_stem: dict[str, dict[str, list[str]]] = {}
    for name in names:
        if PurePosixPath(name).name.startswith("._"):  # macOS keeps a file's attributes so, __MACOSX/ is full of them
            continue
        stem, code = split_name(name)
        if code and code.casefold() not in BESIDES:
            by_stem.setdefault(stem, {}).setdefault(code, []).append(name)
    if not by_stem:
        raise DataError(
            f"{where}: expected X.{ENGLISH} and X.{language}, or a file in .zip, .tsv, .tmx or "
            f".parquet, found {', '.join(sorted(names)) or 'nothing'}; name another one with prepare.path"
        )
    pairs = []
    for stem, sides in by_stem.items():
        try:
            of_english, of_other = (sides[release_code(one, sides, codes, where)] for one in (ENGLISH, language))
        except DataError:
            continue
        pairs.append((stem, of_english, of_other))
    if not pairs:
        everything = {code for sides in by_stem.values() for code in sides}
        release_code(ENGLISH, everything, codes, where)
        release_code(language, everything, codes, where)
        raise DataError(
            f"{where}: expected X.{ENGLISH} and X.{language} with the same X, found {', '.join(sorted(names))}; rename "
            "those that belong together"
        )
    if len(pairs) > 1:
        raise DataError(
            f"{where}: expected one pair of files in English and {language}, found "
            f"{' and '.join(sorted(stem for stem, _, _ in pairs))}; name one of the files, or "
            f"the code that is meant with prepare.codes={{{language}: CODE}}"
        )
    for found in pairs[0][1:]:
        if len(found) > 1:
            raise DataError(f"{where}: expected one file, found {' and '.join(sorted(found))}; take one of them away")
    _, (english,), (other,) = pairs[0]
    return english, other
