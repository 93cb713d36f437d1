"""Progress bars."""

import sys
from collections.abc import Iterable
from typing import Protocol, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


class Progress(Protocol):
    """Wraps an iterable in a progress bar."""

    def __call__(self, items: Iterable[Item], /) -> Iterable[Item]:
        """The same items; the bar shows how many were taken."""


def bar(shown: bool, what: str) -> Progress:
    """Wraps an iterable in a progress bar, where one is wanted."""

    def wrapped(items: Iterable[Item], /) -> Iterable[Item]:
        return tqdm(items, what, disable=not shown, leave=False, mininterval=pace())

    return wrapped


def pace() -> float:
    """Seconds between two drawings: a log file gets a line now and then, a terminal a live bar."""
    return 0.2 if sys.stderr.isatty() else 15.0
