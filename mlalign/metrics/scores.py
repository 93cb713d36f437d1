"""The two numbers that tasks are judged by, in per cent."""

from collections.abc import Sequence
from typing import Any

import torch
from torchmetrics.classification import MulticlassAccuracy

from mlalign.metrics.spans import SpanF1


def accuracy(predicted: Sequence[int], gold: Sequence[int], labels: Sequence[str]) -> float:
    """Share of texts with the right label."""
    metric = MulticlassAccuracy(num_classes=len(labels), average="micro")
    return 100 * float(metric(torch.tensor(predicted), torch.tensor(gold)))


def entity_f1(predicted: Sequence[Sequence[int]], gold: Sequence[Sequence[int]], labels: Sequence[str]) -> float:
    """F1 of whole entities, type and both ends right, over all types together."""
    metric = SpanF1()
    named = [[[labels[tag] for tag in tags] for tags in side] for side in (predicted, gold)]
    return 100 * float(metric(*named))


METRICS: dict[str, Any] = {"accuracy": accuracy, "entity_f1": entity_f1}
