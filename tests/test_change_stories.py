"""The change stories of the docs: the files that they add are all that a new loss and a new type of task cost."""

import csv
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from additions import ADDED, BLOCK, CONF, ROOT, STORIES, added_files, additions, told
from omegaconf import OmegaConf
from training.toy import SMALL, WORDS, alone, cipher, configured, sentences, write_toy
from typed import call

from mlalign.alignment.validation import check_losses
from mlalign.data.readers import task_formats
from mlalign.errors import ConfigError, DataError
from mlalign.tasks.registry import learned_tasks

EMOTIONS = OmegaConf.load(ADDED / "conf" / "task" / "emotions.yaml").task.labels


@pytest.fixture(autouse=True, scope="module")
def _added():
    with additions():
        yield


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """With tweets whose subject tells one emotion and whose object another."""
    root = write_toy(tmp_path_factory.mktemp("stories"))
    folder = root / "tasks" / "emotions"
    folder.mkdir()
    for name, language, size in (
        ("En-train", "en", 240), ("En-dev", "en", 16), ("En-test-gold", "en", 16), ("Es-test-gold", "de", 16),
    ):  # fmt: skip
        lines = ["\t".join(["ID", "Tweet", *EMOTIONS])]
        for number, one in enumerate(sentences(size, seed=len(name))):
            subject, _, thing, _ = one.split()
            marks = ["0"] * len(EMOTIONS)
            marks[WORDS["subject"].index(subject) % 4] = marks[4 + WORDS["object"].index(thing) % 4] = "1"
            lines.append("\t".join([f"{name}-{number}", cipher(one, language), *marks]))
        (folder / f"2018-E-c-{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def test_every_added_file_is_told_as_the_diff_that_adds_it():
    text = STORIES.read_text(encoding="utf-8")
    assert sorted(BLOCK.findall(text)) == added_files()
    assert told() == text, "python tests/additions.py writes the diffs anew"


def test_the_diffs_apply_to_this_checkout(tmp_path):
    found = "".join(one.group().split("\n", 1)[1].removesuffix("```\n") for one in BLOCK.finditer(told()))
    checked = subprocess.run(
        ["git", "apply", "--numstat", "-p0", "-"], input=found, cwd=ROOT, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr
    assert sorted(line.split("\t")[2] for line in checked.stdout.splitlines()) == added_files()
    assert not [name for name in added_files() if (ROOT / name).exists()]


@pytest.mark.parametrize("name", ["barlow_twins", "queue_contrast"])
def test_one_file_and_one_yaml_are_a_new_loss(toy, tmp_path, name):
    """Trained by train.py itself."""
    words = [
        *SMALL, CONF, *alone(name), "align.steps=2", f"data.root={toy}", f"data.cache={toy}/cache", "task=mldoc",
        "task.languages=[en,de]", "finetune.epochs=1", "finetune.max_length=32",
        "+trainer.options.log_every_n_steps=1",
    ]  # fmt: skip
    ended = call("train.py", words, tmp_path)
    assert ended.returncode == 0, ended.stderr
    (curves,) = (tmp_path / "outputs" / "aligned").rglob("curves.csv")
    rows = list(csv.DictReader(curves.open(encoding="utf-8")))
    losses = [float(row[f"align/loss/{name}"]) for row in rows if row.get(f"align/loss/{name}")]
    assert len(losses) >= 2
    assert all(0 < one < float("inf") for one in losses)


def test_the_settings_of_a_new_loss_are_checked(toy):
    settings = {"weight": 1.0, "view": "masked", "redundancy": 0.01}
    config = replace(configured(toy, "method=inter_sentence"), losses={"barlow_twins": settings})
    assert check_losses(config).losses == {"barlow_twins": settings}
    config = replace(config, losses={"barlow_twins": settings | {"redundancy": 0}})
    with pytest.raises(ConfigError, match=r"losses\.barlow_twins\.redundancy=0\.0: expected above 0"):
        check_losses(config)


def test_a_type_of_task_is_trained_scored_and_found_again(toy, tmp_path):
    """By train.py itself; what holds of every type is in tests/tasks/test_types.py."""
    words = [
        *SMALL, CONF, "method=none", "task=emotions", f"data.root={toy}", "finetune.epochs=12",
        "finetune.evaluations=1", "finetune.learning_rate=1e-2", "finetune.batch_size=16", "finetune.max_length=32",
    ]  # fmt: skip
    ended = call("train.py", words, tmp_path)
    assert ended.returncode == 0, ended.stderr
    (file,) = (tmp_path / "outputs").rglob("results.json")
    results = json.loads(file.read_text(encoding="utf-8"))
    assert results["metric"] == "label_f1"
    assert results["scores"].keys() == {"en", "es"}
    assert results["scores"]["en"] > 60, results["scores"]  # 18 where two of eleven are drawn
    written = file.stat().st_mtime_ns
    again = call("train.py", words, tmp_path)
    assert again.returncode == 0, again.stderr
    assert "This run is finished" in again.stderr
    assert file.stat().st_mtime_ns == written
    table = call("evaluate.py", ["runs=outputs/**"], tmp_path)
    assert "label F1 in per cent" in table.stdout, table.stderr


def test_a_file_of_a_new_reader_is_refused_with_its_line(toy, tmp_path):
    path = Path(tmp_path) / "2018-E-c-En-dev.txt"
    path.write_text("ID\tTweet\tanger\tjoy\n1\tone\t0\t1\n2\ttwo\tNONE\tNONE\n", encoding="utf-8")
    read, given = task_formats()["emotions"].read, {"language": "en", "part": "dev", "on_bad_line": "error"}
    with pytest.raises(DataError, match=r"En-dev\.txt, line 3: expected .* each of 2 emotions"):
        read(path, {"anger": 0, "joy": 1}, **given)
    with pytest.raises(DataError, match=r"En-dev\.txt, line 1: expected the emotion anger, found 'joy'"):
        read(path, {"anger": 0}, **given)


def test_they_are_found_inside_alone():
    assert "label_f1" in learned_tasks()
