"""Named entities: which spans a sequence of tags marks, and the F1 of predicted spans."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics import Metric


def spans(tags: Sequence[str]) -> set[tuple[str, int, int]]:
    """Return ``(type, first word, last word)`` of every entity.

    The rules are conlleval's, which seqeval has as its default and XTREME reports: an ``I-`` that
    continues nothing, or an entity of another type, begins one. ``E-`` ends and ``S-`` is a whole
    entity. A prefix without a type marks entities of the type ``_``.

    Source: ``conlleval`` of CoNLL-2000, as in seqeval 1.2.2 ``get_entities``.
    """
    found = set()
    start = 0
    last_prefix, last_kind = "O", ""
    for position, tag in enumerate([*tags, "O"]):
        prefix, kind = tag[0], tag[1:].split("-", maxsplit=1)[-1] or "_"
        changed = kind != last_kind
        if last_prefix in "ES" or (last_prefix in "BI" and prefix in "BSO") or (last_prefix not in "O." and changed):
            found.add((last_kind, start, position - 1))
        if prefix in "BS" or (last_prefix in "ESO" and prefix in "EI") or (prefix not in "O." and changed):
            start = position
        last_prefix, last_kind = prefix, kind
    return found


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
