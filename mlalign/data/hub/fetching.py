"""Files of the hub, through its own client: cached, whole, and with words for what goes wrong.

``HF_ENDPOINT``, ``HF_TOKEN``, ``HF_HOME`` and ``HF_HUB_OFFLINE`` mean what they mean there. The
client writes under a passing name and renames, so any number of processes may fetch at once.
"""

import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

import httpx2
from huggingface_hub import HfApi, constants, get_cached_repo_tree, hf_hub_download
from huggingface_hub.errors import (
    CachedRepoTreeNotFoundError,
    EntryNotFoundError,
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    RevisionResolutionError,
)

from mlalign.data.hub.faults import briefly, chain, in_words, status_of, wait_before_next
from mlalign.errors import DataError, did_you_mean

log = logging.getLogger(__name__)

Kind = Literal["dataset", "model"]
Got = TypeVar("Got")
ATTEMPTS = 4
CHUNK = 1 << 20
DATA = (".parquet", ".tsv", ".csv", ".jsonl", ".gz", ".zip")
PLACES: dict[Kind, str] = {"dataset": "datasets/", "model": ""}


class Repo(NamedTuple):
    """A repository on the hub at one commit."""

    name: str
    revision: str
    kind: Kind = "dataset"

    @property
    def page(self) -> str:
        """Where a person looks at it."""
        return f"{constants.ENDPOINT}/{PLACES[self.kind]}{self.name}"

    def __str__(self) -> str:
        return f"hub {self.kind} {self.name} at {self.revision}"


def hub_repo(name: str, revision: str, kind: Kind = "dataset") -> Repo:
    """The repository at the commit that a branch or tag names now.

    Without a network it is the commit that the cache knows under this name.

    Raises:
        DataError: no such repository or revision, no access, or no way to ask.
    """
    asked = Repo(name, revision, kind)
    found = _patiently(lambda: HfApi().resolve_revision(name, repo_type=kind, revision=revision), asked, "")
    return asked._replace(revision=found.resolved)


def hub_files(repo: Repo) -> list[str]:
    """Names of all its files, sorted; from the cache where a whole download left them there.

    Raises:
        DataError: see ``hub_repo``.
    """
    where: Any = {"repo_type": repo.kind, "revision": repo.revision}
    try:
        return sorted(file.path for file in get_cached_repo_tree(repo.name, **where))
    except CachedRepoTreeNotFoundError:
        # The listing is repeated by the client for half a minute: first see who is there.
        _patiently(lambda: HfApi().repo_info(repo.name, **where), repo, "")
        names = _patiently(lambda: HfApi().list_repo_files(repo.name, **where), repo, "", 1)
        return sorted(names)


def hub_file(repo: Repo, name: str) -> Path:
    """One file in the hub's cache, fetched unless it is there; its content is what was announced.

    Raises:
        DataError: see ``hub_repo``; the repository has no such file, it arrives damaged twice, or
            the disk is full.
    """

    def download(*, again: bool) -> Path:
        path = hf_hub_download(
            repo.name,
            name,
            repo_type=repo.kind,
            revision=repo.revision,
            force_download=again,
        )
        return Path(path)

    path = _patiently(lambda: download(again=False), repo, name)
    if not _is_as_announced(path):
        log.warning("%s: %s is damaged; it is fetched again", repo, name)
        path = _patiently(lambda: download(again=True), repo, name)
        if not _is_as_announced(path):
            announced = path.resolve().name
            path.resolve().unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            raise DataError(
                f"{repo}: {name} does not have the checksum {announced} that the hub announces, "
                "twice; try again later or, if HF_ENDPOINT names a mirror, without it"
            )
    return path


def _is_as_announced(path: Path) -> bool:
    """Compare a cached file with its name in the cache: a git hash, or sha256 of a large file."""
    blob = path.resolve()
    announced = blob.name
    if blob.parent.name != "blobs" or len(announced) not in (40, 64):
        return True  # a cache without links does not keep the hash
    digest = hashlib.sha256() if len(announced) == 64 else hashlib.sha1(usedforsecurity=False)
    if len(announced) == 40:
        digest.update(b"blob %d\0" % blob.stat().st_size)
    with blob.open("rb") as file:
        while block := file.read(CHUNK):
            digest.update(block)
    return digest.hexdigest() == announced


def _patiently(call: Callable[[], Got], repo: Repo, name: str, attempts: int = ATTEMPTS) -> Got:
    """The value of a call to the hub, tried again a few times where that can help."""
    for attempt in range(1, attempts + 1):
        try:
            return call()
        except (OSError, ValueError, httpx2.HTTPError, EntryNotFoundError, RevisionResolutionError) as error:
            # What the client itself could not find anywhere, it has tried often enough.
            tried = isinstance(error, LocalEntryNotFoundError)
            wait = None if tried or attempt == attempts else wait_before_next(error, attempt)
            if wait is None:
                raise DataError(_in_words(error, repo, name)) from error
            log.info("%s: %s. Trying again in %.0f s", repo, briefly(error), wait)
            time.sleep(wait)
    raise AssertionError("the last attempt returns or raises")


def _in_words(error: Exception, repo: Repo, name: str) -> str:
    """The message for a call that failed for good."""
    what = f"{repo}: {name}" if name else str(repo)
    for link in chain(error):
        if isinstance(link, GatedRepoError):
            return (
                f"{what}: its owner lets only those in who accept the terms. Log in at "
                f"{repo.page}, accept them there, make a token and set HF_TOKEN to it"
            )
        if isinstance(link, RevisionNotFoundError):
            return f"{what}: no such revision; give a commit, tag or branch that {repo.page} has, such as main"
        if isinstance(link, RepositoryNotFoundError):
            return (
                f"{what}: there is no such repository at {constants.ENDPOINT}, or it is private; "
                "check the name, and set HF_TOKEN if it is yours"
            )
        if isinstance(link, HFValidationError):
            return f"{what}: {link}"
        if isinstance(link, EntryNotFoundError) and status_of(error) == 404 and name:
            return f"{what}: {_no_such_file(repo, name)}"
    if "Consistency check failed" in str(error):
        return f"{what}: it ended before the length that the hub announced; the same command fetches it again"
    return f"{what}: {in_words(error) or str(error).strip().splitlines()[0]}"


def _no_such_file(repo: Repo, name: str) -> str:
    there = hub_files(repo)
    return script_instead(repo, there) or f"no such file in this revision{did_you_mean(name, there)}"


def script_instead(repo: Repo, names: Sequence[str]) -> str | None:
    """What to do about a data set that is a loading script and no data; None if it is not one."""
    script = f"{repo.name.split('/')[-1]}.py"
    if script not in names or any(one.endswith(DATA) for one in names):
        return None
    return (
        f"the repository holds a loading script ({script}) and no data, which cannot be loaded "
        "any more; look for a copy in parquet, or set the revision refs/convert/parquet where the "
        "hub made one"
    )
