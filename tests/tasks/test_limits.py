"""Not all of a task: the same examples for every run, counted, and said wherever their scores are."""

from dataclasses import replace

import pytest
from reporting.made import results

from mlalign.config.task import Task
from mlalign.data.readers import task_formats
from mlalign.data.task_files import TaskFiles, TaskRelease
from mlalign.finetuning.building import notes_on_limits, notes_on_scored
from mlalign.reporting.paper import reason_against

TOPICS = ("CCAT", "ECAT", "GCAT", "MCAT")
NAMES = {"train": "english.train.1000", "dev": "english.dev", "en": "english.test", "de": "german.test"}


@pytest.fixture
def release(tmp_path) -> TaskRelease:
    for name in NAMES.values():
        lines = [f"{TOPICS[number % 4]}\t{name} {number}\n" for number in range(40)]
        (tmp_path / name).write_text("".join(lines), encoding="utf-8")
    return TaskRelease(tmp_path, task_formats()["mldoc"], TOPICS, train_size=1000)


def numbers(release: TaskRelease, language: str, part: str) -> list[int]:
    read = TaskFiles(release, ["en", "de"]).read(language, part)
    assert read.rows == 40
    return [int(one.parts[0].split()[-1]) for one in read.examples]


def test_of_each_part_so_many_are_drawn_in_file_order_the_same_in_every_language(release):
    few = replace(release, max_train=10, max_test=7)
    assert numbers(few, "en", "train") == sorted(numbers(few, "en", "train"))
    assert len(numbers(few, "en", "train")) == 10
    assert numbers(few, "en", "dev") == list(range(40))
    assert len(numbers(few, "en", "test")) == 7
    assert numbers(few, "en", "test") == numbers(few, "de", "test") != list(range(7))


def test_fewer_are_among_more_and_a_limit_above_all_changes_nothing(release):
    drawn = [set(numbers(replace(release, max_test=most), "de", "test")) for most in (5, 20, 40, 99)]
    assert drawn[0] < drawn[1] < drawn[2] == drawn[3] == set(range(40))
    assert TaskFiles(replace(release, max_test=40), ["de"], learned=False).read("de", "test").dropped == {}


def test_what_is_not_drawn_is_counted_and_the_file_is_held_to_its_official_size(release):
    few = replace(release, max_test=7, is_official=True, sizes={"test": {"each": 40}})
    assert TaskFiles(few, ["de"], learned=False).read("de", "test").dropped == {"not drawn, task.max_test=7": 33}


def test_results_say_it_and_the_paper_does_not_stand_beside_them():
    few = replace(Task(), max_test=7)
    assert notes_on_limits(few) == notes_on_scored(Task(), "test") == notes_on_scored(few, "dev") == set()
    (note,) = notes_on_scored(few, "test")
    assert "at most 7 test examples" in note
    assert "not comparable" in note
    whole = results(data={"source": "hub", "root": "data/hub"})
    capped = replace(whole, config={**whole.config, "task": {"max_test": 7}})
    assert "task.max_test" not in str(reason_against("main", "table2_mldoc", "mldoc", [whole]))
    assert "task.max_test" in str(reason_against("main", "table2_mldoc", "mldoc", [whole, capped]))
    few = replace(whole, config={**whole.config, "finetune": {"shots": {"de": 10}}})
    assert "finetune.shots" in str(reason_against("main", "table2_mldoc", "mldoc", [whole, few]))
