"""A command of this checkout as it is typed, in this process or in one of its own."""

import io
import logging
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from subprocess import CompletedProcess
from unittest.mock import patch

from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton

import mlalign.config.commands  # noqa: F401  # its schemas are part of the state that `call` restores

ROOT = Path(__file__).parents[1]


def call(script: str, words: Sequence[str], folder: Path) -> CompletedProcess[str]:
    """Run a script from a folder through its own entry in this process, and leave no trace of it in the process.

    Args:
        script: its name in the checkout.
        words: its arguments.
        folder: that it is called in.
    """
    hydra = Singleton.get_state()
    handlers_before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR1)}
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    out, err = io.StringIO(), io.StringIO()
    status = 0
    root.handlers = []  # so that the command sets its own up, on the redirected stderr
    GlobalHydra.instance().clear()
    try:
        with (
            chdir(folder),
            patch.dict(os.environ),
            patch.object(sys, "argv", [str(ROOT / script), *words]),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            runpy.run_path(str(ROOT / script), run_name="__main__")
    except SystemExit as end:
        status = end.code
    finally:
        for number, handler in handlers_before.items():
            signal.signal(number, handler)
        root.handlers, root.level = handlers, level
        GlobalHydra.instance().clear()
        HydraConfig.instance().cfg = None
        Singleton.set_state(hydra)
    return CompletedProcess([script, *words], status, out.getvalue(), err.getvalue())


def start(script: str, words: Sequence[str], folder: Path, **environment: str) -> CompletedProcess[str]:
    """Run a script from a folder in a process of its own; see ``call``."""
    command = [sys.executable, str(ROOT / script), *words]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=300, env={**os.environ, **environment}
    )
