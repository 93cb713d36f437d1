"""A released corpus becomes ``en-<xx>.tsv.gz``: clean, without copies, cut to a sample, described.

The lines are in the order of a hash, so that they do not depend on the order of the release, and
the first so many of them are a uniform sample too.
"""

import gzip
import hashlib
import logging
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from mlalign.data.corpora.cleaning import clean, pair_key, plain
from mlalign.data.corpora.filters import Identify, Judge, Rules
from mlalign.data.corpora.released import read_release
from mlalign.data.corpora.sources import Source
from mlalign.data.corpora.spool import Lowest, Spool
from mlalign.data.languages import ENGLISH
from mlalign.data.manifest import Manifest
from mlalign.data.markup import has_entity
from mlalign.data.readers.leftovers import Leftovers, OnBadLine
from mlalign.errors import DataError
from mlalign.files import FULL, JsonObject, locked, publish, sha256_of
from mlalign.progress import Progress
from mlalign.wording import plural

log = logging.getLogger(__name__)

VERSION = 2  # raise it when other lines would be written for the same recipe
BEYOND = "beyond max_pairs"


@dataclass(frozen=True)
class Settings:
    """What shapes a prepared file, besides the release.

    Args:
        rules: which pairs are kept.
        max_pairs: size of the sample of every language; None for all pairs.
        seed: of the sample.
        on_bad_line: ``error`` stops at a line that is no pair, ``skip`` counts it.
        identify: name of the language identifier, or None.
    """

    rules: Rules
    max_pairs: int | None
    seed: int
    on_bad_line: OnBadLine
    identify: str | None


def prepare_corpus(
    root: Path,
    corpus: str,
    languages: Sequence[str],
    source: Source,
    settings: Settings,
    *,
    identify: Identify | None = None,
    keep_downloads: bool = True,
    progress: Callable[[str], Progress],
) -> dict[str, JsonObject]:
    """Write ``<root>/parallel/<corpus>/en-<xx>.tsv.gz`` and ``manifest.json`` beside them.

    What was prepared before with the same recipe is left as it is. Memory does not grow with the
    corpus: see ``spool``; the disk needs room for the kept pairs, uncompressed. Another process
    that prepares the same corpus waits.

    Args:
        root: the data root.
        corpus: its name there.
        languages: the target languages.
        source: gives the release of each.
        settings: what is kept.
        identify: the identifier that ``settings`` name.
        keep_downloads: whether fetched files stay. If not, a corpus may be larger than the disk,
            which needs room for the sample and the file that is being read.
        progress: a caption -> what wraps an iterable in a progress bar.

    Returns:
        Language -> its entry in the manifest.

    Raises:
        DataError: a release is not to be had or damaged, nothing is left of it, a file would be
            replaced that was not prepared here, or the disk is full.
    """
    folder = root / "parallel" / corpus
    with _disk_faults(root), locked(folder / ".lock"):
        for work in folder.glob(_work(folder, "*").name):  # of a process that was killed: others do not have the lock
            shutil.rmtree(work)
        manifest = Manifest.of(folder)
        for language in languages:
            manifest.refuse_stranger(_name(language))
        for language in languages:
            recipe = _recipe(source, language, settings)
            if _is_done(manifest, language, recipe):
                log.info("Found %s prepared", folder / _name(language))
                continue
            judge = Judge(settings.rules, language, identify)
            files = _Files(source, language, settings.on_bad_line, keep_downloads)
            entry = _prepare(folder, language, files, settings, judge, progress)
            entry |= {"version": source.version(), "licence": source.licence, "recipe": recipe}
            _finish(folder, language, manifest, entry)
        return {language: manifest.files[_name(language)] for language in languages}


def _is_done(manifest: Manifest, language: str, recipe: JsonObject) -> bool:
    name = _name(language)
    return manifest.has(name) and manifest.files[name].get("recipe") == recipe


def _name(language: str) -> str:
    return f"en-{language}.tsv.gz"


def _recipe(source: Source, language: str, settings: Settings) -> JsonObject:
    """Equal recipes give equal files."""
    codes = {one: code for one, code in source.form.codes.items() if one in (ENGLISH, language)}
    form = {"columns": list(source.form.columns), "codes": codes}
    recipe = {"version": VERSION, "source": source.identity(language), "form": form}
    return recipe | asdict(settings)


class _Files:
    """The files of a language, read one lot after the other.

    Attributes:
        inputs: name -> size and hash of those that were read.
        left: what was no pair in each lot.
    """

    def __init__(self, source: Source, language: str, on_bad_line: OnBadLine, keep: bool) -> None:
        self.source, self.language = source, language
        self.on_bad_line, self.keep = on_bad_line, keep
        self.inputs: dict[str, JsonObject] = {}
        self.left: list[Leftovers] = []

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Everything that was released."""
        for lot in self.source.files(self.language):
            for name, path in lot.items():
                self.inputs[name] = {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
            self.left.append(Leftovers(next(iter(lot.values())), self.on_bad_line))
            yield from read_release(lot, self.language, self.source.form, self.left[-1])
            if not self.keep:
                self.source.free(lot.values())


def _prepare(
    folder: Path,
    language: str,
    files: _Files,
    settings: Settings,
    judge: Judge,
    progress: Callable[[str], Progress],
) -> JsonObject:
    """Read, filter, sort and write; the result lies in the working folder."""
    work = _work(folder, language)
    try:
        (work / "spool").mkdir(parents=True)
        spool = Spool(work / "spool")
        pairs = progress(f"reading en-{language}")(files.pairs())
        mended: Counter[str] = Counter()
        dropped = _take(pairs, spool, settings, judge, mended)
        rows = dropped.total() + sum(left.count for left in files.left)
        dropped.pop("kept", None)
        for left in files.left:
            dropped += left.dropped
        lines = _sample(spool, settings.max_pairs, dropped)
        count = _write(work / _name(language), progress(f"writing en-{language}")(lines))
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    log.info("en-%s: %s of %s kept", language, f"{count:,}", plural(rows, "pair"))
    for what, number in mended.items():
        log.info("en-%s: %s mended: %s", language, plural(number, "pair"), what)
    if not count:
        reasons = ", ".join(f"{reason}: {number:,}" for reason, number in dropped.items())
        shutil.rmtree(work)
        raise DataError(
            f"{', '.join(files.inputs)}: no pair of English and {language} is left of {rows:,} "
            f"({reasons}); check that both sides are in the right languages, or loosen prepare.*"
        )
    return {
        "rows": count,
        "rows_in": rows,
        "sha256": sha256_of(work / _name(language)),
        "dropped": dict(sorted(dropped.items())),
        "mended": dict(mended),
        "inputs": files.inputs,
    }


def _take(
    released: Iterable[tuple[str, str]], spool: Spool, settings: Settings, judge: Judge, mended: Counter[str]
) -> Counter[str]:
    """Put what may be kept into the spool; count the pairs by what became of them, and those that were mended."""
    counts: Counter[str] = Counter()
    lowest = None if settings.max_pairs is None else Lowest(settings.max_pairs)
    for pair in released:
        mended.update(["HTML entities"] * any(map(has_entity, pair)))
        english, other = map(clean, pair)
        plain_english, plain_other = plain(english), plain(other)
        reason = judge.reason(english, other, plain_english, plain_other)
        if reason is None:
            key = pair_key(plain_english, plain_other, settings.seed)
            if lowest is None or lowest.may_hold(key):
                spool.add(key, f"{english}\t{other}\n".encode())
                reason = "kept"
            else:
                reason = BEYOND
        counts[reason] += 1
    return counts


def _sample(spool: Spool, size: int | None, dropped: Counter[str]) -> Iterator[bytes]:
    """One line of every pair, the lowest keys first, until there are enough."""
    count = 0
    for _, copies in spool.groups():
        if count == size:
            dropped[BEYOND] += len(copies)
            continue
        count += 1
        if len(copies) > 1:
            dropped["repeated"] += len(copies) - 1
        yield min(copies, key=_lot)


def _lot(line: bytes) -> bytes:
    """Which of several copies is kept: none for its case or length, and not the first for it."""
    return hashlib.blake2b(line, digest_size=8).digest()


def _write(path: Path, lines: Iterable[bytes]) -> int:
    """The same lines give the same bytes: neither name nor time is in the header."""
    count = 0
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as file:
        for line in lines:
            file.write(line)
            count += 1
    return count


def _finish(folder: Path, language: str, manifest: Manifest, entry: JsonObject) -> None:
    """Both take their final form; a file that its entry does not describe is prepared anew."""
    work, name = _work(folder, language), _name(language)
    manifest.record(name, **entry)
    publish(work / name, folder / name)
    shutil.rmtree(work)


def _work(folder: Path, language: str) -> Path:
    return folder / f".en-{language}.partial"


@contextmanager
def _disk_faults(root: Path) -> Iterator[None]:
    """What cannot be written below the root in words; a release that cannot be read is named by its own error."""
    try:
        yield
    except OSError as error:
        place = Path(error.filename or root)
        if not place.is_relative_to(root):
            raise
        full = "the preparation needs room for the kept pairs, uncompressed: make room"
        advice = full if error.errno in FULL else "choose another data.root, or mend this one,"
        raise DataError(
            f"{place}: cannot be written ({error.strerror or error}); {advice} and run the same command again. "
            "What was finished before is still there"
        ) from error
