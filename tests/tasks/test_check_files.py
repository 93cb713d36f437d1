"""A fault in any file of a task is told before anything is trained, and nothing of a test file is kept."""

import logging
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from mlalign import pipeline
from mlalign.config.folder import CONF
from mlalign.config.hydra import resolve
from mlalign.data.sample import write_sample
from mlalign.errors import DataError
from mlalign.finetuning.building import task_files
from mlalign.tasks.data import check_files

SMALL = ("data=files", "data.parallel=[sample]", "trainer=cpu", "trainer.progress=false", "task.check_sizes=false")
TASKS = {  # its words, the German test file, and what breaks its last entry
    "accuracy": (("task=mldoc",), "tasks/mldoc/german.test", lambda text: f"XCAT{text[4:]}"),
    "pairs": (("task=pawsx",), "tasks/pawsx/de/test_2k.tsv", lambda text: f"{text.rpartition(chr(9))[0]}\n"),
    "entity_f1": (("task=panx",), "tasks/panx/de/test", lambda text: f"{text.rpartition(chr(9))[0]}\tB-MISC\n"),
    "answer_f1": (("task=xquad",), "tasks/xquad/xquad.de.json", lambda text: text[:-9]),
    "retrieval_accuracy": (("task=tatoeba_retrieval",), "retrieval/tatoeba-v1/en-de.tsv", lambda text: text[:5]),
}


def config_of(root: Path, *words: str):
    with initialize_config_dir(CONF, version_base="1.3"):
        return resolve(compose("train", overrides=[*SMALL, f"data.root={root}", *words]))


@pytest.fixture
def release(tmp_path) -> Path:
    root = tmp_path / "sample"
    sizes = (30, 20, 20)
    write_sample(root, seed=3, pairs=30, documents=sizes, paraphrases=sizes, sentences=sizes, questions=sizes)
    folder = root / "retrieval" / "tatoeba-v1"
    folder.mkdir(parents=True)
    (folder / "en-de.tsv").write_bytes((root / "parallel" / "sample" / "en-de.tsv").read_bytes())
    return root


def broken(path: Path, change) -> None:
    """Break the last entry of a file."""
    lines = path.read_text(encoding="utf-8").rstrip("\n").splitlines(keepends=True)
    path.write_text("".join([*lines[:-1], change(lines[-1])]), encoding="utf-8")


@pytest.mark.parametrize("kind", TASKS)
def test_a_fault_of_the_last_test_file_stops_before_a_backbone_is_loaded(release, tmp_path, kind, monkeypatch):
    words, name, change = TASKS[kind]
    config = config_of(release, *words, "task.languages=[de]", f"output={tmp_path / 'runs'}")
    check_files(task_files(config))
    broken(release / name, change)

    def began(*_):
        raise AssertionError("the run began")

    monkeypatch.setattr(pipeline, "Backbone", began)
    with pytest.raises(DataError, match=str(release / name)):
        pipeline.run(config)


def test_labels_that_were_taken_out_and_a_broken_dev_part_are_told(release):
    folder = release / "tasks" / "mldoc"
    files = task_files(config_of(release, "task=mldoc", "task.languages=[en,de]"))
    for name in ("german.test", "english.dev"):
        whole = (folder / name).read_text(encoding="utf-8")
        lines = [f"CCAT{line[4:]}" for line in whole.splitlines(keepends=True)]
        (folder / name).write_text("".join(lines) if "test" in name else "broken\n", encoding="utf-8")
        with pytest.raises(DataError, match=name):
            check_files(files)
        (folder / name).write_text(whole, encoding="utf-8")
    check_files(files)


def test_a_label_that_nothing_learns_is_named(release, caplog):
    path = release / "tasks" / "mldoc" / "english.train.1000"
    files = task_files(config_of(release, "task=mldoc", "task.languages=[de]"))
    check_files(files)
    assert "not learned" not in caplog.text
    path.write_text(path.read_text(encoding="utf-8").replace("MCAT", "CCAT"), encoding="utf-8")
    check_files(files)
    assert f"{path}: none of 30 examples has the label MCAT of task.labels" in caplog.text


def test_nothing_is_kept_and_what_is_odd_is_said_once(release, caplog):
    path = release / "tasks" / "mldoc" / "german.test"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(".", " &amp; R&D; &#39;s.", 1), encoding="utf-8")
    files = task_files(config_of(release, "task=mldoc", "task.languages=[de]"))
    before = set(vars(files)), files.labels, dict(files.positions)
    with caplog.at_level(logging.WARNING):
        check_files(files)
        first = files.read("de", "test")
        files.read_text("de", "test")
        beside = task_files(config_of(release, "task=mldoc", "task.languages=[de]"), beside=files)
        beside.read("de", "test")
        task_files(config_of(release, "task=mldoc", "task.languages=[de]")).read_text("de", "test")
    assert (set(vars(files)), files.labels, dict(files.positions)) == before
    assert files.read("de", "test").examples is not first.examples
    said = [one.message for one in caplog.records if "HTML" in one.message]
    assert len(said) == 1
    assert said[0].startswith(f"{path}: entries with HTML entities such as &amp;, which are taken as text: 1 of 20")
