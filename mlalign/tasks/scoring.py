"""A part of a task in one language: predicted, written and scored."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning as L
from torch.utils.data import DataLoader

from mlalign.data.readers import AnyExample, Part
from mlalign.data.readers.records import Example
from mlalign.distributed import all_gather_object, is_rank_zero
from mlalign.errors import TrainingError
from mlalign.files import FileRecord, sha256_of, write_whole
from mlalign.metrics.tasks import Prediction
from mlalign.reporting import strict_json
from mlalign.tasks.base import Decoded, LearnedTask, TaskBatch
from mlalign.wording import plural

HEADLINE = "scores"  # the key of the metric itself in the results


def predict(
    trainer: L.Trainer, module: L.LightningModule, task: LearnedTask[Example, Decoded], loader: DataLoader[TaskBatch]
) -> list[Decoded]:
    """What the module says of every example, decoded, in file order, those of all ranks."""
    batches: Any = trainer.predict(module, loader)
    return task.merged([piece for part in all_gather_object(batches) for batch in part for piece in batch])


def score_part(
    trainer: L.Trainer,
    module: L.LightningModule,
    task: LearnedTask[Example, Decoded],
    part: Part[Example],
    loader: DataLoader[TaskBatch],
    path: Path | None,
    *,
    language: str,
) -> dict[str, float]:
    """Predict a part, write the predictions to a file if there is to be one, and score them.

    Returns:
        Key in the results -> per cent: ``HEADLINE``, and what the type of task has beside it.

    Raises:
        TrainingError: a number that decided a prediction is not finite.
    """
    decoded = predict(trainer, module, task, loader)
    diverged = sum(not task.is_finite(one) for one in decoded)
    if diverged:
        raise TrainingError(
            f"non-finite probabilities in {language}: of {diverged} of {plural(len(decoded), 'example')} of "
            f"{part.path}; the weights have diverged: lower finetune.learning_rate"
        )
    predictions = task.predictions(part.examples, decoded)
    if path is not None and is_rank_zero():
        write_predictions(path, predictions)
    return {HEADLINE: task.metric.score(predictions), **task.metric.scores_beside(predictions)}


def write_predictions(path: Path, predictions: Sequence[Prediction]) -> None:
    """One JSON object a line: id, gold, predicted and what else the type of task has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, "".join(strict_json.dumps(one.to_json()) + "\n" for one in predictions))


def add_records(data: dict[str, FileRecord], part: Part[AnyExample]) -> None:
    """Note the files of a part for the results; one file can hold several parts and languages."""
    for path in (part.path, part.beside):
        if path is not None:
            if str(path) not in data:
                data[str(path)] = {"rows": 0, "sha256": sha256_of(path)}
            data[str(path)]["rows"] += part.rows
            for reason, count in part.dropped.items():
                left_out = data[str(path)].setdefault("left_out", {})
                left_out[reason] = left_out.get(reason, 0) + count
