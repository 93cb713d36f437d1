"""Settings of a task that contradict each other are refused, each with its key."""

from dataclasses import replace

import pytest
from test_configs import composed

from mlalign.config.validation import task_faults
from mlalign.errors import ConfigError


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ("task=panx task.metric=accuracy", ["task.metric=accuracy", "entity_f1"]),
        ("task=pawsx task.metric=f1", ["task.metric=f1", "accuracy"]),
        ("task=panx task.format=entity", ["task.format=entity", "Did you mean entities?", "squad, table"]),
        ("task=panx task.labels=[O,B-PER,I-PER,B-LOC]", ["B-LOC", "without I-LOC"]),
        ("task=panx task.labels=[O,I-PER]", ["I-PER", "without B-PER"]),
        ("task=panx task.labels=[B-PER,I-PER]", ["O among them"]),
        ("task=panx task.labels=[O,B-PER,I-PER,LOC]", ["found LOC"]),
        ("task=panx task.labels=[O,B-,I-]", ["found B-"]),
        ("task=mldoc task.labels=[CCAT,CCAT]", ["different labels"]),
        ("task=mldoc finetune.epochs=0", ["finetune.epochs=0", "mldoc"]),
        ("task=sib200 task.table=null", ["task.table", "null"]),
        ("task=sib200 task.files=null", ["task.files"]),
        ("task=sib200 task.table.columns=[{texts:[],label:x}]", ["texts=[]", "one column"]),
    ],
)
def test_each_fault_is_named(overrides, words):
    with pytest.raises(ConfigError) as caught:
        composed(*overrides.split())
    for word in words:
        assert word in str(caught.value)


def test_every_task_with_tags_has_pairs_of_them():
    task = composed("task=panx").task
    assert not list(task_faults(task, 1))
    for label in task.labels:
        left = replace(task, labels=[other for other in task.labels if other != label])
        assert list(task_faults(left, 1))
