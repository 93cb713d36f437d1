"""A release of English and one language, whatever its form: which files, and the pairs in them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mlalign.data.corpora import moses
from mlalign.data.corpora.codes import matches
from mlalign.data.corpora.table import read_parquet, read_tsv
from mlalign.data.corpora.tmx import read_tmx
from mlalign.data.languages import ENGLISH
from mlalign.data.readers.leftovers import Leftovers
from mlalign.data.text import aligned_lines, read_lines
from mlalign.errors import DataError

FORMS = (".zip", ".tsv", ".tmx", ".parquet")


@dataclass(frozen=True)
class Form:
    """How a release writes what the project writes its own way."""

    columns: Sequence[str] = ()  # of English and the other language, in a table
    codes: Mapping[str, str] = field(default_factory=dict)  # language -> code of the release


def form_of(path: Path) -> str:
    """The ending that tells the form, without ``.gz``; ``.txt.zip`` is a zip."""
    return Path(path.name.casefold().removesuffix(".gz")).suffix


def find_release(place: Path, language: str, form: Form) -> dict[str, Path]:
    """The files of English and one language.

    Args:
        place: a file, or a folder with one file (or several shards of parquet) for each pair,
            named like ``de-en.txt.zip``, ``Name.en-de.tmx.gz`` or ``en-de/train-0.parquet``, or
            with the plain files ``X.en`` and ``X.de``.
        language: the other language.
        form: its codes.

    Returns:
        By their names inside the folder: the file, the shards in order of their names, or the two plain files, English
        first.

    Raises:
        DataError: there is nothing for this pair, or more than one thing.
    """
    if not place.exists():
        raise DataError(f"prepare.path={place}: no such file or folder; check the path")
    if not (place.is_file() or place.is_dir()):
        raise DataError(
            f"prepare.path={place}: expected a file or folder, found a pipe or device; write it into a file"
        )
    if place.is_file():
        if form_of(place) in FORMS:
            return {place.name: place}
        stem, _ = moses.split_name(place.name)
        return moses.find_files(place.parent, stem, language, form.codes)
    files = {str(path.relative_to(place)): path for path in sorted(place.rglob("*")) if path.is_file()}
    tables = {name: path for name, path in files.items() if form_of(path) in FORMS and not is_hidden(name)}
    found = {name: path for name, path in tables.items() if english_side(name, language, form.codes) is not None}
    if not tables:
        return moses.find_files(place, None, language, form.codes)
    if not found:
        raise DataError(
            f"{place}: expected a file of English and {language}, named like "
            f"{language}-en.txt.zip, found {', '.join(tables)}; name the file that is "
            f"meant with prepare.path=FILE, or its code with prepare.codes={{{language}: CODE}}"
        )
    if len(found) > 1 and any(form_of(path) != ".parquet" for path in found.values()):
        raise DataError(
            f"{place}: expected one file of English and {language}, found "
            f"{' and '.join(found)}; name the one that is meant with "
            "prepare.path=FILE"
        )
    return found


def read_release(files: Mapping[str, Path], language: str, form: Form, left: Leftovers) -> Iterator[tuple[str, str]]:
    """Yield the pairs ``(English, other)`` as they were released, empty sides and all.

    Args:
        files: as ``find_release`` returns them.
        language: the other language.
        form: columns and codes.
        left: counts what is no pair.

    Raises:
        DataError: a file is damaged, or lacks a language or a column.
    """
    paths = list(files.values())
    kind = form_of(paths[0])
    if kind not in FORMS:
        yield from ((english, other) for _, english, other in aligned_lines(paths, *map(read_lines, paths)))
        return
    for name, path in files.items():
        if kind == ".zip":
            yield from moses.read_zip(path, language, form.codes)
        elif kind == ".tmx":
            yield from read_tmx(path, language, form.codes, left)
        elif kind == ".parquet":
            yield from read_parquet(path, language, form.columns, form.codes)
        else:
            named = (english_side(one, language, form.codes) for one in (path.name, name))  # its folder comes second
            english_first = next((side for side in named if side is not None), 0) == 0
            yield from read_tsv(path, form.columns, english_first=english_first, left=left)


def is_hidden(name: str) -> bool:
    """Whether a path in a release is a program's own, such as what macOS and Jupyter leave beside files."""
    return any(part.startswith((".", "__MACOSX")) for part in name.split("/"))


def english_side(name: str, language: str, codes: Mapping[str, str]) -> int | None:
    """Which side of the pair is English in ``Name.de-en.tsv``: 0, 1, or None if no pair is there.

    A pair is two codes joined by a hyphen between dots, slashes or the ends, also behind a word
    and a hyphen (``News-en-de.tsv.gz``).
    """
    for part in name.replace("/", ".").split("."):
        pieces = part.split("-")
        for cut in range(1, len(pieces)):
            for start in range(cut):
                sides = ("-".join(pieces[start:cut]), "-".join(pieces[cut:]))
                for place in (0, 1):
                    if matches(sides[place], ENGLISH, codes) and matches(sides[1 - place], language, codes):
                        return place
    return None
