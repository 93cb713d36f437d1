"""From a checked configuration to a task's files and to the module that learns it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlalign.assembly import on_bad_line
from mlalign.config import Train
from mlalign.data.formats import PartName
from mlalign.data.tasks import TaskFiles
from mlalign.errors import ConfigError
from mlalign.metrics.scores import METRICS
from mlalign.models.encoder import Encoder
from mlalign.modules.finetuning import FinetuningModule


def task_files(config: Train, *, learned: bool = True, scored: PartName = "test") -> TaskFiles:
    """The files of the task, all looked for at once.

    Args:
        config: checked.
        learned: whether English train and dev are needed too.
        scored: the part that is needed of every language.

    Raises:
        ConfigError: the metric or a language is none there is.
        DataError: a file is not there.
    """
    task = config.task
    if task.metric not in METRICS:
        raise ConfigError(f"task.metric={task.metric}: expected one of {', '.join(METRICS)}")
    return TaskFiles(
        Path(config.data.root) / "tasks" / task.folder,
        task.format.value,
        task.labels,
        task.languages,
        train_size=task.train_size,
        on_bad_line=on_bad_line(config),
        learned=learned,
        scored=scored,
    )


def finetuning_module(
    config: Train, encoder: Encoder, *, gold: Sequence[Any] = (), steps: int = 1
) -> FinetuningModule:
    """The module of a task, its head not yet trained.

    Args:
        config: checked.
        encoder: aligned or not.
        gold: labels of English dev; only training looks at them.
        steps: updates of the whole run; only training counts them.
    """
    settings, task = config.finetune, config.task
    assert settings.seed is not None  # resolved
    rate, head_rate = settings.learning_rate, settings.head_learning_rate
    return FinetuningModule(
        encoder,
        task.labels,
        tagging=task.metric == "entity_f1",
        metric=task.metric,
        gold=gold,
        representation=settings.representation.value,
        partner=settings.partner.value,
        freeze=settings.freeze.value,
        learning_rate=rate,
        head_learning_rate=rate if head_rate is None else head_rate,
        steps=steps,
        warmup=settings.warmup,
        weight_decay=settings.weight_decay,
        dropout=settings.dropout,
        seed=settings.seed,
    )
