"""The pages of docs/: the navigation has each once, what they tell a user to write works, and the site builds."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from mlalign.config.folder import CONF
from mlalign.config.hydra import resolve
from mlalign.errors import DataError
from mlalign.finetuning.building import task_files
from mlalign.tasks.data import check_files

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = {path: path.read_text(encoding="utf-8") for path in sorted(DOCS.rglob("*.md"))}
ONE_GPU = PAGES[DOCS / "one_gpu.md"]
PRICED = (DOCS / "results" / "paper_scale.txt").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize(
    ("trained", "requeued", "ended"),
    [(0, 0, 0), (138, 0, 0), (143, 0, 0), (138, 1, 138), (143, 127, 143), (2, 0, 2)],
)
def test_the_batch_job_is_queued_again_or_ends_as_it_was_stopped(trained, requeued, ended, tmp_path):
    (script,) = blocks(PAGES[DOCS / "cluster.md"], "bash")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "activate").touch()
    for name, status in (("srun", trained), ("scontrol", requeued)):
        if status != 127:  # of a command that is not there
            (tmp_path / name).write_text(f"#!/bin/sh\necho {name} >> {tmp_path / 'called'}\nexit {status}\n")
            (tmp_path / name).chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "SLURM_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "1"}
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert done.returncode == ended
    calls = (tmp_path / "called").read_text().split()
    assert calls.count("srun") == (3 if trained == 0 else 1)
    assert calls.count("scontrol") == (trained in (138, 143) and requeued != 127)


def test_the_navigation_has_every_page_once():
    sections = PAGES[DOCS / "README.md"].split("\n## ")[1:]
    linked = [
        (DOCS / name).resolve()
        for section in sections
        for line in section.splitlines()
        if line.startswith("|")
        for name in re.findall(r"\]\(([^)#]+)\)", line)
    ]
    beside = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    assert sorted(linked) == sorted([*(path for path in PAGES if path != DOCS / "README.md"), *beside])


def test_every_module_of_the_reference_exists():
    named = [one for page in PAGES.values() for one in re.findall(r"^## `(mlalign[\w.]*)`$", page, re.MULTILINE)]
    assert len(named) == len(set(named)) > 20
    for name in named:
        place = ROOT / name.replace(".", "/")
        assert place.with_suffix(".py").is_file() or (place / "__init__.py").is_file(), name


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(DOCS)))
def test_code_of_a_page_is_code(page):
    for code in blocks(PAGES[page], "python"):
        compile(code, str(page), "exec")
    for script in blocks(PAGES[page], "bash"):
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)


@pytest.fixture
def support(tmp_path) -> Path:
    """A copy of conf/ with the page's own task, and files as the page has them."""
    shutil.copytree(CONF, tmp_path / "conf")
    (task,) = blocks(ONE_GPU, "yaml")
    (tmp_path / "conf" / "task" / "support.yaml").write_text(task, encoding="utf-8")
    for name in re.findall(r"(?:ROOT/tasks/support/| )(\w\w/\w+\.tsv)", ONE_GPU):
        path = tmp_path / "tasks" / "support" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text\tteam\nWhere is it?\tdelivery\nToo much.\tbilling\nBroken.\treturns\n", encoding="utf-8")
    return tmp_path


def files_of(root: Path):
    with initialize_config_dir(str(root / "conf"), version_base="1.3"):
        words = [f"data.root={root}", "data=files", "data.parallel=[ours]", "task=support"]
        config = resolve(compose("train", words))
    assert config.finetune.epochs == 10
    return task_files(config)


def test_the_task_that_a_page_writes_is_read(support):
    check_files(files_of(support))


def test_its_labels_are_all_that_there_are(support):
    with (support / "tasks" / "support" / "de" / "test.tsv").open("a", encoding="utf-8") as file:
        file.write("Hallo\tgreeting\n")
    with pytest.raises(DataError, match=r"de.test\.tsv, line 5.*greeting"):
        check_files(files_of(support))


@pytest.mark.parametrize(
    "row", re.findall(r"^\| ([2-6]) \| (.+) \| `(.+)` \| (.+) \| (.+) \|$", PAGES[DOCS / "reproduce.md"], re.M)
)
def test_a_row_of_the_paper_is_as_its_file_says(row):
    table, model, typed, hours, score = row
    head = (Path(CONF) / "experiment" / f"{typed.removeprefix('experiment=')}.yaml").read_text(encoding="utf-8")
    assert f"# Table {table}, {model}: " in head
    assert f"the paper's average is {score} (" in head
    assert f"| {typed} | h100 | {hours} |" in PRICED


def test_prices_of_the_papers_rows_are_those_of_the_committed_file():
    shown = re.findall(r"^\| experiment=.*$", PAGES[DOCS / "price.md"], re.M)
    assert len(shown) > 10
    assert set(shown) <= set(PRICED.splitlines())
    totals = re.findall(r"total     34 runs on (?:h100|a100): (.+), what", PRICED)
    assert "{} of one H100 and {} of an A100".format(*totals) in PAGES[DOCS / "reproduce.md"].replace("\n", " ")


def test_every_row_of_the_paper_is_there():
    named = re.findall(r"`experiment=(table\w+)`", PAGES[DOCS / "reproduce.md"])
    assert sorted(named) == sorted(path.stem for path in (Path(CONF) / "experiment").glob("table*.yaml"))


@pytest.mark.long
def test_the_site_builds_without_a_warning_and_is_read_without_a_network(tmp_path):
    pytest.importorskip("furo", reason="make docs installs it")
    pytest.importorskip("myst_parser", reason="make docs installs it")
    words = [
        "-q",
        "-W",
        "--keep-going",
        "-c",
        "docs/site",
        "-d",
        str(tmp_path / "doctrees"),
        ".",
        str(tmp_path / "site"),
    ]
    subprocess.run([sys.executable, "-m", "sphinx", *words], cwd=ROOT, check=True)
    searched = (tmp_path / "site" / "searchindex.js").read_text(encoding="utf-8")
    for page in PAGES:
        assert f'"{page.relative_to(ROOT).with_suffix("").as_posix()}"' in searched
    for html in (tmp_path / "site").rglob("*.html"):
        loaded = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="(https?:[^"]+)"', html.read_text(encoding="utf-8"))
        assert not loaded, html
