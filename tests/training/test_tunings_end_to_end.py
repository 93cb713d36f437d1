"""Every tuning through train.py, on a small sample."""

import json
import shutil
from pathlib import Path

import pytest
from training.test_every_tuning import NAMES, on
from training.tuned import TASK_OF
from typed import call

from mlalign.data.sample import write_sample
from mlalign.reporting.results import read_results

SMALL = (
    "data=files", "data.parallel=[sample]", "data.languages=[de]", "method=none", "backbone.vocabulary_size=600",
    "backbone.layers=1", "backbone.width=32", "backbone.heads=2", "task.languages=[en,de]", "finetune.epochs=2",
    "finetune.evaluations=1", "finetune.max_length=32", "trainer=cpu", "trainer.progress=false",
    "keep_checkpoints=none", "data.lexicon=sample",
)  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small") / "sample"
    sizes = (24, 8, 8)
    write_sample(folder, seed=3, pairs=60, documents=sizes, paraphrases=sizes, sentences=sizes, questions=sizes)
    return folder


@pytest.mark.parametrize(  # they learn in tests/training/test_every_tuning.py, too
    "name",
    [
        pytest.param(one, marks=[pytest.mark.long] * (one not in ("cross_align", "self_training", "translate_train")))
        for one in NAMES
    ],
)
def test_it_runs_as_it_is_typed(root, tmp_path, name):
    own = [f"data.root={root}", f"data.cache={root.parent}/cache", f"task={TASK_OF.get(name, 'mldoc')}"]
    ended = call("train.py", [*SMALL, *own, *on(name)], tmp_path)
    assert ended.returncode == 0, ended.stderr
    (folder,) = (tmp_path / "outputs").glob("*/*/results.json")
    assert f"-none+{name}-seed1-" in folder.parent.name
    results = json.loads(folder.read_text(encoding="utf-8"))
    assert "English labels" in results["reads"]
    assert len(results["reads"]) >= 2 or name == "consistency"
    assert list(results["config"]["tuning"]) == [name]


@pytest.mark.parametrize(
    ("words", "name", "reads", "noted"),
    [
        (["method=language_adversary"], "language_adversary", ["unlabelled task text"], ["language_adversary"]),
        (
            ["method=instance_weighting", "tuning=translate_train"],
            "instance_weighting+translate_train",
            ["translated task text", "unlabelled task text"],
            ["instance_weighting", "translate_train"],
        ),
        (
            [
                "method=ppa",
                "task=pawsx",
                "align.steps=2",
                "align.batch_size=8",
                "align.max_length=32",
                "data.held_out=5",
            ],
            "ppa+code_switch",
            ["parallel text", "translated task text"],
            ["momentum_contrast", "ppa", "translation_masked_words"],
        ),
    ],
)
def test_a_method_with_a_tuning_says_what_it_is_and_read(root, tmp_path, words, name, reads, noted):
    small = [one for one in SMALL if one != "method=none"]
    ended = call("train.py", [*small, f"data.root={root}", f"data.cache={root.parent}/cache", *words], tmp_path)
    assert ended.returncode == 0, ended.stderr
    (path,) = (tmp_path / "outputs").glob("*/*/results.json")
    results = read_results(path.parent)
    assert results.name == name
    assert f"-{name}-seed1-" in path.parent.name
    assert results.reads == ["English labels", *reads]
    assert [note.split(":")[0] for note in results.notes] == noted


@pytest.mark.parametrize(
    ("file", "words", "message"),
    [
        ("tasks/mldoc/german.train.1000", ["tuning=language_adversary"], "tuning.language_adversary.unlabelled=task: "),
        ("tasks/mldoc/english.train.1000.german", ["tuning=xero_align"], "tuning.xero_align.source=translations: "),
        ("tasks/mldoc/english.train.1000.german", ["tuning=translate_train"], "tuning.translate_train.languages: "),
        ("tasks/mldoc/english.train.1000.german", ["method=ppa"], "tuning.code_switch.unit=sentence: "),
        (
            "lexicon/en-de.tsv",
            ["tuning=code_switch", "data.lexicon=nowhere/en-de.tsv"],
            "nowhere/en-de.tsv: no such file",
        ),
        ("tasks/mldoc/german.test.en", ["task.translated_test=true"], "no translated_test part for de"),
    ],
)
def test_what_is_missing_is_named_before_anything_is_loaded(root, tmp_path, file, words, message):
    (root / file).rename(root / "away")
    try:
        ended = call("train.py", [*SMALL, f"data.root={root}", "task=mldoc", *words], tmp_path)
    finally:
        (root / "away").rename(root / file)
    assert ended.returncode == 2
    assert message in ended.stderr
    assert Path(file).name in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not list(tmp_path.rglob("results.json"))


def test_a_tuning_that_is_not_chosen_has_no_keys(tmp_path):
    ended = call("train.py", ["tuning=xero_align", "tuning.code_switch.share=1"], tmp_path)
    assert ended.returncode == 2
    assert "tuning.code_switch" in ended.stderr
    assert "choose it as tuning=" in ended.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["tuning=code_switch", "data.lexicon=null"], "data.lexicon=null names none"),
        (["task=panx", "task.translated_test=true"], "only whole texts keep their label in English"),
        (["tuning=cross_align"], "whose words have no tags"),
        (["tuning=self_training", "finetune.epochs=1"], "gives labels between epochs"),
        (["task=pawsx", "tuning=self_training", "tuning.self_training.unlabelled=parallel"], "example has two texts"),
        (["tuning=[instance_weighting,self_training]"], "only English rows get a weight"),
    ],
)
def test_what_does_not_go_together_is_refused(root, tmp_path, words, message):
    ended = call("train.py", [*SMALL, f"data.root={root}", "task=mldoc", *words], tmp_path)
    assert ended.returncode == 2
    assert message in ended.stderr


def test_translate_test_is_the_english_text_scored_in_english(root, tmp_path):
    """The test part of German as it is said in English, and the same file as English test."""
    other = tmp_path / "other"
    shutil.copytree(root, other)
    shutil.copy(root / "tasks" / "mldoc" / "german.test.en", other / "tasks" / "mldoc" / "english.test")
    found = []
    for folder, language, more in ((root, "de", ["task.translated_test=true"]), (other, "en", [])):
        place = tmp_path / language
        place.mkdir()
        own = [f"data.root={folder}", f"data.cache={root.parent}/cache", "task=mldoc"]
        ended = call("train.py", [*SMALL, *own, *more], place)
        assert ended.returncode == 0, ended.stderr
        (results,) = (place / "outputs").glob("*/*/results.json")
        reads = json.loads(results.read_text(encoding="utf-8"))["reads"]
        assert ("translated test text" in reads) == bool(more)
        lines = (results.parent / "predictions" / f"{language}.jsonl").read_text(encoding="utf-8")
        found.append(lines)
    assert found[0] == found[1]
