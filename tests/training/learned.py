"""Small tasks that are learned, and what is known of them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import Tensor
from training.toy import TOPICS, Memory, built, trainer

from mlalign.config.schema import Finetune
from mlalign.data.readers import task_formats
from mlalign.data.sequences import SequenceBuilder
from mlalign.data.task_files import TaskFiles, TaskRelease
from mlalign.finetuning.checkpoints import CheckpointKeeper
from mlalign.finetuning.module import FinetuningModule
from mlalign.stages.finetune import learn
from mlalign.stages.run_folder import remove_unkept
from mlalign.tasks.data import TOKENS, TaskDataModule
from mlalign.tasks.registry import learned_task

TAGS = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"]


def encoder_and_layout(toy: Path, *overrides: str) -> tuple[Any, SequenceBuilder]:
    """As alignment might leave it: open gates, a prototype for each language."""
    module, data = built(toy, *overrides)
    encoder = module.encoder
    draw = torch.Generator().manual_seed(5)
    if encoder.prototypes is not None:
        for language in ("en", "de", "fr"):
            encoder.prototypes.finalise(language, torch.randn(encoder.dim, generator=draw))
    for fusion in (encoder.sentence_fusion, encoder.word_fusion):
        if fusion is not None and hasattr(fusion, "gate"):
            torch.nn.init.normal_(fusion.gate, generator=draw)
    return encoder, data.layout


def task(
    toy: Path,
    name: str = "mldoc",
    *overrides: str,
    batch_size: int = 8,
    tokens: int = TOKENS,
    **settings: Any,
):
    encoder, layout = encoder_and_layout(toy, *overrides)
    labels = TAGS if name == "panx" else list(TOPICS)
    size = None if name == "panx" else 1000
    form = task_formats()["entities" if name == "panx" else name]
    files = TaskFiles(TaskRelease(toy / "tasks" / name, form, labels, train_size=size), "available")
    kind = learned_task("entity_f1" if name == "panx" else "accuracy", labels)
    data = TaskDataModule(kind, files, layout, batch_size=batch_size, seed=4, tokens=tokens)
    given: dict[str, Any] = {"learning_rate": 1e-3, "head_learning_rate": 1e-2, "warmup": 0.1, "seed": 4, **settings}
    steps = given.pop("steps", 2 * data.batches)
    return FinetuningModule(encoder, kind, Finetune(**given), dev=data.dev.examples, steps=steps), data


def fit(
    module: FinetuningModule,
    data: TaskDataModule,
    folder: Path,
    watching: Sequence[L.Callback] = (),
    *,
    evaluations: int = 5,
    best: bool,
    memory: Memory | None = None,
) -> L.Trainer:
    made: list[L.Trainer] = []

    def make(*, folder: Path, callbacks: Any, **stage: Any) -> L.Trainer:
        watched = [*callbacks, *watching]
        made.append(trainer(folder, watched, loggers=[memory or Memory()], **stage))
        return made[0]

    module.settings = replace(module.settings, epochs=2, evaluations=evaluations)
    keeper = CheckpointKeeper(folder, data.layout, selection="english_dev" if best else "last", keep="none")
    kept = learn(module, data, keeper, make, minutes=60)
    remove_unkept(folder, kept["kept"])
    return made[0]


def learned(toy: Path, folder: Path, name: str = "mldoc", *, best: bool = True, **settings: Any):
    module, data = task(toy, name, **settings)
    return module, data, fit(module, data, folder, best=best)


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(one[key], other[key]) for key in one)


def a_batch(data: TaskDataModule, language: str = "en"):
    if language == "en":
        return next(iter(data.train_dataloader())).parts[0]
    return next(iter(data.test_loader(language)[1]))
