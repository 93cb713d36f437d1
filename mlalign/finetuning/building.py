"""From a checked configuration to a task's files and the tunings that learn from them."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from mlalign.config.schema import Train
from mlalign.config.task import Task
from mlalign.data.readers import CODES, AnyExample, Columns, Format, PartName, Table, task_formats
from mlalign.data.task_files import TaskFiles, TaskRelease
from mlalign.errors import ConfigError
from mlalign.finetuning.resources import Resources
from mlalign.finetuning.tuning_set import TuningSet
from mlalign.finetuning.tunings.base import Parts
from mlalign.finetuning.validation import tuning_settings
from mlalign.metrics.tasks import task_metrics
from mlalign.tasks.registry import learned_tasks
from mlalign.training.seeding import seed_everything_for

PARTLY = "not comparable with the whole task"


def task_files(
    config: Train, *, learned: bool = True, scored: PartName = "test", beside: TaskFiles | None = None
) -> TaskFiles:
    """The files of the task, all looked for at once.

    Args:
        learned: whether train and dev of the source are needed too.
        scored: the part that is needed of every language.
        beside: others of the same run, which told what is odd about what they read.

    Raises:
        ConfigError: a language is none there is.
        DataError: a file is not there.
    """
    task, folder = config.task, task_folder(config)
    if task.translated_test and (task.metric not in learned_tasks() or learned_tasks()[task.metric].on_tokens):
        raise ConfigError(
            f"task.translated_test=true with task={task.name}: only whole texts keep their label in English; "
            "set task.translated_test=false"
        )
    english = None if task.english_folder is None else (folder.parent / task.english_folder, plain_format(task))
    release = TaskRelease(
        folder,
        task_format(task),
        task.labels,
        label_names=task.label_names,
        train_size=task.train_size,
        on_bad_line=config.data.on_bad_line,
        english=english,
        sizes=official_sizes(config),
        is_official=config.data.source == "hub",
        max_train=task.max_train,
        max_test=task.max_test,
    )
    return TaskFiles(
        release,
        task.languages,
        learned=learned,
        scored=scored,
        translated=task.translated_test,
        shots=config.finetune.shots,
        source=task.source,
        examined=None if beside is None else beside.examined,
    )


def official_sizes(config: Train) -> dict[str, dict[str, int]]:
    """Rows of the task's official release, as far as they are to be checked."""
    task = config.task
    return asdict(task.sizes) if task.check_sizes and config.data.source != "sample" else {}


def task_folder(config: Train) -> Path:
    """Where the files of the task lie."""
    kind = "retrieval" if task_metrics()[config.task.metric].is_bilingual else "tasks"
    return Path(config.data.root) / kind / config.task.folder


def plain_format(task: Task) -> Format[AnyExample]:
    """A reader of files of the same kind from another release, with ISO codes in their names."""
    files = task.files if task.table is not None else None
    return replace(task_format(replace(task, files=files)), codes={})


def task_format(task: Task) -> Format[AnyExample]:
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
    form = task_formats()[task.format]
    codes = form.codes if known is None else known
    return replace(form, names=names or form.names, codes={**codes, **task.codes})


def build_tunings(config: Train, resources: Resources, dim: int) -> TuningSet:
    """The tunings of a configuration.

    Args:
        resources: what they may read.
        dim: the encoder's width.
    """
    seed = config.finetune.own_seed
    built = {}
    for name, (kind, settings) in tuning_settings(config).items():
        seed_everything_for(seed, "tuning", name)
        built[name] = kind(
            settings, Parts(name, dim, seed, config.finetune.batch_size, config.finetune.epochs, resources)
        )
    return TuningSet(built)


def require_resources(config: Train, resources: Resources) -> None:
    """Look for everything that the tunings of a configuration read.

    Raises:
        UserError: something is missing: the key, what was looked for, what to do.
    """
    for _, settings in tuning_settings(config).values():
        settings.require(resources)


def notes_on_limits(task: Task) -> set[str]:
    """What results say of a task of which not all is learned."""
    most = task.max_train
    return set() if most is None else {f"{PARTLY}: at most {most} examples of the source are learned (task.max_train)"}


def notes_on_scored(task: Task, part: PartName) -> set[str]:
    """What results say of a part of which not all is scored."""
    most = task.max_test if part == "test" else None
    said = f"{PARTLY}: at most {most} test examples of a language are scored (task.max_test)"
    return set() if most is None else {said}
