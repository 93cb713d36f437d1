"""``dry_run=true`` says what a run would read, train and write, refuses what it would refuse, and leaves nothing."""

import re
import shutil
from pathlib import Path

import pytest
from test_configs import composed
from training.toy import SMALL, write_toy
from typed import call

from mlalign.commands import dry_run
from mlalign.pricing.device import sheet_of
from mlalign.pricing.price import Price
from mlalign.pricing.stages import StagePrice
from mlalign.pricing.words import amount, duration, size

DRY = [
    "dry_run=true",
    *SMALL,
    "data.root=data",
    "finetune.epochs=1",
    "finetune.evaluations=1",
    "finetune.max_length=32",
]
LINES = ("dry run", "device", "read", "align", "fine-tune", "score", "disk", "total")


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return write_toy(tmp_path_factory.mktemp("toy") / "data")


@pytest.fixture
def work(toy, tmp_path):
    shutil.copytree(toy, tmp_path / "data")
    return tmp_path


def tree(folder):
    return sorted(str(path) for path in folder.rglob("*"))


def test_it_names_every_part_and_writes_nothing(work):
    before = tree(work)
    ended = call("train.py", DRY, work)
    assert ended.returncode == 0, ended.stderr
    assert tree(work) == before
    found = ended.stdout
    assert [line for line in LINES if not re.search(rf"^{line} ", found, re.MULTILINE)] == []
    assert "de 120, fr 120 pairs" in found
    assert "4 steps of 8 pairs" in found
    assert "train 40, dev 12" in found
    assert "en 10, de 10, fr 10" in found
    assert "prediction=pooled" not in found  # the vocabulary is small


def test_what_the_run_has_made_is_found_and_costs_nothing(work):
    dry = DRY[1:]
    assert call("train.py", dry, work).returncode == 0
    before = tree(work)
    found = call("train.py", DRY, work).stdout
    assert "this run is finished, and costs nothing" in found
    other_task = call("train.py", [*DRY, "task=panx", "task.languages=[en,de]"], work).stdout
    assert "the aligned encoder is there, and costs nothing" in other_task
    assert not re.search("^align ", other_task, re.MULTILINE)
    again = call("train.py", [*DRY, "resume=false"], work).stdout
    assert re.search("^align ", again, re.MULTILINE)
    assert tree(work) == before


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (
            lambda root: (root / "parallel/toy/en-fr.tsv").open("a").write("no tab here\n"),
            r"en-fr.tsv, line 121: expected 2 tab-separated fields",
        ),
        (lambda root: (root / "tasks/mldoc/german.test").unlink(), "german.test"),
        (lambda root: (root / "tasks/mldoc/french.test").write_text("XCAT\ttext\n"), "XCAT"),
    ],
)
def test_what_the_run_would_refuse_is_refused(break_it, message, work):
    break_it(work / "data")
    ended = call("train.py", [*DRY, "card=h100", "task.languages=[en,de,fr]"], work)
    assert ended.returncode == 2
    assert re.search(message, ended.stderr), ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_sweep_has_a_line_for_each_run_and_a_total_that_makes_each_alignment_once(work):
    before = tree(work)
    words = [*DRY, "-m", "seed=1,2", "align.seed=1", "card=h100"]
    ended = call("train.py", words, work)
    assert ended.returncode == 0, ended.stderr
    rows = [line for line in ended.stdout.splitlines() if line.startswith("| ") and "seed=" in line]
    assert [row.split(" | ")[1] for row in rows] == ["h100", "h100"]
    assert "total     2 runs" in ended.stdout
    assert tree(work) == before


def test_the_total_makes_an_alignment_that_runs_share_once(capsys, monkeypatch):
    sheet = sheet_of(composed("backbone=xlmr", "data=hub", "dry_run=true", "card=h100"))

    def of(alignment):
        stages = [StagePrice(name, "", 0, 0, hours * 3600, 0) for name, hours in (("align", 1), ("fine-tune", 0.5))]
        return Price(Path("run"), sheet, stages, None, 0, 0, [], ["text"], [], alignment)

    monkeypatch.setattr(dry_run, "_priced", [of("one"), of("one"), of("other")])
    dry_run.total()
    assert capsys.readouterr().out == "\ntotal     3 runs: 3.5 h, each alignment made once\nmissing   text\n"


def test_a_run_of_a_sweep_that_is_refused_is_named_and_the_others_are_priced(work):
    before = tree(work)
    ended = call("train.py", [*DRY, "card=h100", "-m", "data.parallel=[toy],[nowhere]"], work)
    assert ended.returncode == 2, ended.stdout
    assert "total     1 runs" in ended.stdout, ended.stdout + ended.stderr
    assert "data.parallel=[nowhere]" in ended.stderr
    assert tree(work) == before


def test_a_row_of_the_paper_is_priced_without_its_data_and_what_does_not_fit_is_said_with_a_cure(tmp_path):
    words = ["experiment=table4_mbert_ml", "method=multilevel_v1", "dry_run=true", "card=t4"]
    ended = call("train.py", words, tmp_path)
    assert ended.returncode == 0, ended.stderr
    said = ("20,000 steps of 96 pairs", "train 20,000, dev 10,000", "if all sentences were of full length", "ccmatrix")
    cures = ("losses.word_distribution.prediction=pooled", "align does not fit", "gradient_checkpointing=true")
    for part in ("missing   task panx", "missing   parallel text", "missing   backbone google-bert", *said, *cures):
        assert part in ended.stdout
    assert tree(tmp_path) == []


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (duration(0.2), "1 s"), (duration(40), "40 s"), (duration(720), "12 min"), (duration(4680), "1.3 h"),
        (duration(3.6e6), "1,000 h"), (size(14 * 2**30), "14.0 GiB"), (size(350 * 2**20), "350 MiB"),
        (size(2048), "2 KiB"), (amount(4.2e15), "4.2e15"), (amount(375469), "375,469"), (amount(1.5e6), "1.5e6"),
    ],
)  # fmt: skip
def test_numbers_are_said_as_people_say_them(said, expected):
    assert said == expected
