"""What the settings of a task must not say."""

from collections.abc import Iterator

from mlalign.config.task import Task
from mlalign.errors import did_you_mean
from mlalign.metrics.tasks import task_metrics

TABLE = "table"  # the format whose columns the task itself names


def task_faults(task: Task, epochs: int) -> Iterator[str]:
    """Yield what is wrong, with the full key, what was found and what to do."""
    scored_by = {name: metric for metric in task_metrics().values() for name in metric.formats}
    metric, known = scored_by.get(task.format), sorted(scored_by)
    if metric is None:
        hint = did_you_mean(task.format, known)
        yield f"task.format={task.format}: no such format{hint}. Choices: {', '.join(known)}"
        return
    if task.metric != metric.name:
        yield f"task.metric={task.metric}: task.format={task.format} is scored by {metric.name}"
    if (task.format == TABLE) != (task.table is not None):
        yield (
            f"task.format={task.format} with task.table={'set' if task.table else 'null'}: format "
            "table needs task.table, which says what its columns are, and no other format has it"
        )
    if task.format == TABLE and task.files is None:
        yield "task.files=null: format table needs the names of its files"
    if task.table is not None:
        for columns in task.table.columns:
            if not 1 <= len(columns.texts) <= 2:
                yield (f"task.table.columns: texts={columns.texts}: expected one column, or two for pairs of texts")
    yield from metric.label_faults(task.labels, task.name)
    if epochs and not metric.is_learned:
        yield (
            f"finetune.epochs={epochs}: task={task.name} compares sentence vectors as they are "
            "and learns nothing; set finetune.epochs=0"
        )
    if metric.is_learned and not epochs:
        yield f"finetune.epochs=0: task={task.name} is learned; expected at least 1"
