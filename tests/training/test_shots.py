"""A few labels of target languages: which are drawn, and what learns from them."""

import shutil
from collections import Counter

import numpy as np
import pytest
import torch
from training.toy import TOPICS, configured, trainer
from training.tuned import tuned

from mlalign.data.sampling import stream
from mlalign.data.task_files import TaskFiles
from mlalign.errors import ConfigError, DataError
from mlalign.finetuning.building import task_files
from mlalign.finetuning.validation import parts_read
from mlalign.tasks.data import TaskDataModule, check_files
from mlalign.tasks.shots import draw_shots, turns


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("sizes", [(7, 7, 7), (1, 20, 3), (40,)])
def test_every_beginning_has_the_classes_as_evenly_as_they_allow(sizes, seed):
    random = np.random.default_rng(seed)
    classes = random.permutation([name for name, size in enumerate(sizes) for _ in range(size)]).tolist()
    order = turns(classes, stream(seed, "shots"))
    assert sorted(order) == list(range(len(classes)))
    for number in range(1, len(order) + 1):
        counts = Counter(classes[place] for place in order[:number])
        for one, size in enumerate(sizes):
            assert counts[one] == size or counts[one] >= max(counts.values()) - 1


def test_which_class_comes_first_and_which_of_its_rows_is_chance():
    classes = [0] * 9 + [1]
    firsts = Counter(turns(classes, stream(seed, "shots"))[0] for seed in range(400))
    assert firsts[9] == pytest.approx(200, abs=50)  # a class of one row has the same chance as one of nine
    assert all(firsts[place] == pytest.approx(200 / 9, abs=18) for place in range(9))


def test_what_is_left_out_is_not_drawn():
    found = turns([0, 1] * 5, stream(1, "shots"), [0, 3])
    assert sorted(found) == [1, 2, 4, 5, 6, 7, 8, 9]


def files_of(root, shots: str, *words: str) -> TaskFiles:
    return task_files(configured(root, "task=mldoc", "method=none", f"finetune.shots={shots}", *words))


def texts(files: TaskFiles, seed: int = 1) -> list[str]:
    return [one.texts[0] for part in draw_shots(files, seed).values() for one in part.examples]


def test_the_draw_follows_from_the_seed_and_is_a_beginning_of_a_larger_one(toy):
    few, many = texts(files_of(toy, "{de: 5}")), texts(files_of(toy, "{de: 15}"))
    assert many[:5] == few == texts(files_of(toy, "{fr: 3, de: 5}"))[3:]
    assert len(set(many)) == 15
    assert texts(files_of(toy, "{de: 5}"), seed=2) != few
    train = {one.texts[0]: one.label for one in files_of(toy, "{}").read("de", "train").examples}
    topics = Counter(train[one] for one in texts(files_of(toy, "{de: 4}")))
    assert topics == dict.fromkeys(range(len(TOPICS)), 1)


def test_what_is_scored_is_never_drawn(toy, tmp_path):
    shutil.copytree(toy, tmp_path / "toy")
    folder = tmp_path / "toy" / "tasks" / "mldoc"
    lines = (folder / "german.train.1000").read_text().splitlines()
    leaked = [f"MCAT\t{line.split(chr(9))[1].upper()} !\n" for line in lines[:15]]
    (folder / "german.test").write_text("".join([*leaked[:-1], leaked[-1].replace("MCAT", "CCAT")]))
    files = files_of(tmp_path / "toy", "{de: 5}", "task.languages=[de]")
    assert sorted(texts(files)) == sorted(line.split("\t")[1] for line in lines[15:])
    check_files(files)
    with pytest.raises(DataError, match=r"german\.train\.1000.*asks for 6 .* are 5, without 15 that stand in what is"):
        check_files(files_of(tmp_path / "toy", "{de: 6}", "task.languages=[de]"))
    (folder / "german.test.en").write_text("MCAT\tsaid in English\nCCAT\tand again\n")
    said = files_of(tmp_path / "toy", "{de: 5}", "task.languages=[de]", "task.translated_test=true")
    assert texts(said) == texts(files)


def test_no_train_part_and_too_few_rows_are_refused_by_name_and_number(toy):
    with pytest.raises(DataError, match=r"finetune\.shots=\{de: 21\} asks for 21 labelled examples, and there are 20;"):
        check_files(files_of(toy, "{de: 21}"))
    with pytest.raises(DataError, match=r"shots=\{ru: 2\}: no train part for ru in .*mldoc. Languages.*: de, en, fr"):
        files_of(toy, "{ru: 2}")
    with pytest.raises(DataError, match=r"shots=\{fr: 2\}: no train part for fr in .*panx. Languages with one: de, en"):
        task_files(configured(toy, "task=panx", "task.languages=[en,de]", "finetune.shots={fr: 2}"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["finetune.shots={en: 10}"], "en is the source"),
        (["finetune.shots={de: 0}"], r"finetune\.shots=\{'de': 0\}: expected languages with a number each"),
        (["finetune.shots={he: 1, iw: 1}"], "a language is named twice"),
        (["finetune.shots_order=after"], r"without finetune\.shots: how many labels"),
        (["finetune.shots={de: 1}", "finetune.shots_epochs=2"], r"shots_epochs=2 with finetune\.shots_order=mixed"),
        (["finetune.shots={de: 1}", "task=tatoeba_retrieval"], "which learns nothing"),
        (["finetune.shots={de: 1}", "task=pawsx", "data=hub"], "English train, translated"),
    ],
)
def test_what_contradicts_itself_is_refused(toy, words, message):
    with pytest.raises(ConfigError, match=message):
        configured(toy, *words)


def test_what_is_fetched_has_the_train_parts_that_are_drawn_from(toy):
    typed = ["task=panx", "data=hub", "finetune.shots={de: 1, sw: 2}"]
    assert parts_read(configured(toy, *typed)) == {"train": ["de", "sw"]}
    more = parts_read(configured(toy, *typed, "tuning=self_training", "tuning.self_training.languages=[fr]"))
    assert more == {"train": ["de", "sw", "fr"]}


@pytest.mark.parametrize("task", ["mldoc", "panx"])
def test_an_epoch_has_every_row_of_english_and_of_the_few_and_dev_is_english(toy, task):
    _, data = tuned(toy, "finetune.shots={de: 6}", task=task)
    rows = data.updates.at(0).rows
    assert Counter(row.language for row in rows) == {"en": 40 if task == "mldoc" else 30, "de": 6}
    seen = sorted(
        (part.language, place) for update in data.train_dataloader() for part in update.parts for place in part.examples
    )
    assert set(seen) == {(row.language, place) for place, row in enumerate(rows)}
    assert {batch.language for batch in data.val_dataloader()} == {"en"}
    alone = TaskDataModule(data.task, data.files, data.layout, batch_size=7, seed=4, labels="shots")
    assert {row.language for row in alone.updates.at(0).rows} == {"de"}
    without = TaskDataModule(data.task, data.files, data.layout, batch_size=7, seed=4, labels="source")
    assert {row.language for row in without.updates.at(0).rows} == {"en"}


@pytest.mark.parametrize(
    "name",
    [
        "translate_train",
        "language_adversary",
        *(pytest.param(one, marks=pytest.mark.long) for one in ("code_switch", "xero_align")),
    ],
)
def test_tunings_take_english_rows_alone_for_english(toy, name):
    module, data = tuned(toy, "finetune.shots={de: 6}", f"tuning={name}", f"tuning.{name}.languages=[fr]")
    few = [row for row in data.updates.labelled.rows if row.language == "de"]
    rows = module.tunings.rows(data.updates.labelled.rows, 0)
    assert [row for row in rows if row.language == "de"] == few
    given = []
    (tuning,) = module.tunings.named().values()
    tuning.pairs = lambda rows, epoch, batch: given.append(rows)
    next(iter(data.train_dataloader()))
    assert {row.language for row in given[0]} == {"en"}


def test_the_few_are_not_weighed(toy, tmp_path):
    weights = []
    for words in ([], ["finetune.shots={de: 6}"]):
        module, data = tuned(toy, "tuning=instance_weighting", "tuning.instance_weighting.temperature=0.01", *words)
        module.trainer = trainer(tmp_path)
        (tuning,) = module.tunings.named().values()
        tuning.epoch_started(module, data)
        weights.append(tuning.weights)
    assert weights[0].unique().numel() > 1
    assert torch.cat([weights[0], torch.ones(6)]).equal(weights[1])
