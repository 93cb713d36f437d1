"""Held-out pairs go through the encoder; their vectors are collected and then measured."""

import torch

from mlalign.data.languages import ENGLISH
from mlalign.data.parallel import HeldOutBatch
from mlalign.errors import TrainingError
from mlalign.metrics.held_out import HeldOutPairs, held_out_measures, prototype_cosines
from mlalign.models.task_encoder import TaskEncoder


class HeldOut:
    """Collects vectors language by language, as at inference.

    Args:
        encoder: in evaluation mode.
        seed: of the language probe.
    """

    def __init__(self, encoder: TaskEncoder, seed: int) -> None:
        self.encoder, self.seed = encoder, seed
        self.pivot = ENGLISH  # or what the batches say
        self._parts: dict[str, list[HeldOutPairs]] = {}

    @torch.no_grad()
    def add(self, batch: HeldOutBatch) -> None:
        """Encode a batch."""
        source = self.encoder.embedded(batch.source, batch.language, batch.pivot)
        target = self.encoder.embedded(batch.target, batch.language, batch.language)
        self.pivot = batch.pivot
        self._parts.setdefault(batch.language, []).append(
            HeldOutPairs(
                source.sentence.float(),
                target.sentence.float(),
                source.mean.float(),
                target.mean.float(),
                batch.source_keys,
                batch.target_keys,
            )
        )

    def measures(self) -> dict[str, float]:
        """What ``held_out_measures`` and ``prototype_cosines`` say; then forgets the vectors.

        Raises:
            TrainingError: a vector is not finite.
        """
        parts, self._parts = self._parts, {}
        pairs = {language: HeldOutPairs(*map(torch.cat, zip(*rows, strict=True))) for language, rows in parts.items()}
        for language, one in pairs.items():
            if not all(vectors.isfinite().all() for vectors in one[:4]):
                raise TrainingError(
                    f"align: sentence vectors of {language} are non-finite; lower "
                    "align.learning_rate.* or set align.max_grad_norm"
                )
        if not pairs:
            return {}
        found = held_out_measures(pairs, source=self.pivot, seed=self.seed)
        found["chance"] = 100 / min(len(one.source) for one in pairs.values())
        prototypes = self.encoder.prototypes
        if prototypes is not None and prototypes.seen.all():
            found |= prototype_cosines(prototypes.vectors, prototypes.languages, self.pivot)
        return found
