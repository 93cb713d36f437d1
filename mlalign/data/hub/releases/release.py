"""A task's release on the hub, brought into its original layout on disk."""

import fnmatch
import hashlib
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mlalign.data.hub.faults import in_words
from mlalign.data.hub.fetching import Repo, hub_file, hub_files, hub_repo, script_instead
from mlalign.data.hub.releases.converters import Converter
from mlalign.data.languages import ENGLISH, codes_of
from mlalign.data.manifest import Manifest
from mlalign.data.readers import AnyExample, Format, PartName
from mlalign.data.readers.format import HOLE
from mlalign.data.sizes import Sizes, check_rows
from mlalign.errors import ConfigError, DataError, did_you_mean
from mlalign.files import locked, replacing
from mlalign.progress import Progress

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Release:
    """Where a task's files lie on the hub.

    Args:
        repo: its name.
        revision: a commit, tag or branch.
        files: for every part, the names of its files, ``{}`` being the language as the task's
            format calls it and ``*`` anything.
        languages: those that are meant by ``available``; None for all that the hub has.
    """

    repo: str
    revision: str
    files: Mapping[PartName, str]
    languages: Sequence[str] | None = None

    def sources(self, names: Sequence[str], part: PartName, language: str) -> list[str]:
        """The files of a part in a language, given the names of all files."""
        return sorted(fnmatch.filter(names, self.files[part].replace(HOLE, language)))

    def languages_in(self, names: Sequence[str]) -> list[str]:
        """The languages with a test part, by the names that the release has for them."""
        before, _, after = self.files["test"].partition(HOLE)
        pattern = re.compile(f"{re.escape(before)}([^/.][^/]*){fnmatch.translate(after.replace(HOLE, '*'))}")
        return sorted({found[1] for name in names if (found := pattern.match(name))})


@dataclass(frozen=True)
class Layout:
    """How a prepared task lies on disk.

    Args:
        folder: of the task.
        format: names its files and languages.
        converter: writes them.
        labels: the task's labels, in the order of their numbers.
        sizes: rows of the official release.
    """

    folder: Path
    format: Format[AnyExample]
    converter: Converter
    labels: Sequence[str]
    sizes: Sizes

    def codes(self, names: Iterable[str]) -> list[str]:
        """The codes of languages, given the release's names for them."""
        return [self.format.codes.get(name, name) for name in names]


def prepare_release(
    release: Release,
    layout: Layout,
    languages: Sequence[str] | None,
    *,
    licence: str,
    progress: Progress,
    beside: Mapping[PartName, Sequence[str] | None] | None = None,
    source: str = ENGLISH,
) -> list[str]:
    """Write what a run needs and the folder lacks: the source's train and dev, all test parts, and what tunings read.

    What is there from the same revision stays, so an interrupted preparation goes on, without a
    network if nothing is missing. Processes that prepare the same task wait for each other.

    Args:
        release: on the hub.
        layout: on disk.
        languages: to be tested in; None for all that the release has.
        licence: noted in the manifest.
        progress: wraps the files to be made, to show how far it is.
        beside: further parts -> their target languages, None for all that are tested; those that the release
            does not have are left out.
        source: the language that is learned.

    Returns:
        The languages with a test part, the source first.

    Raises:
        ConfigError: a language may be several of the release's.
        DataError: the hub does not give the files, they are not what the release promises, or the
            disk is full.
    """
    try:
        with locked(layout.folder.with_name(f".{layout.folder.name}.lock")):
            return Preparation(release, layout, licence).make(languages, progress, beside or {}, source)
    except OSError as error:
        raise DataError(f"{layout.folder}: {in_words(error) or error}") from error


class Preparation:
    """One preparation of one task, while it has the lock."""

    def __init__(self, release: Release, layout: Layout, licence: str) -> None:
        self.release, self.layout = release, layout
        self.before = Manifest.of(layout.folder)
        asked = {"repo": release.repo, "revision": release.revision, "licence": licence}
        self.is_other = {key: self.before.source.get(key) for key in asked} != asked
        self.manifest = self.before
        if self.is_other:
            self.manifest = Manifest(layout.folder, asked)

    def make(
        self,
        languages: Sequence[str] | None,
        progress: Progress,
        beside: Mapping[PartName, Sequence[str] | None],
        source: str,
    ) -> list[str]:
        """See ``prepare_release``."""
        if languages is None:
            languages = self.release.languages or self._all_languages()
        else:
            languages = [self._code_of(one) for one in languages]
        if source != ENGLISH:
            source = self._code_of(source)
        order = sorted(languages, key=lambda language: (language != source, language))
        wanted: list[tuple[PartName, str]] = [("test", language) for language in order]
        if "train" in self.release.files:
            wanted = [("train", source), ("dev", source), *wanted]
        for part, chosen in beside.items():
            held = self._holding(part)
            if held in self.release.files:
                asked = order if chosen is None else map(self._code_of, chosen)
                wanted += [(held, one) for one in asked if one != source]
        wanted = list(dict.fromkeys(wanted))
        missing = [one for one in wanted if not self.manifest.has(self.layout.format.name(*one))]
        for part, language in missing:
            self.before.refuse_stranger(self.layout.format.name(part, language))
        if missing:
            repo, names = self._on_the_hub
            found = [(one, self._sources(names, *one)) for one in missing]
            if self.is_other and self.before.files:
                log.info("%s: another revision is asked for: it is made anew", self.layout.folder)
                self.before.remove_files()
            for (part, language), sources in progress(found):
                self._write(repo, part, language, sources)
        return order

    def _holding(self, part: PartName) -> PartName:
        """The part whose file holds a part: train for translations, where all languages say the same."""
        names = self.layout.format.names
        return "train" if names.get(part) and names[part] == names["train"] else part

    def _code_of(self, language: str) -> str:
        """By which code the release has a language; as it was asked for where it has none."""
        folder, format = self.layout.folder, self.layout.format
        found = codes_of(language, format.languages(folder) if folder.is_dir() else [])
        found = found or codes_of(language, self.layout.codes(self.release.languages_in(self._on_the_hub[1])))
        if len(found) > 1:
            raise ConfigError(f"{language} may be {' or '.join(found)} in {self.release.repo}; name one")
        return found[0] if found else language

    @cached_property
    def _on_the_hub(self) -> tuple[Repo, list[str]]:
        """The repository, at the commit that the files at hand come from, and its files."""
        commit = self.manifest.source.get("commit", self.release.revision)
        repo = hub_repo(self.release.repo, commit)
        names = hub_files(repo)
        if advice := script_instead(repo, names):
            raise DataError(f"{repo}: {advice}")
        self.manifest.source["commit"] = repo.revision
        return repo, names

    def _all_languages(self) -> list[str]:
        """All with a test part, as the hub said when it was first asked."""
        if "languages" not in self.manifest.source:
            found = self.release.languages_in(self._on_the_hub[1])
            if not found:
                raise DataError(
                    f"hub dataset {self.release.repo}: no files like {self.release.files['test']}; "
                    "the release has changed, set task.release.files"
                )
            self.manifest.source["languages"] = self.layout.codes(found)
        return list(self.manifest.source["languages"])

    def _sources(self, names: Sequence[str], part: PartName, language: str) -> list[str]:
        found = self.release.sources(names, part, self.layout.format.called(language))
        if not found:
            there = self.layout.codes(self.release.languages_in(names))
            raise DataError(
                f"hub dataset {self.release.repo}: no {part} part in {language}. Languages with a "
                f"test part: {', '.join(there) or 'none'}{did_you_mean(language, there)}"
            )
        return found

    def _write(self, repo: Repo, part: PartName, language: str, sources: Sequence[str]) -> None:
        """One file, under another name until it is whole and its rows are counted."""
        name = self.layout.format.name(part, language)
        target = self.layout.folder / name
        paths = [hub_file(repo, one) for one in sources]
        with replacing(target) as partial:
            rows, digest = write_rows(partial, self._rows(paths, part, language))
            rows -= bool(self.layout.converter.header)
            check_rows(
                rows,
                self.layout.sizes,
                part,
                language,
                where=f"{repo}: {', '.join(sources)}",
                strict=True,
            )
            self.manifest.record(name, rows=rows, sha256=digest, sources=list(sources))

    def _rows(self, paths: Sequence[Path], part: PartName, language: str) -> Iterator[str]:
        converter, called = self.layout.converter, self.layout.format.called(language)
        if converter.header:
            yield converter.header
        for path in paths:
            yield from converter.rows(path, self.layout.labels, language=called, part=part)


def write_rows(path: Path, rows: Iterable[str]) -> tuple[int, str]:
    """Write a file; returns how many pieces were written, and its sha256."""
    digest, count = hashlib.sha256(), 0
    with path.open("wb") as file:
        for row in rows:
            content = row.encode()
            digest.update(content)
            file.write(content)
            count += 1
    return count, digest.hexdigest()
