"""Sentence vectors as alignment compared them, for translations to be found among others."""

from typing import Any

import lightning as L
import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import DataLoader

from mlalign.distributed import all_gather_object
from mlalign.models.encoder import Encoder
from mlalign.tasks.data import TaskBatch


class SentenceVectors(L.LightningModule):
    """Makes vectors of English sentences, or of their translations.

    Args:
        encoder: aligned or not; nothing of it is trained.
        target: the language of the translations: both sides had its key in alignment.
    """

    def __init__(self, encoder: Encoder, target: str) -> None:
        super().__init__()
        self.encoder, self.target = encoder, target

    def predict_step(self, batch: TaskBatch, batch_idx: int) -> tuple[list[int], Tensor]:
        """Places and vectors of the sentences of a batch."""
        return batch.examples, self.encoder.embed(batch.subwords, self.target).float().cpu()


def sentence_vectors(
    trainer: L.Trainer, module: SentenceVectors, loader: DataLoader[TaskBatch]
) -> Float[Tensor, "sentences dim"]:
    """Vectors of all sentences, in their order."""
    predicted: Any = trainer.predict(module, loader)
    batches = [batch for part in all_gather_object(predicted) for batch in part]
    found = torch.empty(1 + max(max(places) for places, _ in batches), module.encoder.dim)
    for places, vectors in batches:
        found[places] = vectors
    return found
