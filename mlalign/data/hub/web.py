"""A plain file of the web: fetched whole, gone on with where it was interrupted."""

import logging
import time
from pathlib import Path

import httpx2

from mlalign.data.hub.faults import briefly, in_words, status_of, wait_before_next
from mlalign.errors import DataError
from mlalign.files import locked, publish, write_whole

log = logging.getLogger(__name__)

ATTEMPTS = 5  # without a single new byte
TIMEOUT = httpx2.Timeout(30.0)  # seconds without a byte
RANGE_NOT_SATISFIABLE = 416


class Cut(httpx2.TransportError):
    """The connection ended before the announced length."""


def fetch(url: str, target: Path) -> Path:
    """Fetch a file, unless it is there; ``target`` holds all of it or does not exist.

    What has arrived lies beside it as ``<name>.partial``; the next attempt, also of another
    process, asks only for the rest, provided that the file on the server is still the same.

    Args:
        url: http or https.
        target: the final name.

    Raises:
        DataError: no such file, no access, no connection, a busy or failing server after a few
            attempts, a full disk.
    """
    try:
        with locked(target.with_name(f".{target.name}.lock")):
            if not target.is_file():
                _fetch(url, target)
    except (OSError, httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise DataError(f"{url}: {_in_words(error)}") from error
    return target


def _fetch(url: str, target: Path) -> None:
    partial = target.with_name(f"{target.name}.partial")
    mark = target.with_name(f"{target.name}.partial.etag")
    log.info("Fetching %s", url)
    attempt = 1
    with httpx2.Client(follow_redirects=True, timeout=TIMEOUT) as client:
        while True:
            before = _size(partial)
            try:
                _continue(client, url, partial, mark)
                break
            except httpx2.HTTPError as error:
                attempt = 1 if _size(partial) > before else attempt + 1
                wait = None if attempt > ATTEMPTS else wait_before_next(error, attempt)
                if wait is None:
                    raise
                log.info("%s: %s. Trying again in %.0f s", url, briefly(error), wait)
                time.sleep(wait)
    publish(partial, target)
    mark.unlink(missing_ok=True)


def _continue(client: httpx2.Client, url: str, partial: Path, mark: Path) -> None:
    """Append what is missing; begin anew where the server has another file, or no ranges."""
    have = _size(partial)
    headers = {"Accept-Encoding": "identity"}
    if have and mark.is_file():
        headers |= {"Range": f"bytes={have}-", "If-Range": mark.read_text(encoding="utf-8")}
    with client.stream("GET", url, headers=headers) as response:
        if response.status_code == RANGE_NOT_SATISFIABLE:
            partial.unlink()
            raise Cut("the part at hand is longer than the file")
        response.raise_for_status()
        resumed = response.status_code == httpx2.codes.PARTIAL_CONTENT
        if not resumed:
            have = 0
            mark.unlink(missing_ok=True)
            # A weak tag does not promise the same bytes, and no server takes one with a range.
            same = response.headers.get("ETag", "") or response.headers.get("Last-Modified", "")
            if same and not same.startswith("W/"):
                write_whole(mark, same)
        length = response.headers.get("Content-Length")
        with partial.open("ab" if resumed else "wb") as file:
            for block in response.iter_raw():
                file.write(block)
    if length is not None and _size(partial) != have + int(length):
        raise Cut(f"{_size(partial)} of {have + int(length)} bytes")


def _in_words(error: Exception) -> str:
    if status_of(error) == 404:
        return "no such file on the server (404); check the corpus, its version and the languages"
    return in_words(error) or str(error)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
