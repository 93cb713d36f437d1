"""Tunings on the toy, built as a run builds them."""

from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
from training.toy import aligner, configured, state, trainer

from mlalign.data.sequences import SequenceBuilder
from mlalign.finetuning.building import build_tunings, require_resources, task_files
from mlalign.finetuning.module import FinetuningModule
from mlalign.finetuning.resources import Resources
from mlalign.models.encoder import Encoder
from mlalign.stages.dictionary import lexicon_of
from mlalign.stages.parallel_text import ParallelText
from mlalign.tasks.data import TaskDataModule
from mlalign.tasks.registry import learned_task
from mlalign.training.adapting import adapt

SETTINGS = (
    "method=none", "finetune.partner=mean", "finetune.epochs=2", "finetune.learning_rate=1e-3",
    "finetune.batch_size=7", "data.lexicon=sample", "finetune.max_length=32", "finetune.seed=4",
)  # fmt: skip
TASK_OF = {"cross_align": "panx"}  # others learn topics
TASKS = {"mldoc": ("task=mldoc",), "panx": ("task=panx", "task.languages=[en,de]")}


def tuned(
    toy: Path, *overrides: str, task: str | None = None, tokens: int = 60, workers: int = 0
) -> tuple[FinetuningModule, TaskDataModule]:
    """What a configuration learns, and from what; the encoder is not aligned, batches come in several parts."""
    chosen = (one.removeprefix("tuning=") for one in overrides if one.startswith("tuning="))
    task = task or next((TASK_OF[one] for one in chosen if one in TASK_OF), "mldoc")
    config = configured(toy, *SETTINGS, *TASKS[task], *overrides)
    model, tokenizer = aligner(toy, "method=none").backbone.load("eager")
    adapter = config.backbone.adapter
    if adapter.form is not None:
        adapt(model, adapter, seed=4)
    encoder = Encoder(model, pool="first")
    files, text = task_files(config), ParallelText(config)
    resources = Resources(config, files, lambda: text.files, partial(lexicon_of, config, text))
    require_resources(config, resources)
    tunings = build_tunings(config, resources, encoder.dim)
    layout = SequenceBuilder(tokenizer, {}, max_length=config.finetune.max_length)
    data = TaskDataModule(
        learned_task(config.task.metric, config.task.labels, windows=config.finetune.windows), files, layout,
        batch_size=config.finetune.batch_size, seed=4, tokens=tokens, workers=workers, changes=tunings,
    )  # fmt: skip
    steps = config.finetune.epochs * data.batches
    return FinetuningModule(
        encoder,
        data.task,
        config.finetune,
        dev=data.dev.examples,
        steps=steps,
        tunings=tunings,
        adapter_rate=adapter.learning_rate,
    ), data


def fitted(module: FinetuningModule, data: TaskDataModule, folder: Path, epochs: int = 2) -> L.Trainer:
    """Train it."""
    loop = trainer(folder, max_epochs=epochs, enable_checkpointing=False, limit_val_batches=0)
    loop.fit(module, data)
    return loop


def learned(toy: Path, folder: Path, *overrides: str, **settings: Any) -> dict[str, Any]:
    """The weights of the encoder and the head after two epochs."""
    module, data = tuned(toy, *overrides, **settings)
    fitted(module, data, folder)
    return {name: one for name, one in state(module).items() if not name.startswith("tunings.")}
