"""A process that works for another: what it breaks, or what hangs in it, costs one answer only."""

import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

STICKY = "CUDA error"  # behind such an error a process can no longer use its GPU
PATIENCE = 5.0  # seconds that the process has to end by itself


class WorkFailedError(Exception):
    """What went wrong in the other process, in one line."""


class Worker:
    """Calls functions in a process of its own, a fresh one where the last was lost."""

    def __init__(self) -> None:
        self._process: Any = None

    def call(self, work: Callable[[], Any], timeout: float) -> Any:
        """What ``work`` returns; it and its result must be picklable.

        Raises:
            WorkFailedError: it raised, ended its process, or took longer than ``timeout`` seconds.
        """
        if self._process is None:
            self._start()
        self._connection.send(work)
        if not self._connection.poll(timeout):
            self._kill()
            raise WorkFailedError(f"stopped after {timeout:.0f} s")
        try:
            failure, answer = self._connection.recv()
        except EOFError:
            self._process.join()
            code = self._process.exitcode
            self._kill()
            raise WorkFailedError(f"its process ended (exit code {code})") from None
        if failure is None:
            return answer
        if STICKY in failure:
            self.close()
        raise WorkFailedError(failure)

    def _start(self) -> None:
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,))
        self._process.start()
        theirs.close()

    def close(self) -> None:
        """Let the process end."""
        if self._process is not None:
            with suppress(OSError):
                self._connection.send(None)
            self._process.join(PATIENCE)
            self._kill()

    def _kill(self) -> None:
        self._process.kill()
        self._process.join()
        self._process = None


def _serve(connection: Connection) -> None:
    while True:
        try:
            work = connection.recv()
        except EOFError:
            return
        if work is None:
            return
        try:
            connection.send((None, work()))
        except Exception as error:
            traceback.print_exc()
            connection.send((traceback.format_exception_only(error)[-1].strip()[:500], None))
