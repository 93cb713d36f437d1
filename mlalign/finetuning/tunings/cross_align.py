"""Which tags occur in a sentence is predicted of the sentence and of its translation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from omegaconf import MISSING
from torch import Tensor
from torch.nn import functional

from mlalign.config.schema import Train
from mlalign.config.settings import at_least, setting
from mlalign.finetuning.resources import Resources
from mlalign.finetuning.tunings.base import WITH_PAIRS, EncodedPairs, TargetLanguages, Tuning
from mlalign.tasks.base import TaskBatch
from mlalign.tasks.registry import learned_tasks
from mlalign.tasks.updates import Pairs, Row


class CrossAlign(Tuning):
    """CrossAligner (Gritta et al. 2022, arXiv:2203.09982): tags of an English sentence are in its translation too.

    The translation's own tags are not looked at.
    """

    reads = frozenset({"translations"})
    faithful = "the largest logit over positions instead of a learned map of them; no contrastive and no intent term"

    @dataclass
    class Settings(TargetLanguages):
        """Which translations."""

        weight: float = setting(MISSING, at_least(0))

        def check(self, config: Train) -> Iterator[str]:
            """It is about tags."""
            kind = learned_tasks().get(config.task.metric)
            if kind is None or not (kind.is_plain and kind.on_tokens):
                yield f"tuning=cross_align with task={config.task.name}, whose words have no tags: choose xero_align"

        def require(self, resources: Resources) -> None:
            """A translation of English train into every language."""
            resources.require_translations(
                "tuning.cross_align.languages", self.chosen(resources), "choose tuning.cross_align.languages"
            )

        def passes(self, epochs: int) -> float:
            """Both sides of as many pairs."""
            return WITH_PAIRS

    settings: Settings

    def pairs(self, rows: Sequence[Row], epoch: int, batch: int) -> Pairs:
        """English sentences with their translations."""
        language = self.parts.language(self.settings.chosen(self.parts.resources), epoch, batch)
        return self.parts.translated(rows, language, epoch, batch)

    def pair_term(self, encoded: EncodedPairs) -> Float[Tensor, ""]:
        """Mean over tags and the two sides, summed over pairs; ln 2 for logits of 0."""
        number = len(self.parts.resources.task.labels)
        outside = self.parts.resources.config.task.labels.index("O")
        occur = tags_that_occur(encoded.batch.source, number)
        sides = ((encoded.batch.source, encoded.source), (encoded.batch.target, encoded.target))
        losses = [
            functional.binary_cross_entropy_with_logits(one, occur.to(one.dtype), reduction="none")
            for one in (largest(encoded.outputs(seen), batch) for batch, seen in sides)
        ]
        kept = [tag for tag in range(number) if tag != outside]
        return torch.stack(losses).mean(0)[:, kept].mean(1).sum()


def tags_that_occur(batch: TaskBatch, number: int) -> Float[Tensor, "batch tags"]:
    """1 for every tag that a word of the sentence has, 0 for others."""
    tags = torch.arange(number, device=batch.labels.device)
    return (batch.labels[..., None] == tags).any(1).float()


def largest(outputs: Float[Tensor, "batch length tags"], batch: TaskBatch) -> Float[Tensor, "batch tags"]:
    """The largest logit of every tag over the sentence's words, in float32 or better."""
    precise = outputs.to(torch.promote_types(outputs.dtype, torch.float32))
    return precise.masked_fill(~batch.subwords.is_content_token[..., None], -torch.inf).amax(1)
