"""One command makes a page, all tables and all figures of finished runs."""

import base64
import errno
import gzip
import json
import re
from functools import partial
from pathlib import Path

import pytest
from PIL import Image
from reporting.made import results, written
from training.toy import configured, write_toy

from mlalign.commands import report_figures
from mlalign.commands.evaluation import select_command
from mlalign.commands.report import make_report, texts_of
from mlalign.config.commands import Report
from mlalign.errors import ConfigError, DataError
from mlalign.pipeline import run as train
from mlalign.reporting.drawing.style import save
from mlalign.reporting.report.page import Shown
from mlalign.reporting.runs import find_runs

LEARNING = ("finetune.epochs=2", "finetune.batch_size=8", "finetune.evaluations=3")
FIGURES = {
    *("curves", "confusion", "tsne_classes", "similarity_transfer"),
    *("correlation", "tsne_languages", "word_pairs"),
}


def test_encoders_are_those_of_the_first_task_that_has_some(tmp_path, monkeypatch):
    for task in ("mldoc", "panx"):
        written(tmp_path / "runs" / task / "a", results("mlm", task=task))
    Image.new("RGB", (2, 2)).save(tmp_path / "drawn.png")
    monkeypatch.setattr(report_figures.Figures, "of_encoders", lambda _, table, __: [
        Shown("word_pairs", f"Words of {table.task}", "", *[tmp_path / "drawn.png"] * (table.task == "panx"))
    ])  # fmt: skip
    page = make_report(Report(runs=f"{tmp_path}/runs/**", report=str(tmp_path / "report"), texts=False))[0].read_text()
    assert "Words of panx" in page
    assert "Words of mldoc" not in page


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    """An aligned run and the control."""
    root = write_toy(tmp_path_factory.mktemp("world"))
    for words in ((), ("method=none",)):
        train(configured(root, f"output={root / 'outputs'}", *LEARNING, *words))
    return root


def cases_in(page: str) -> list:
    packed = re.search(r'id="payload">([^<]*)<', page)[1]
    return json.loads(gzip.decompress(base64.b64decode(packed)))


def test_a_report_is_a_page_with_tables_and_figures_beside_it(world, tmp_path, monkeypatch):
    monkeypatch.setattr(report_figures, "save", partial(save, forms=["png"]))  # the others: test_figures.py
    settings = Report(runs=str(world / "outputs"), report=str(tmp_path), resamples=50)
    written = make_report(settings)
    text = written[0].read_text(encoding="utf-8")
    tables = {path.suffix for path in (tmp_path / "tables").iterdir()}
    assert tables == {".txt", ".md", ".tex", ".csv", ".html"}
    drawn = {path.stem for path in (tmp_path / "figures").rglob("*.png")}
    named = set(re.findall(r'<p class="absent" data-figure="(\w+)">', text))
    assert drawn | named == FIGURES
    assert drawn >= FIGURES - {"word_pairs", "correlation"}  # these need text of a known language
    assert {path.stem for path in (tmp_path / "figures").rglob("*.csv")} == drawn
    assert text.count("<img") == len(drawn)
    (task,) = cases_in(text)
    test = (world / "tasks" / "mldoc" / "german.test").read_text(encoding="utf-8").splitlines()
    start = [one["code"] for one in task["languages"]].index("de") * len(test)
    shown = task["texts"][start : start + len(test)]
    assert [one[0] for one in shown] == [line.split("\t", 1)[1] for line in test]


def test_texts_are_those_that_were_scored_or_none(world):
    (run,) = find_runs(str(world / "outputs" / "mldoc" / "*-none-*"))
    path = world / "tasks" / "mldoc" / "german.test"
    before = path.read_text(encoding="utf-8")
    ids = {one: [str(n + 1) for n in range(len(before.splitlines()))] for one in ("de", "fr")}
    assert all(one.parts for one in texts_of(run, ids).values())
    assert "other examples" in texts_of(run, {"de": ids["de"][1:]})["de"].reason
    try:
        path.write_text(before.replace(" ", "  ", 1), encoding="utf-8")
        changed = texts_of(run, ids)
        path.unlink()
        gone = texts_of(run, ids)
    finally:
        path.write_text(before, encoding="utf-8")
    assert changed["de"].parts is None
    assert "german.test is not the file that was scored" in changed["de"].reason
    assert "no test part for de" in gone["de"].reason
    assert changed["fr"].parts
    assert gone["fr"].parts


def test_runs_that_kept_nothing_but_scores_still_make_a_page(tmp_path):
    for method in ("none", "multilevel"):
        for seed in (1, 2):
            folder = tmp_path / "outputs" / "mldoc" / f"{method}{seed}"
            written(folder, results(method, seed))
    broken = tmp_path / "outputs" / "mldoc" / "broken"
    broken.mkdir()
    (broken / "failed.json").write_text(json.dumps({"error": "TrainingError: <NaN>"}))
    settings = Report(runs=str(tmp_path / "outputs"), report=str(tmp_path / "report"))
    text = make_report(settings)[0].read_text(encoding="utf-8")
    assert set(re.findall(r'<p class="absent" data-figure="(\w+)">', text)) == FIGURES
    assert "TrainingError: &lt;NaN&gt;" in text
    assert "de: no predictions were kept." in text


def test_a_full_disk_ends_it_without_a_traceback_for_every_figure(world, tmp_path, monkeypatch, caplog):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(report_figures, "save", full)
    with pytest.raises(OSError, match="No space left"):
        make_report(Report(runs=str(world / "outputs"), report=str(tmp_path), resamples=50))
    assert "Traceback" not in caplog.text


def test_what_is_wrong_with_the_question_is_said(tmp_path):
    assert select_command(["runs=a", "report=b", "table=ablation"])[0] == "report"
    with pytest.raises(DataError, match=r"no results\.json"):
        make_report(Report(runs=str(tmp_path / "nothing"), report=str(tmp_path)))
    written(tmp_path / "outputs" / "run", results())
    with pytest.raises(ConfigError, match="baseline=nobody"):
        make_report(Report(runs=str(tmp_path / "outputs"), report="x", baseline="nobody"))
