"""The committed tables are what ``make tables`` makes of the committed results."""

import csv
import json
import re
import runpy
import shlex
from pathlib import Path
from zipfile import ZipFile

import pytest
from omegaconf import OmegaConf
from reporting.made import other, run

from mlalign.config.commands import Compare
from mlalign.config.plain import as_object
from mlalign.errors import DataError
from mlalign.reporting.compare import compare_runs
from mlalign.reporting.results import write_results
from mlalign.reporting.runs import find_runs

ROOT = Path(__file__).parents[2]
STUDIES = sorted(ROOT.glob("docs/results/*.zip"))
PUBLISH = runpy.run_path(str(ROOT / "docs" / "results" / "publish.py"))
publish, unpack = PUBLISH["publish"], PUBLISH["unpack"]
log_trials = runpy.run_path(str(ROOT / "docs" / "results" / "log_trials.py"))["log_trials"]
ALIGN = {"steps": 8, "batch_size": 4}
COMMANDS = re.findall(r"evaluate\.py (runs=.*output=docs/\S+)", (ROOT / "Makefile").read_text(encoding="utf-8"))
LONG = ("table=ablation", "baseline=")  # of seconds each; a table of each study is made at every run


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """A folder with every study in ``docs/results/``."""
    folder = tmp_path_factory.mktemp("published")
    for study in STUDIES:
        unpack(study, folder / "docs" / "results")
    return folder


@pytest.mark.parametrize(
    "command",
    [pytest.param(one, marks=[pytest.mark.long] if any(word in one for word in LONG) else []) for one in COMMANDS],
)
def test_a_published_table_is_up_to_date(command, unpacked, tmp_path, monkeypatch):
    monkeypatch.chdir(unpacked)
    typed = dict(word.split("=", 1) for word in shlex.split(command))
    published = ROOT / typed["output"]
    settings = OmegaConf.merge(Compare, OmegaConf.create(typed), {"output": str(tmp_path / published.name)})
    (written,) = compare_runs(as_object(settings, Compare))
    assert written.read_text(encoding="utf-8") == published.read_text(encoding="utf-8")


def test_every_published_table_is_made():
    made = {re.search(r"output=(\S+)", command)[1] for command in COMMANDS}
    priced = {"docs/results/paper_scale.txt"}  # by `make paper-scale`, which needs no runs
    assert made == {f"docs/results/{path.name}" for path in ROOT.glob("docs/results/*.txt")} - priced


def test_equal_operations_are_those_of_the_whole_method_at_equal_pairs(unpacked):
    amount = float(re.search(r"align\.budget\.amount=(\S+)", (ROOT / "Makefile").read_text(encoding="utf-8"))[1])
    (run,) = find_runs(str(unpacked / "docs" / "results" / "systems" / "mldoc" / "tiny-multilevel-seed*"))
    spent = run.results.budget
    assert spent.steps == run.results.setting("align")["steps"]
    assert spent.flops <= amount < spent.flops * (1 + 1 / spent.steps)


def test_publishing_what_was_unpacked_gives_the_same_bytes_in_any_order(unpacked, tmp_path):
    (study,) = (path for path in STUDIES if path.stem == "sample")
    runs = find_runs(str(unpacked / "docs" / "results" / "sample"))
    again = tmp_path / "sample.zip"
    publish(runs[7:], again)
    publish(runs[:9], again)
    with ZipFile(study) as one, ZipFile(again) as other:
        assert one.namelist() == other.namelist()
        assert all(one.read(name) == other.read(name) for name in one.namelist())
    first = again.read_bytes()
    publish(runs[3:5], again)
    assert again.read_bytes() == first


def test_a_run_that_is_published_again_replaces_all_of_its_files_and_loses_probabilities(unpacked, tmp_path):
    run = find_runs(str(unpacked / "docs" / "results" / "sample"))[0]
    predictions = run.folder / "predictions"
    kept = (predictions / "de.jsonl").read_text(encoding="utf-8").splitlines()
    publish([run], tmp_path / "mine.zip")
    copy = tmp_path / "outputs" / run.folder.name
    (copy / "predictions").mkdir(parents=True)
    (copy / "results.json").write_bytes((run.folder / "results.json").read_bytes())
    lines = [json.dumps(json.loads(line) | {"probabilities": {"CCAT": 1.0}}) for line in kept]
    (copy / "predictions" / "de.jsonl").write_text("\n".join(lines), encoding="utf-8")
    publish(find_runs(str(copy)), tmp_path / "mine.zip")
    unpack(tmp_path / "mine.zip", tmp_path)
    folder = tmp_path / "mine" / run.results.task / run.folder.name
    assert [path.name for path in (folder / "predictions").iterdir()] == ["de.jsonl"]
    assert (folder / "predictions" / "de.jsonl").read_text(encoding="utf-8").splitlines() == kept


def test_a_trial_is_logged_once_with_what_it_was_judged_by(tmp_path):
    tested = run(
        "multilevel", folder=str(tmp_path / "run"), data={"root": "data/other", "parallel": ["a"]}, align=ALIGN
    )
    one = other(tested, split="dev")
    (tmp_path / "run" / "curves").mkdir(parents=True)
    write_results(one.folder, one.results)
    points = "step,held_out/retrieval/mean,held_out/language_probe\n0,,\n4,50.0,60.0\n8,70.25,55.0\n"
    (tmp_path / "run" / "curves" / "align.csv").write_text(points, encoding="utf-8")
    for name in ("first", "second", "first"):
        log_trials([f"{name}={tmp_path}"], tmp_path / "trials.csv")
    rows = list(csv.DictReader((tmp_path / "trials.csv").open(encoding="utf-8")))
    assert [(row["trial"], row["name"], row["held_out_retrieval"]) for row in rows] == [
        ("1", "first", "70.25"), ("2", "second", "70.25")
    ]  # fmt: skip
    assert rows[0]["settings"] == "method.name=multilevel"
    assert (rows[0]["text"], rows[0]["english_dev"]) == ("other: a", "90.00")
    write_results(one.folder, tested.results)
    with pytest.raises(DataError, match="scored on test, expected dev"):
        log_trials([f"third={tmp_path}"], tmp_path / "trials.csv")
