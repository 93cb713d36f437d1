"""From a checked configuration to a task's files and to the module that learns it."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from mlalign.config.enums import HeadForm
from mlalign.config.schema import Finetune, Train
from mlalign.config.task import Task
from mlalign.data.readers import CODES, AnyExample, Columns, Format, PartName, Table, task_formats
from mlalign.data.task_files import TaskFiles
from mlalign.errors import ConfigError
from mlalign.finetuning.module import FinetuningModule
from mlalign.finetuning.resources import Resources
from mlalign.finetuning.tuning_set import TuningSet
from mlalign.finetuning.tunings.base import Parts
from mlalign.finetuning.validation import tuning_settings
from mlalign.metrics.tasks import task_metrics
from mlalign.models.classifier import Convolution, perceptron
from mlalign.models.task_encoder import TaskEncoder
from mlalign.tasks.registry import learned_task, learned_tasks
from mlalign.training.seeding import seed_everything_for


def task_files(config: Train, *, learned: bool = True, scored: PartName = "test") -> TaskFiles:
    """The files of the task, all looked for at once.

    Args:
        config: checked.
        learned: whether English train and dev are needed too.
        scored: the part that is needed of every language.

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
    form, english = task_format(task), task.english_folder
    return TaskFiles(
        folder,
        form,
        task.labels,
        task.languages,
        label_names=task.label_names,
        train_size=task.train_size,
        on_bad_line=config.data.on_bad_line,
        english=None if english is None else (folder.parent / english, plain_format(task)),
        sizes=official_sizes(config),
        is_official=config.data.source == "hub",
        learned=learned,
        scored=scored,
        translated=task.translated_test,
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
        config: checked.
        resources: what they may read.
        dim: the encoder's width.
    """
    seed = config.finetune.seed
    assert seed is not None  # resolved
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


def finetuning_module(
    config: Train,
    encoder: TaskEncoder,
    *,
    dev: Sequence[AnyExample] = (),
    steps: int = 1,
    tunings: TuningSet | None = None,
) -> FinetuningModule:
    """The module of a task, its head not yet trained.

    Args:
        config: checked.
        encoder: aligned or not.
        dev: examples of English dev; only training looks at them.
        steps: updates of the whole run; only training counts them.
        tunings: what is done besides learning English; only training does.
    """
    settings, task = config.finetune, config.task
    assert settings.seed is not None  # resolved
    rate, head_rate = settings.learning_rate, settings.head_learning_rate
    return FinetuningModule(
        encoder,
        learned_task(task.metric, task.labels, windows=settings.windows),
        dev=dev,
        representation=settings.representation.value,
        partner=settings.partner.value,
        freeze=settings.freeze.value,
        learning_rate=rate,
        head_learning_rate=rate if head_rate is None else head_rate,
        steps=steps,
        warmup=settings.warmup,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        dropout=settings.dropout,
        seed=settings.seed,
        head=head_of(settings),
        tunings=tunings,
    )


def head_of(settings: Finetune) -> Callable[[int, int], nn.Module]:
    """What makes the head that a configuration asks for."""
    head = settings.head
    if head.form == HeadForm.linear:
        return nn.Linear
    dropout = settings.dropout if head.dropout is None else head.dropout
    if head.form == HeadForm.conv:
        return partial(
            Convolution,
            filters=head.filters,
            width=head.width,
            activation=head.activation.value,
            dropout=dropout,
        )
    return partial(perceptron, hidden=head.hidden, activation=head.activation.value, dropout=dropout)
