"""What goes wrong between here and a server, or on the way to the disk, and what to do about it."""

import errno
from collections.abc import Iterator

import httpx2
from huggingface_hub.errors import FileMetadataError, OfflineModeIsEnabled

from mlalign.files import FULL

WAIT_AT_MOST = 60.0  # seconds that a busy server may ask for
DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)


def chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what it came from, outermost first."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__


def status_of(error: BaseException) -> int | None:
    """The HTTP status that a server refused with, or None where it was something else."""
    response = _response(error)
    return None if response is None else response.status_code


def wait_before_next(error: BaseException, attempt: int) -> float | None:
    """Seconds to wait before another attempt; None where another attempt cannot help.

    Args:
        error: what the last attempt ended in.
        attempt: how many have been made, from 1.
    """
    status = status_of(error)
    if status is not None and status != 429 and status < 500:
        return None
    if any(isinstance(link, OfflineModeIsEnabled | FileMetadataError) for link in chain(error)):
        return None
    network = any(isinstance(link, httpx2.TransportError) for link in chain(error))
    if status is None and not network:
        return None
    asked = _retry_after(error)
    if asked is not None:
        return asked if asked <= WAIT_AT_MOST else None
    return min(2.0 ** (attempt - 1), WAIT_AT_MOST)


def in_words(error: BaseException) -> str | None:
    """What happened and what to do about it; None for what is neither network nor disk."""
    for link in chain(error):
        if isinstance(link, OfflineModeIsEnabled):
            return (
                "HF_HUB_OFFLINE=1 is set and it is not in the cache; unset it where there is a "
                "network, and run the same command once"
            )
        if isinstance(link, FileMetadataError):
            return (
                "what answered is not the hub; check HF_ENDPOINT, and whether a proxy or firewall answers in its place"
            )
        if isinstance(link, OSError) and link.errno in FULL:
            return (
                f"the disk is full ({link.strerror}); free some space, or put the hub's cache "
                "(HF_HOME) and data.root on a larger disk. The same command goes on"
            )
        if isinstance(link, OSError) and link.errno in DENIED:
            return (
                f"{link.filename}: cannot be written ({link.strerror}); choose another data.root, "
                "or another place for the hub's cache with HF_HOME"
            )
        if isinstance(link, httpx2.TimeoutException):
            return (
                f"no answer in time ({type(link).__name__}); try again, or give a slow network "
                "more time with HF_HUB_DOWNLOAD_TIMEOUT=60 (seconds)"
            )
        if isinstance(link, httpx2.ConnectError | httpx2.ProxyError):
            return (
                f"cannot connect ({link}); check the network, the proxy (HTTPS_PROXY) and "
                "HF_ENDPOINT. The same command goes on where there is a network; files that you "
                "got elsewhere are used with data=files"
            )
        if isinstance(link, httpx2.TransportError):
            return f"the connection was cut on the way ({link or type(link).__name__}); the same command goes on"
    return _status_in_words(error)


def briefly(error: BaseException) -> str:
    """What happened, without what to do about it."""
    return (in_words(error) or str(error)).split(";")[0]


def _status_in_words(error: BaseException) -> str | None:
    status = status_of(error)
    if status == 429:
        asked = _retry_after(error)
        wait = "some minutes" if asked is None else f"{asked:.0f} seconds"
        return (
            f"too many requests (429); wait {wait} and run the same command again, which goes on. "
            "With HF_TOKEN set the hub allows more"
        )
    if status is not None and status >= 500:
        return f"the server failed ({status}); try again later, the same command goes on"
    if status == 404:
        return "no such thing there (404); check the name and the revision"
    if status in (401, 403):
        return f"access denied ({status}); set HF_TOKEN to a token that may read it"
    if status is not None:
        return f"the server refused with status {status}"
    return None


def _retry_after(error: BaseException) -> float | None:
    """Seconds that the server asks to wait, where it says so in seconds."""
    response = _response(error)
    value = "" if response is None else response.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else None


def _response(error: BaseException) -> httpx2.Response | None:
    """What the server answered."""
    found = (getattr(link, "response", None) for link in chain(error))
    return next((one for one in found if isinstance(one, httpx2.Response)), None)
