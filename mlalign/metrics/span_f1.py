"""The F1 of predicted spans as a metric of torchmetrics."""

import torch
from torch import Tensor
from torchmetrics import Metric

from mlalign.metrics.spans import spans


class SpanF1(Metric):
    """F1 of entities, all types together: an entity counts if its type and both ends are right.

    Tags outside any entity do not count. 0 when no entity is right, also when there is none at
    all. Counts are summed over processes, so that each sentence must be seen by one of them only.
    """

    full_state_update = False
    correct: Tensor
    predicted: Tensor
    gold: Tensor

    def __init__(self) -> None:
        super().__init__()
        for state in ("correct", "predicted", "gold"):
            self.add_state(state, default=torch.tensor(0), dist_reduce_fx="sum")

    def update(self, predicted: list[list[str]], gold: list[list[str]]) -> None:
        """Count the entities of some sentences.

        Raises:
            ValueError: the numbers of sentences, or of tags of a sentence, differ.
        """
        if len(predicted) != len(gold):
            raise ValueError(
                f"expected as many predicted as gold sentences, found {len(predicted)} predicted and {len(gold)} gold"
            )
        correct = predicted_spans = gold_spans = 0
        for number, (guess, truth) in enumerate(zip(predicted, gold, strict=True)):
            if len(guess) != len(truth):
                raise ValueError(
                    f"sentence {number}: expected one predicted tag per gold tag, found {len(guess)} for {len(truth)}"
                )
            guessed, true = spans(guess), spans(truth)
            correct += len(guessed & true)
            predicted_spans += len(guessed)
            gold_spans += len(true)
        self.correct += correct
        self.predicted += predicted_spans
        self.gold += gold_spans

    def compute(self) -> Tensor:
        """Return 2 · correct / (predicted + gold), in [0, 1]."""
        return 2 * self.correct / (self.predicted + self.gold).clamp(min=1)
