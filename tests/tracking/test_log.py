"""What can be followed while a run lasts."""

import itertools
import json
import logging
import multiprocessing
import os
import re
import sys

import pytest
from training.toy import SMALL, write_toy
from typed import start

from mlalign import progress
from mlalign.config.hydra import is_of_sweep, open_closed_streams, typed_with
from mlalign.config.sweep import Course
from mlalign.data.text import count_lines
from mlalign.errors import DataError
from mlalign.progress import bar, counter
from mlalign.tracking.log import JsonLines, close_log, log_to


def test_every_report_is_a_line_of_strict_json_at_once(tmp_path):
    for stage in ("align", "finetune"):
        logger = JsonLines(tmp_path, stage)
        logger.log_metrics({"train/loss": 1.5, "odd": float("nan"), "large": float("inf")}, step=3)
        lines = (tmp_path / "metrics.jsonl").read_text().splitlines()  # nothing was closed
        last = json.loads(lines[-1], parse_constant=pytest.fail)
        assert last.pop("time") > 0
        assert last == {"stage": stage, "step": 3, "train/loss": 1.5, "odd": None, "large": None}
    assert len(lines) == 2


@pytest.mark.parametrize(
    ("error", "ended"),
    [(None, "Ended"), (DataError("no file"), "DataError: no file"), (KeyboardInterrupt(), "Keyboard")],
)
def test_a_log_holds_what_is_told_while_it_is_open_and_how_the_run_ended(error, ended, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    path = tmp_path / "run.log"
    for told in ("one", "two"):
        handler = log_to(path)
        logging.getLogger("mlalign.any").info("aligning %s", told)
        close_log(handler, error)
        logging.getLogger("mlalign.any").info("afterwards")
    text = path.read_text()
    assert text.count("aligning") == 2
    assert text.count(ended) == 2
    assert "afterwards" not in text


def test_a_sweep_says_which_run_begins_and_how_long_the_others_take():
    course = Course()
    for taken, runs, place in (
        ([], 12, "Run 1 of 12"),
        ([60.0, 30.0, 90.0], 12, "Run 4 of 12, about 9 min left"),
        ([1.0], 3, "Run 2 of 3"),
        ([None, None, 60.0], 12, "Run 4 of 12, about 9 min left"),  # what was found took no time
    ):
        course.taken = taken
        assert course.place(runs) == place


def test_only_a_run_that_wrote_its_results_took_time(tmp_path):
    course = Course()
    for name, later in (("none", None), ("old", -100), ("new", 100)):
        course.begin([])
        if later is not None:
            (tmp_path / name).touch()
            os.utime(tmp_path / name, (course.began + later,) * 2)
        course.end(tmp_path / name)
    assert course.taken[:2] == [None, None]
    assert course.taken[2] is not None


def test_a_bar_knows_how_much_is_left_of_a_file(tmp_path, capsys, monkeypatch):
    path = tmp_path / "text.tsv"
    path.write_text("line\n" * 7)
    assert count_lines(path) == 7
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert list(bar(True, "reading", lambda: 7)(iter(range(7)))) == list(range(7))
    assert "/7" in capsys.readouterr().err
    assert list(bar(False, "reading", pytest.fail)(iter(range(2)))) == [0, 1]
    with pytest.raises(DataError, match="no such file"):
        count_lines(tmp_path / "none.tsv")


def test_a_pipe_gets_lines_now_and_then_with_the_time_left_and_no_control_characters(monkeypatch, caplog, capsys):
    caplog.set_level(logging.INFO)
    clock = itertools.count(step=10.0)  # seconds
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    assert list(bar(True, "reading", lambda: 1000)(iter(range(5)))) == list(range(5))
    assert caplog.messages == ["reading: 2 of 1,000, 2:46:20 left", "reading: 4 of 1,000, 2:46:00 left"]
    lines = counter("aligning", 40, 10)
    lines.set_postfix({"loss": "0.5"}, refresh=False)
    lines.close()
    lines.close()
    assert [one for one in caplog.messages if "aligning" in one] == ["aligning: 10 of 40, loss=0.5"]
    assert capsys.readouterr().err == ""


def test_lines_become_rarer_with_the_time(monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    now = iter(range(10**6))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(now)))
    for _ in bar(True, "reading")(range(36_000)):
        pass
    assert 40 < len(caplog.messages) < 80
    assert caplog.messages[0].startswith("reading: 15 of 36,000, ")


def test_a_bar_needs_no_standard_error(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    open_closed_streams()
    assert list(bar(True, "reading")(range(3))) == [0, 1, 2]


def test_a_run_whose_messages_go_to_a_file_leaves_lines_without_control_characters(tmp_path):
    write_toy(tmp_path / "data")
    words = [word for word in SMALL if not word.startswith("trainer.progress")]
    typed = [*words, "data.root=data", "finetune.epochs=1", "method=inter_sentence"]
    for more in ([], ["dry_run=true", "card=h100", "seed=2"]):
        ended = start("train.py", [*typed, *more], tmp_path)  # in a process where no library was told to be quiet
        assert ended.returncode == 0, ended.stderr
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", ended.stderr)
        assert "" not in ended.stderr.splitlines()
        assert ("aligning: 4 of 4" in ended.stderr) == (not more)
    (log,) = tmp_path.glob("outputs/mldoc/*/run.log")
    assert "aligning: 4 of 4" in log.read_text(encoding="utf-8")


def test_one_of_several_processes_of_a_run_names_the_command_of_the_run(monkeypatch):
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: object())
    monkeypatch.setattr(sys, "argv", ["train.py", "trainer.devices=2", "method=mlm"])
    assert typed_with("none") == "python train.py trainer.devices=2 method=none"
    assert not is_of_sweep()
    monkeypatch.setattr(sys, "argv", ["train.py", "-m", "seed=1,2"])
    assert is_of_sweep()
