"""Parallel sentences: ``parallel/<corpus>/en-<xx>.tsv[.gz]``, one ``English<TAB>other`` a line; of other pairs too."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from mlalign.data.languages import ENGLISH, canonical, codes_of
from mlalign.data.readers.leftovers import Leftovers, OnBadLine
from mlalign.data.text import read_lines, require_file
from mlalign.errors import DataError, did_you_mean

NAMES = ("en-{}.tsv", "en-{}.tsv.gz")


def find_corpora(root: Path, pivot: str = ENGLISH) -> dict[str, list[str]]:
    """Return the corpora under ``<root>/parallel`` and the languages each has with the pivot.

    Raises:
        DataError: there is no such folder.
    """
    folder = root / "parallel"
    if not folder.is_dir():
        raise DataError(
            f"{folder}: no such folder; expected {folder.name}/<corpus>/{pivot}-<language>.tsv under data.root"
        )
    corpora = {corpus.name: _languages(corpus, pivot) for corpus in sorted(folder.iterdir())}
    return {corpus: languages for corpus, languages in corpora.items() if languages}


def _languages(corpus: Path, pivot: str) -> list[str]:
    found = (other_side(path.name, pivot) for path in corpus.glob("*-*"))
    return sorted({one for one in found if one is not None})


def other_side(name: str, pivot: str) -> str | None:
    """The language that a file has with the pivot; None for another file. English is always the first in a name."""
    pair = re.sub(r"\.tsv(\.gz)?$", "", name, flags=re.IGNORECASE)
    if pair == name or name.startswith("."):  # macOS keeps a file's attributes in ._en-de.tsv
        return None
    if pair.casefold().startswith(f"{pivot}-".casefold()):
        return pair[len(pivot) + 1 :] or None
    is_last = pivot != ENGLISH and pair.casefold().endswith(f"-{pivot}".casefold())
    return (pair[: -len(pivot) - 1] or None) if is_last else None


def is_reversed(path: Path, pivot: str) -> bool:
    """Whether the pivot is the second side of a file."""
    return pivot != ENGLISH and not path.name.casefold().startswith(f"{pivot}-".casefold())


def called(pivot: str) -> str:
    """The pivot in a message."""
    return "English" if pivot == ENGLISH else pivot


def one_code_each(folder: Path, codes: Sequence[str], pivot: str = ENGLISH) -> dict[str, str]:
    """Language, in its canonical form -> the code by which a corpus has it.

    Raises:
        DataError: it has several.
    """
    found: dict[str, str] = {}
    for code in codes:
        if (other := found.setdefault(canonical(code), code)) != code:
            raise DataError(
                f"{folder}: found {pivot}-{other}.tsv and {pivot}-{code}.tsv, which are both {canonical(code)}; keep "
                f"one of them, or say which is meant with data.languages=[{other}]"
            )
    return found


def parallel_path(root: Path, corpus: str, language: str, pivot: str = ENGLISH) -> Path:
    """Return the file of the pivot and one language, by whatever code its name has for it.

    Raises:
        DataError: the corpus or its language is not there, there twice, or no file.
    """
    folder = root / "parallel" / corpus
    codes = codes_of(language, _languages(folder, pivot))
    found = sorted(path for path in folder.glob("*-*") if other_side(path.name, pivot) in codes)
    if len(codes) > 1:
        one_code_each(folder, codes, pivot)
    if len(found) > 1:
        raise DataError(
            f"{folder}: expected one file of {called(pivot)} and {language}, found "
            f"{' and '.join(path.name for path in found)}; keep one of them"
        )
    if found:
        return require_file(found[0])
    corpora = find_corpora(root, pivot)
    if corpus not in corpora and pivot != ENGLISH and corpus in find_corpora(root):
        raise DataError(
            f"{folder}: no pairs with data.pivot={pivot}; expected {pivot}-<language>.tsv. Leave data.pivot=en for its "
            "pairs with English"
        )
    if corpus not in corpora:
        raise DataError(
            f"{folder}: no such corpus, named in data.parallel. There are: "
            f"{', '.join(corpora) or 'none'}{did_you_mean(corpus, corpora)}"
        )
    raise DataError(
        f"{folder}: no text in {language}, named in data.languages. The languages of {corpus}: "
        f"{', '.join(corpora[corpus])}{did_you_mean(language, corpora[corpus])}"
    )


def read_pairs(
    path: Path, *, on_bad_line: OnBadLine, dropped: Counter[str], pivot: str = ENGLISH
) -> Iterator[tuple[str, str]]:
    """Yield the pairs of a file, the pivot first, without outer white space, one line at a time.

    Args:
        path: ``en-<xx>.tsv`` or ``en-<xx>.tsv.gz``, or of another pair; both sides of each line hold text.
        on_bad_line: ``error`` stops at the first faulty line, ``skip`` leaves it out.
        dropped: reason -> count of what was left out, added to.
        pivot: the language that comes first in what is yielded.

    Raises:
        DataError: the file is not of this format, a line is not and ``on_bad_line`` is ``error``,
            or more lines are skipped than read.
    """
    left = Leftovers(path, on_bad_line, dropped)
    name = path.name.split(".")[0]
    sides = f"English, {name.removeprefix('en-')}" if name.startswith("en-") else name.replace("-", ", ", 1)
    swapped = is_reversed(path, pivot)
    kept = 0
    for line, content in read_lines(path):
        fields = [field.strip() for field in content.split("\t")]
        if len(fields) != 2:
            problem = f"expected 2 tab-separated fields ({sides}), found {len(fields)}"
            left.bad(line, "wrong number of fields", problem)
        elif not all(fields):
            left.bad(line, "empty side", f"expected text on both sides ({sides}), found none on one")
        else:
            kept += 1
            yield (fields[1], fields[0]) if swapped else (fields[0], fields[1])
    left.check(kept)
