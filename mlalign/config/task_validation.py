"""What the settings of a task must not say."""

from collections.abc import Iterator, Sequence

from mlalign.config.enums import TaskFormat
from mlalign.config.task import Task

RETRIEVAL = "retrieval_accuracy"
METRICS = {
    TaskFormat.bitext: RETRIEVAL,
    TaskFormat.entities: "entity_f1",
    TaskFormat.slots: "entity_f1",
}  # of all other formats: accuracy


def task_faults(task: Task, epochs: int) -> Iterator[str]:
    """Yield what is wrong, with the full key, what was found and what to do."""
    metric = METRICS.get(task.format, "accuracy")
    if task.metric != metric:
        yield f"task.metric={task.metric}: task.format={task.format} is scored by {metric}"
    if (task.format == TaskFormat.table) != (task.table is not None):
        yield (
            f"task.format={task.format} with task.table={'set' if task.table else 'null'}: format "
            "table needs task.table, which says what its columns are, and no other format has it"
        )
    if task.format == TaskFormat.table and task.files is None:
        yield "task.files=null: format table needs the names of its files"
    if task.table is not None:
        for columns in task.table.columns:
            if not 1 <= len(columns.texts) <= 2:
                yield (f"task.table.columns: texts={columns.texts}: expected one column, or two for pairs of texts")
    if metric == RETRIEVAL:
        if task.labels:
            yield f"task.labels={task.labels}: nothing is labelled in task={task.name}; set []"
        if epochs:
            yield (
                f"finetune.epochs={epochs}: task={task.name} compares sentence vectors as they are "
                "and learns nothing; set finetune.epochs=0"
            )
    else:
        yield from _label_faults(task.labels, tagged=metric == "entity_f1")
        if not epochs:
            yield f"finetune.epochs=0: task={task.name} is learned; expected at least 1"


def _label_faults(labels: Sequence[str], *, tagged: bool) -> Iterator[str]:
    if len(set(labels)) < len(labels) or len(labels) < 2:
        yield f"task.labels={list(labels)}: expected at least two different labels"
    if not tagged:
        return
    if "O" not in labels:
        yield "task.labels: expected O among them, the tag of words outside any entity"
    for label in labels:
        prefix, dash, kind = label.partition("-")
        other = {"B": "I", "I": "B"}.get(prefix)
        if label == "O":
            continue
        if other is None or not dash or not kind:
            yield f"task.labels: expected O, B-TYPE and I-TYPE, found {label}"
        elif f"{other}-{kind}" not in labels:
            yield f"task.labels: {label} is there without {other}-{kind}; add it"
