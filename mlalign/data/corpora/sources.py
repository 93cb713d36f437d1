"""Where the release of a corpus comes from: a place on disk, OPUS, or the hub."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import Protocol

from mlalign.data.corpora.released import Form, find_release
from mlalign.data.hub.fetching import Repo, hub_file, hub_files, hub_repo
from mlalign.data.hub.web import fetch
from mlalign.data.languages import ENGLISH
from mlalign.errors import DataError
from mlalign.files import JsonObject, sha256_of

OPUS = "https://object.pouta.csc.fi"  # what OPUS itself links to
OPUS_VARIABLE = "MLALIGN_OPUS"  # another address with the same folders


class Source(Protocol):
    """Gives the files of English and one language."""

    @property
    def form(self) -> Form:
        """How it is written."""

    @property
    def licence(self) -> str:
        """Of the text."""

    def identity(self, language: str) -> JsonObject:
        """What the files are, without fetching them; equal for the same release."""

    def version(self) -> str:
        """Of what ``files`` gave: a version, a commit."""

    def files(self, language: str) -> Iterator[dict[str, Path]]:
        """Files that are read together, by their names in the release; each lot is fetched, unless it is there.

        Raises:
            DataError: they are not to be had.
        """

    def free(self, files: Iterable[Path]) -> None:
        """Make room on the disk: remove what was fetched, leave what is the user's."""


@dataclass(frozen=True)
class OnDisk:
    """A release that the user has: a file, or a folder with a file for each language."""

    place: Path
    form: Form
    licence: str = "as the release says"

    def identity(self, language: str) -> JsonObject:
        """Names and content."""
        return {name: sha256_of(path) for lot in self.files(language) for name, path in lot.items()}

    def version(self) -> str:
        """None but the content."""
        return "as on disk"

    def files(self, language: str) -> Iterator[dict[str, Path]]:
        """All of them, see ``find_release``."""
        yield find_release(self.place, language, self.form)

    def free(self, files: Iterable[Path]) -> None:
        """They are the user's."""


@dataclass(frozen=True)
class Opus:
    """A corpus of OPUS as line-aligned text, one zip for each pair of languages.

    Args:
        name: of the corpus, as OPUS writes it: ``CCMatrix``.
        release: its version: ``v1``.
        downloads: folder for the zips; a later preparation finds them there.
        form: codes that OPUS uses for this corpus.
        licence: of the text.
    """

    name: str
    release: str
    downloads: Path
    form: Form
    licence: str

    def identity(self, language: str) -> JsonObject:
        """The path on the server: a version of OPUS does not change."""
        return {"opus": self._path(language)}

    def version(self) -> str:
        """That of the release."""
        return self.release

    def files(self, language: str) -> Iterator[dict[str, Path]]:
        """The zip."""
        path = self._path(language)
        base = os.environ.get(OPUS_VARIABLE, OPUS).rstrip("/")
        target = self.downloads / path
        yield {target.name: fetch(f"{base}/{path}", target)}

    def free(self, files: Iterable[Path]) -> None:
        """Remove the zip."""
        for path in files:
            path.unlink()

    def _path(self, language: str) -> str:
        pair = sorted(self.form.codes.get(one, one) for one in (ENGLISH, language))
        return f"OPUS-{self.name}/{self.release}/moses/{'-'.join(pair)}.txt.zip"


@dataclass(frozen=True)
class Hub:
    """A data set of the hub that is kept as parquet or text, without a loading script.

    Args:
        repo: ``owner/name``.
        revision: a commit, or a branch that is looked up once.
        pattern: of the files of a pair, such as ``{pair}/train-*.parquet``; ``{pair}`` is both
            codes in alphabetical order, ``{language}`` the other one alone.
        form: columns and codes.
        licence: of the text.
    """

    repo: str
    revision: str
    pattern: str
    form: Form
    licence: str

    @cached_property
    def _repo(self) -> Repo:
        return hub_repo(self.repo, self.revision)

    @cached_property
    def _names(self) -> list[str]:
        return hub_files(self._repo)

    def identity(self, language: str) -> JsonObject:
        """Repository, revision as it was asked for, and names: known without a network."""
        return {"hub": self.repo, "revision": self.revision, "files": self._pattern(language)}

    def version(self) -> str:
        """The commit."""
        return self._repo.revision

    def files(self, language: str) -> Iterator[dict[str, Path]]:
        """The shards one by one, in order of their names."""
        pattern = self._pattern(language)
        names = [name for name in self._names if fnmatch(name, pattern)]
        if not names:
            folders = sorted({name.split("/")[0] for name in self._names if "/" in name})
            raise DataError(
                f"{self._repo}: expected files {pattern}, found the folders "
                f"{', '.join(folders) or 'none'}; this corpus has no text in {language}"
            )
        for name in names:
            yield {name: hub_file(self._repo, name)}

    def free(self, files: Iterable[Path]) -> None:
        """Remove shards from the hub's cache."""
        for path in files:
            path.resolve().unlink()  # what the cache's link leads to
            path.unlink(missing_ok=True)

    def _pattern(self, language: str) -> str:
        english, other = (self.form.codes.get(one, one) for one in (ENGLISH, language))
        return self.pattern.format(pair="-".join(sorted((english, other))), language=other)
