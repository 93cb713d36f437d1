"""From a checked configuration to a task's files."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from mlalign.assembly import on_bad_line
from mlalign.choices import TaskFormat
from mlalign.config import Train
from mlalign.data.formats import CODES, FORMATS, Columns, Format, Table
from mlalign.data.tasks import TaskFiles
from mlalign.task_config import Task


def task_files(config: Train) -> TaskFiles:
    """The files of the task, all looked for at once.

    Raises:
        ConfigError: a language is none there is.
        DataError: a file is not there.
    """
    task, folder = config.task, task_folder(config)
    form, english = task_format(task), task.english_folder
    return TaskFiles(
        folder,
        form,
        task.labels,
        task.languages,
        label_names=task.label_names,
        train_size=task.train_size,
        on_bad_line=on_bad_line(config),
        english=None if english is None else (folder.parent / english, replace(form, codes={})),
        sizes=task.sizes if config.data.source != "sample" else None,
        is_official=config.data.source == "hub",
    )


def task_folder(config: Train) -> Path:
    """Where the files of the task lie."""
    kind = "retrieval" if config.task.format == TaskFormat.bitext else "tasks"
    return Path(config.data.root) / kind / config.task.folder


def task_format(task: Task) -> Format[Any]:
    """A reader of the task's files, and their names."""
    names: Any = None if task.files is None else asdict(task.files)
    known = None if task.language_codes is None else CODES[task.language_codes.value]
    if task.table is not None:
        table = Table(
            [Columns(**asdict(columns)) for columns in task.table.columns],
            header=task.table.header,
            is_quoted=task.table.quoted,
        )
        return table.format(names, {**(known or {}), **task.codes})
    form = FORMATS[task.format.value]
    codes = form.codes if known is None else known
    return replace(form, names=names or form.names, codes={**codes, **task.codes})
