"""What ends a program other than its own end."""

import os
import signal
import subprocess
import sys

import pytest
from reporting.made import results
from typed import ROOT

from mlalign import stopping
from mlalign.reporting.results import write_results

UNREAD = 128 + signal.SIGPIPE


def started(folder, script, *words) -> tuple[int, str]:
    """A command whose standard output has no reader: its status, and what it says of it."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, str(ROOT / script), *words]
    done = subprocess.run(command, cwd=folder, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=120)
    os.close(writer)
    return done.returncode, done.stderr


def test_help_that_nobody_reads_to_its_end_is_no_error(tmp_path):
    assert started(tmp_path, "train.py", "--help") == (UNREAD, "")


def test_tables_are_written_though_nobody_reads_them(tmp_path):
    write_results(tmp_path / "runs" / "none", results("none"))
    status, said = started(tmp_path, "evaluate.py", "runs=runs/**", "output=table.txt")
    assert (status, said) == (UNREAD, "")
    assert "mldoc" in (tmp_path / "table.txt").read_text(encoding="utf-8")


def test_another_pipe_that_breaks_is_one():
    with pytest.raises(BrokenPipeError), stopping.reader_may_leave():
        raise BrokenPipeError
