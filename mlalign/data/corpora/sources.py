"""Where the release of a corpus comes from: a place on disk, OPUS, or the hub."""

import os
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from mlalign.data.corpora.codes import ENGLISH
from mlalign.data.corpora.released import Form, find_release
from mlalign.data.files import sha256_of
from mlalign.data.hub import Repo, hub_file, hub_files, hub_repo
from mlalign.data.web import fetch
from mlalign.errors import DataError

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

    def identity(self, language: str) -> dict[str, Any]:
        """What the files are, without fetching them; equal for the same release."""

    def version(self) -> str:
        """Of what ``files`` gave: a version, a commit."""

    def files(self, language: str) -> list[Path]:
        """The files on disk, fetched unless they are there.

        Raises:
            DataError: they are not to be had.
        """


@dataclass(frozen=True)
class OnDisk:
    """A release that the user has: a file, or a folder with a file for each language."""

    place: Path
    form: Form
    licence: str = "as the release says"

    def identity(self, language: str) -> dict[str, Any]:
        """Names and content."""
        return {path.name: sha256_of(path) for path in self.files(language)}

    def version(self) -> str:
        """None but the content."""
        return "as on disk"

    def files(self, language: str) -> list[Path]:
        """See ``find_release``."""
        return find_release(self.place, language, self.form)


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

    def identity(self, language: str) -> dict[str, Any]:
        """The path on the server: a version of OPUS does not change."""
        return {"opus": self._path(language)}

    def version(self) -> str:
        """That of the release."""
        return self.release

    def files(self, language: str) -> list[Path]:
        """The zip."""
        path = self._path(language)
        base = os.environ.get(OPUS_VARIABLE, OPUS).rstrip("/")
        return [fetch(f"{base}/{path}", self.downloads / path)]

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

    def identity(self, language: str) -> dict[str, Any]:
        """Repository, revision as it was asked for, and names: known without a network."""
        return {"hub": self.repo, "revision": self.revision, "files": self._pattern(language)}

    def version(self) -> str:
        """The commit."""
        return self._repo.revision

    def files(self, language: str) -> list[Path]:
        """The shards, in order of their names."""
        pattern = self._pattern(language)
        names = [name for name in self._names if fnmatch(name, pattern)]
        if not names:
            folders = sorted({name.split("/")[0] for name in self._names if "/" in name})
            raise DataError(
                f"{self._repo}: expected files {pattern}, found the folders "
                f"{', '.join(folders) or 'none'}; this corpus has no text in {language}"
            )
        return [hub_file(self._repo, name) for name in names]

    def _pattern(self, language: str) -> str:
        english, other = (self.form.codes.get(one, one) for one in (ENGLISH, language))
        return self.pattern.format(pair="-".join(sorted((english, other))), language=other)
