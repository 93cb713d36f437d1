"""Texts that have any number of labels each."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from mlalign.data.readers.emotions import MultiLabelledText
from mlalign.metrics.tasks.multi_label import LabelF1
from torch import Tensor
from torch.nn import functional

from mlalign.data.readers import RawText
from mlalign.data.sequences import SequenceBuilder
from mlalign.metrics.tasks import Prediction
from mlalign.tasks.base import IGNORED, LearnedTask, Prepared, TaskBatch


class MultiLabel(LearnedTask[MultiLabelledText, list[float]]):
    """A linear layer on the sentence vector gives a logit for each label; a label above 0 is predicted."""

    metric = LabelF1()
    on_tokens = False
    is_plain = False

    def encode(self, examples: Sequence[MultiLabelledText], language: str, builder: SequenceBuilder) -> list[Prepared]:
        """A text that is too long is cut."""
        words = builder.words([one.text for one in examples])
        marks = [[int(label in one.labels) for label in range(len(self.labels))] for one in examples]
        return [
            Prepared(builder.single(text, language), own, place)
            for place, (text, own) in enumerate(zip(words, marks, strict=True))
        ]

    def loss(
        self, outputs: Tensor, batch: TaskBatch, weights: Float[Tensor, " batch"] | None = None
    ) -> Float[Tensor, ""]:
        """Binary cross entropy summed over texts and labels; ln 2 for each at chance."""
        outputs = outputs.to(torch.promote_types(outputs.dtype, torch.float32))
        targets = batch.labels.clamp(min=0).to(outputs.dtype)
        losses = functional.binary_cross_entropy_with_logits(outputs, targets, reduction="none")
        losses = losses * (batch.labels != IGNORED)
        return (losses if weights is None else losses * weights[:, None]).sum()

    def unlabelled(self, raw: RawText, language: str) -> MultiLabelledText:
        """Without any label."""
        return MultiLabelledText(raw.id, raw.texts[0], ())

    def decode(self, outputs: Tensor, batch: TaskBatch) -> list[list[float]]:
        """The logits."""
        return outputs.float().tolist()

    def merge(self, pieces: Sequence[list[float]]) -> list[float]:
        """A text is one piece."""
        (whole,) = pieces
        return whole

    def prediction(self, example: MultiLabelledText, decoded: list[float]) -> Prediction:
        """The labels' names, in the order of the task's list."""
        predicted = [label for label, logit in zip(self.labels, decoded, strict=True) if logit > 0]
        return Prediction(example.id, list(example.gold(self.labels)), predicted)

    def is_finite(self, decoded: list[float]) -> bool:
        """Whether all logits are."""
        return all(map(math.isfinite, decoded))
