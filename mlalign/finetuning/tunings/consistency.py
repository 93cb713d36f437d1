"""What is predicted of an example is also predicted of another view of it."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from omegaconf import MISSING
from torch import Tensor, nn

from mlalign.config.schema import Train
from mlalign.config.settings import CLOSED_SHARE, at_least, setting
from mlalign.data.sampling import stream
from mlalign.finetuning.resources import Resources
from mlalign.finetuning.switching import switched
from mlalign.finetuning.tunings.base import TargetLanguages, Tuning, refuse_frozen, refuse_spans
from mlalign.losses import consistency_loss
from mlalign.tasks.base import IGNORED, TaskBatch
from mlalign.tasks.updates import Row

if TYPE_CHECKING:
    from mlalign.finetuning.module import FinetuningModule


class View(StrEnum):
    """How the second view of an example is made."""

    code_switch = "code_switch"  # words replaced by translations of one word
    noise = "noise"  # normal noise on the embeddings of its tokens


class Consistency(Tuning):
    """Example consistency R1 of xTune (Zheng et al. 2021, arXiv:2106.08226) between two views of each row.

    The second view has a pass and dropout of its own. Of words with tags, the tag of each word is
    compared.
    """

    reads = frozenset({"lexicon"})
    views = 2
    faithful = "of one view; no augmented rows are learned with their labels"
    neutral = {"weight": 0, "view": "noise"}  # noqa: RUF012  # longer views cut an update into other parts

    @dataclass
    class Settings(TargetLanguages):
        """See ``losses.consistency_loss``."""

        view: View = MISSING
        cross: float = setting(MISSING, CLOSED_SHARE)  # view=code_switch: of the words that are to be replaced
        noise: float = setting(MISSING, at_least(0))  # view=noise: standard deviation
        per_class: bool = MISSING  # divided by the number of classes, as published
        weight: float = setting(MISSING, at_least(0))

        def check(self, config: Train) -> Iterator[str]:
            """It moves the encoder, and says examples with other words."""
            yield from refuse_frozen(self.name, config)
            yield from refuse_spans(self.name, config)

        def require(self, resources: Resources) -> None:
            """A dictionary, for views with other words."""
            if self.view == View.code_switch:
                resources.require_lexicon(self.name, self.chosen(resources))

        def passes(self, epochs: int) -> float:
            """The second view."""
            return 2.0

        def read(self, reads: frozenset[str]) -> frozenset[str]:
            """Nothing for noise."""
            return reads if self.view == View.code_switch else frozenset()

    settings: Settings

    def view(self, rows: Sequence[Row], epoch: int) -> Sequence[Row] | None:
        """English rows with some words replaced, none for noise."""
        if self.settings.view == View.noise:
            return None
        parts = self.parts
        languages = self.settings.chosen(parts.resources)
        lexicon, task = parts.resources.lexicon(tuple(languages)), parts.resources.task

        def other(row: Row, place: int) -> Row:
            if row.language != parts.source:
                return row
            random, share = stream(parts.seed, parts.name, epoch, place), self.settings.cross
            example = switched(task, row.example, lexicon, languages, random, share=share, single=True)
            return row._replace(example=example)

        return [other(row, place) for place, row in enumerate(rows)]

    def row_term(
        self, module: "FinetuningModule", part: TaskBatch, outputs: Tensor, view: TaskBatch | None
    ) -> Float[Tensor, ""] | None:
        """The divergence, summed over the labels of the part."""
        other = part if view is None else view
        first, second = scored(module, outputs, part), scored(module, self.again(module, other), other)
        return self.summed(consistency_loss(first, second), first)

    def again(self, module: "FinetuningModule", view: TaskBatch) -> Tensor:
        """The head's outputs of the second view, by a pass with dropout of its own."""
        is_noise = self.settings.view == View.noise
        with noisy(module.encoder.embeddings, self.settings.noise) if is_noise else nullcontext():
            outputs: Tensor = module(view)
        return outputs

    def summed(self, loss: Float[Tensor, ""], logits: Float[Tensor, "n classes"]) -> Float[Tensor, ""]:
        """From a mean over labels to their sum, as published divided by the number of classes."""
        classes = logits.shape[-1] if self.settings.per_class else 1
        return loss * len(logits) / classes


def scored(module: "FinetuningModule", outputs: Tensor, batch: TaskBatch) -> Float[Tensor, "n classes"]:
    """The logits of the labels of a batch."""
    return module.task.logits(outputs, batch)[batch.labels != IGNORED]


def noisy(embeddings: nn.Module, deviation: float) -> AbstractContextManager[None]:
    """Normal noise on what a module gives, while the context is open."""

    def noise(_: nn.Module, given: object, output: Tensor) -> Tensor:
        return output + deviation * torch.randn_like(output)

    @contextmanager
    def hooked() -> Iterator[None]:
        handle = embeddings.register_forward_hook(noise)
        try:
            yield
        finally:
            handle.remove()

    return hooked()
