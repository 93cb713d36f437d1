"""What processes do in the tests of their end; imports nothing slow."""

import multiprocessing
import os
import signal
import sys
import threading
import time

LONG = 600


def passes(rank: int) -> None:
    """End well."""


def waits(rank: int) -> None:
    """End when told to."""
    time.sleep(LONG)


def second_fails(rank: int) -> None:
    """One fails, the others wait for it."""
    if rank == 1:
        sys.exit(7)
    time.sleep(LONG)


def first_is_killed_and_others_stay(rank: int) -> None:
    """One is killed by the system, the others do not listen."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if rank == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(LONG)


def start_and_die() -> None:
    """Start a process that would outlive this one, and be killed."""
    spawn = multiprocessing.get_context("spawn")
    is_there = spawn.Event()
    spawn.Process(target=_ends_with_parent, args=(is_there,)).start()
    is_there.wait()
    os.kill(os.getpid(), signal.SIGKILL)


def _ends_with_parent(is_there: "threading.Event") -> None:
    from mlalign.stopping import end_with_parent

    threading.Thread(target=end_with_parent, daemon=True).start()
    is_there.set()
    time.sleep(LONG)
