"""What a module makes of texts in between, without learning from them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import torch
from lightning.fabric.utilities import move_data_to_device

from mlalign.tasks.base import TaskBatch
from mlalign.tasks.updates import EpochRows

if TYPE_CHECKING:
    from mlalign.finetuning.module import FinetuningModule
    from mlalign.tasks.data import TaskDataModule

Read = TypeVar("Read")


def read_all(
    module: "FinetuningModule", data: "TaskDataModule", rows: EpochRows, read: Callable[[TaskBatch], Read]
) -> list[tuple[TaskBatch, Read]]:
    """What is read off all rows, in batches within the budget, as when it is scored and without gradients.

    Every rank goes through all of them.

    Args:
        module: in training mode, as it is left; with the precision of its trainer.
        data: whose budget is kept.
        rows: encoded.
        read: a batch on the module's device -> what is kept of it.
    """
    module.eval()
    with torch.no_grad(), module.trainer.precision_plugin.forward_context():
        moved = (move_data_to_device(batch, module.device) for batch in data.updates.batches(rows))
        found = [(batch, read(batch)) for batch in moved]
    module.train()
    return found
