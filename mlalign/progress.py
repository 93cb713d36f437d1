"""How far something long has come: a bar on a terminal, plain lines elsewhere."""

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from typing import Never, Protocol, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")

SECONDS = 15.0  # before the first line, and between two at least
SHARE = 0.1  # of the time so far that passes between two lines: ten hours leave some seventy

log = logging.getLogger(__name__)


class Progress(Protocol):
    """Wraps an iterable in what shows how far it is."""

    def __call__(self, items: Iterable[Item], /) -> Iterable[Item]:
        """The same items; it is shown how many were taken."""


class Lines:
    """What a pipe or a file gets instead of a bar: messages without control characters, so that a log has them too.

    Args:
        what: stands in front of every line.
        total: how many there are; None: nobody knows.
        done: how many of them were done before.
    """

    def __init__(self, what: str, total: int | None, done: int = 0) -> None:
        self.what, self.total, self.done, self.before = what, total, done, done
        self.shown: Mapping[str, str] = {}
        self.line = ""  # the last one
        self.begun = self.told = time.monotonic()

    def update(self) -> None:
        """One more."""
        self.done += 1
        now = time.monotonic()
        if now - self.told >= max(SECONDS, SHARE * (now - self.begun)):
            self._tell(now)

    def set_postfix(self, shown: Mapping[str, str], *, refresh: bool) -> None:  # as tqdm's
        """What the next line says besides."""
        self.shown = shown

    def close(self) -> None:
        """A last line, where the one before does not say the same."""
        self._tell(time.monotonic())

    def _tell(self, now: float) -> None:
        self.told, new = now, self.done - self.before
        said = [f"{self.what}: {self.done:,}" + ("" if self.total is None else f" of {self.total:,}")]
        if self.total is not None and new and self.done < self.total:
            said.append(f"{tqdm.format_interval((self.total - self.done) * (now - self.begun) / new)} left")
        line = ", ".join([*said, *(f"{name}={value}" for name, value in self.shown.items())])
        if line != self.line:
            log.info("%s", line)
        self.line = line


def counter(what: str, total: int, done: int) -> "tqdm[Never] | Lines":
    """A bar or lines, to be updated by hand; a closed bar stays."""
    return tqdm(total=total, desc=what, initial=done) if sys.stderr.isatty() else Lines(what, total, done)


def bar(shown: bool, what: str, total: Callable[[], int] | None = None) -> Progress:
    """Wraps an iterable in a bar that vanishes at its end, or in lines, where either is wanted.

    Args:
        shown: whether it is.
        what: stands in front of it.
        total: counts what an iterable holds that does not know it, so that it can be said how long it will take.
    """

    def wrapped(items: Iterable[Item], /) -> Iterable[Item]:
        if not shown:
            return items
        number = total() if total is not None else len(items) if isinstance(items, Sized) else None
        if sys.stderr.isatty():
            return tqdm(items, what, number, leave=False)
        return _told(items, Lines(what, number))

    return wrapped


def _told(items: Iterable[Item], lines: Lines) -> Iterator[Item]:
    for item in items:
        yield item
        lines.update()


def in_silence(items: Iterable[Item], /) -> Iterable[Item]:
    """Nothing is shown."""
    return items
