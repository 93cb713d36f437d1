"""Parallel sentences: ``parallel/<corpus>/en-<xx>.tsv[.gz]``, one ``English<TAB>other`` a line."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from mlalign.data.languages import canonical, codes_of
from mlalign.data.markup import has_entity, tell_of_entities
from mlalign.data.readers.leftovers import Leftovers, OnBadLine
from mlalign.data.text import read_lines
from mlalign.errors import DataError, did_you_mean

NAMES = ("en-{}.tsv", "en-{}.tsv.gz")


def find_corpora(root: Path) -> dict[str, list[str]]:
    """Return the corpora under ``<root>/parallel`` and the languages each has with English.

    Raises:
        DataError: there is no such folder.
    """
    folder = root / "parallel"
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; expected {folder.name}/<corpus>/en-<language>.tsv under data.root")
    corpora = {corpus.name: _languages(corpus) for corpus in sorted(folder.iterdir())}
    return {corpus: languages for corpus, languages in corpora.items() if languages}


def _languages(corpus: Path) -> list[str]:
    names = {path.name.removesuffix(".gz") for path in corpus.glob("en-*.tsv*") if path.is_file()}
    return sorted(name[len("en-") : -len(".tsv")] for name in names if name.endswith(".tsv"))


def one_code_each(folder: Path, codes: Sequence[str]) -> dict[str, str]:
    """Language, in its canonical form -> the code by which a corpus has it.

    Raises:
        DataError: it has several.
    """
    found: dict[str, str] = {}
    for code in codes:
        if (other := found.setdefault(canonical(code), code)) != code:
            raise DataError(
                f"{folder}: found en-{other}.tsv and en-{code}.tsv, which are both {canonical(code)}; keep one of "
                f"them, or say which is meant with data.languages=[{other}]"
            )
    return found


def parallel_path(root: Path, corpus: str, language: str) -> Path:
    """Return the file of English and one language, by whatever code its name has for it.

    Raises:
        DataError: the corpus or its language is not there, or is there twice.
    """
    folder = root / "parallel" / corpus
    codes = codes_of(language, _languages(folder))
    found = [path for code in codes for name in NAMES if (path := folder / name.format(code)).is_file()]
    if len(codes) > 1:
        one_code_each(folder, codes)
    if len(found) > 1:
        raise DataError(
            f"{folder}: expected one file of English and {language}, found "
            f"{' and '.join(path.name for path in found)}; keep one of them"
        )
    if found:
        return found[0]
    corpora = find_corpora(root)
    if corpus not in corpora:
        raise DataError(
            f"{folder}: no such corpus, named in data.parallel. There are: "
            f"{', '.join(corpora) or 'none'}{did_you_mean(corpus, corpora)}"
        )
    raise DataError(
        f"{folder}: no text in {language}, named in data.languages. The languages of {corpus}: "
        f"{', '.join(corpora[corpus])}{did_you_mean(language, corpora[corpus])}"
    )


def read_pairs(path: Path, *, on_bad_line: OnBadLine, dropped: Counter[str]) -> Iterator[tuple[str, str]]:
    """Yield the pairs of a file, without outer white space, one line at a time.

    Args:
        path: ``en-<xx>.tsv`` or ``en-<xx>.tsv.gz``; both sides of each line hold text.
        on_bad_line: ``error`` stops at the first faulty line, ``skip`` leaves it out.
        dropped: reason -> count of what was left out, added to.

    Raises:
        DataError: the file is not of this format, a line is not and ``on_bad_line`` is ``error``,
            or more lines are skipped than read.
    """
    left = Leftovers(path, on_bad_line, dropped)
    sides = f"English, {path.name.split('.')[0].removeprefix('en-')}"
    kept = encoded = 0
    for line, content in read_lines(path):
        fields = [field.strip() for field in content.split("\t")]
        if len(fields) != 2:
            problem = f"expected 2 tab-separated fields ({sides}), found {len(fields)}"
            left.bad(line, "wrong number of fields", problem)
        elif not all(fields):
            left.bad(line, "empty side", f"expected text on both sides ({sides}), found none on one")
        else:
            kept += 1
            encoded += has_entity(content)
            yield fields[0], fields[1]
    left.check(kept)
    tell_of_entities(path, encoded, kept)
