"""Progress bars."""

import sys
from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


class Progress(Protocol):
    """Wraps an iterable in a progress bar."""

    def __call__(self, items: Iterable[Item], /) -> Iterable[Item]:
        """The same items; the bar shows how many were taken."""


def bar(shown: bool, what: str, total: Callable[[], int] | None = None) -> Progress:
    """Wraps an iterable in a progress bar, where one is wanted.

    Args:
        shown: whether it is.
        what: stands in front of it.
        total: counts what an iterable holds that does not know it, so that the bar can say how long it will take.
    """

    def wrapped(items: Iterable[Item], /) -> Iterable[Item]:
        number = total() if shown and total is not None else None
        return tqdm(items, what, number, disable=not shown, leave=False, mininterval=pace())

    return wrapped


def in_silence(items: Iterable[Item], /) -> Iterable[Item]:
    """No bar."""
    return items


def pace() -> float:
    """Seconds between two drawings: a log file gets a line now and then, a terminal a live bar."""
    return 0.2 if sys.stderr.isatty() else 15.0
