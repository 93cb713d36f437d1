"""Fine-tuning and scoring by two ranks are those of one process."""

from pathlib import Path
from typing import Any

import pytest
import torch
from training.toy import aligner, configured, state, trainer, without_dropout
from two_ranks import in_ranks

from mlalign.data.sequences import SequenceBuilder
from mlalign.distributed import barrier
from mlalign.finetuning.building import task_files
from mlalign.finetuning.module import FinetuningModule
from mlalign.models.encoder import Encoder
from mlalign.tasks.data import TaskDataModule
from mlalign.tasks.registry import learned_task
from mlalign.tasks.scoring import predict, score_part

SETTINGS = (
    "method=none", "finetune.dropout=0", "finetune.partner=mean", "finetune.epochs=1",
    "finetune.learning_rate=1e-3", "finetune.batch_size=13",
)  # fmt: skip
TASKS = {"mldoc": (), "panx": ("task.languages=[en,de]",)}


def learned(toy: Path, folder: Path, task: str) -> dict[str, Any]:
    """What an epoch in float64 leaves, and what is then said of the test parts."""
    config = configured(toy, *SETTINGS, f"task={task}", *TASKS[task])
    model, tokenizer = aligner(toy, "method=none").backbone.load("eager")
    files, layout = task_files(config), SequenceBuilder(tokenizer, {}, max_length=config.finetune.max_length)
    data = TaskDataModule(
        learned_task(config.task.metric, config.task.labels), files, layout, batch_size=13, seed=1, tokens=40
    )  # of several parts
    module = FinetuningModule(
        Encoder(model, pool="first"), data.task, config.finetune, dev=data.dev.examples, steps=data.batches
    )
    without_dropout(module)
    module.double()
    loop = trainer(folder, max_epochs=1, enable_checkpointing=False)
    loop.fit(module, data)
    found: dict[str, Any] = {
        "state": state(module),
        "loss": float(loop.callback_metrics["finetune/loss"]),
        "dev": float(loop.callback_metrics["finetune/dev"]),
    }
    for language in files.languages:
        part, loader = data.test_loader(language)
        quiet = trainer(folder)
        found[f"{language} labels"] = [getattr(one, "label", one) for one in predict(quiet, module, data.task, loader)]
        score = score_part(quiet, module, data.task, part, loader, folder / f"{language}.jsonl", language=language)
        found[f"{language} score"] = score
        barrier()  # for the first rank to write it
        found[f"{language} file"] = (folder / f"{language}.jsonl").read_text()
    return found


def all_tasks(toy: Path, folder: Path) -> list[Any]:
    return [learned(toy, folder / task, task) for task in TASKS]


@pytest.fixture(scope="module")
def alone(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    found = all_tasks(toy, tmp_path_factory.mktemp("alone"))
    return dict(zip(TASKS, found, strict=True))


@pytest.fixture(scope="module")
def ranks(toy: Path, alone: Any, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("ranks")
    found = in_ranks(2, folder, all_tasks, toy, folder)
    return [dict(zip(TASKS, one, strict=True)) for one in found]


@pytest.mark.parametrize("task", TASKS)
def test_two_ranks_learn_what_one_process_learns(alone, ranks, task):
    for found in ranks:
        expected = alone[task]
        torch.testing.assert_close(found[task]["state"], expected["state"], rtol=1e-9, atol=1e-9)
        assert found[task]["loss"] == pytest.approx(expected["loss"], rel=1e-6)
        assert found[task]["dev"] == expected["dev"]


@pytest.mark.parametrize("task", TASKS)
def test_every_example_is_scored_once(alone, ranks, task):
    for found in ranks:
        for key in alone[task].keys() - {"state", "loss", "dev"}:
            assert found[task][key] == alone[task][key]
