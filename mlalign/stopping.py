"""Signals by which a scheduler ends a run: SIGTERM, and SIGUSR1 some time before it.

A stage that trains is told to save after its next step; anything else ends at once, for what it has written is whole.
A process of several ends with the one that started it.
"""

import multiprocessing
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)


class _State:
    """Of this process."""

    is_installed = False
    is_deferred = False
    received = 0


_state = _State()


def status_of(number: int) -> int:
    """The exit status of a process that a signal ended, as shells have it: 143 for SIGTERM, 138 for SIGUSR1."""
    return 128 + number


STATUSES = {status_of(number): number.name for number in SIGNALS}


def install() -> None:
    """Listen from now on."""
    _state.is_installed, _state.received = True, 0
    listen_again()


def listen_again() -> None:
    """Take the signals back from a library that listens too; nothing where nobody listened."""
    if _state.is_installed and threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            signal.signal(number, _handle)


def received() -> int:
    """The number of the signal to stop that has come, or 0."""
    return _state.received


@contextmanager
def deferred() -> Iterator[None]:
    """In here a signal is only noted, for who asks ``received``; at the latest the process ends behind the block."""
    _state.is_deferred = True
    try:
        yield
    finally:
        _state.is_deferred = False
    if _state.received:
        sys.exit(status_of(_state.received))


@contextmanager
def reader_may_leave(*, goes_on: bool = False) -> Iterator[None]:
    """Standard output, written in here, may lose its reader, as ``head`` when it has its lines: that is no error.

    Args:
        goes_on: whether the program does then, writing nowhere.

    Raises:
        SystemExit: else, with the status of SIGPIPE, as any program.
    """
    try:
        yield
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        poll = select.poll()
        poll.register(1, 0)
        if not poll.poll(0):  # another pipe has broken
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if not goes_on:
            sys.exit(status_of(signal.SIGPIPE))


def end_with_parent() -> None:
    """End this process when the one that started it is gone, however it ended."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(2)


def _handle(number: int, _: FrameType | None) -> None:
    if not _state.is_deferred:
        sys.exit(status_of(number))
    if not _state.received:  # a handler may come in the midst of a write to the same stream: no logging
        os.write(2, f"\n{signal.Signals(number).name}: saving after the next step\n".encode())
    _state.received = number
