"""The vectors of a text and of its translation are drawn together while English is learned."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jaxtyping import Float
from omegaconf import MISSING
from torch import Tensor
from torch.nn import functional

from mlalign.config.schema import Train
from mlalign.config.settings import at_least, setting
from mlalign.data.languages import canonical
from mlalign.finetuning.resources import PairSource, Resources
from mlalign.finetuning.tunings.base import (
    WITH_PAIRS,
    EncodedPairs,
    TargetLanguages,
    Tuning,
    Vector,
    refuse_frozen,
    refuse_spans,
)
from mlalign.tasks.updates import Pairs, Row


class XeroAlign(Tuning):
    """Gritta and Iacobacci 2021 (arXiv:2105.02472): mean squared error of translations' sentence vectors."""

    reads = frozenset({"translations", "parallel"})
    faithful = (
        "the vector that the head sees, not the pooler's; one model for all target languages, chosen on English dev"
    )

    @dataclass
    class Settings(TargetLanguages):
        """Which pairs, and what is drawn together."""

        source: PairSource = MISSING
        vector: Vector = MISSING
        detach: bool = MISSING  # English stays where the task puts it
        weight: float = setting(MISSING, at_least(0))

        def check(self, config: Train) -> Iterator[str]:
            """It moves the encoder, and reads plain text."""
            yield from refuse_frozen("xero_align", config)
            yield from refuse_spans("xero_align", config)

        def require(self, resources: Resources) -> None:
            """Pairs of every language."""
            resources.require_pairs("xero_align", self.source, self.chosen(resources))

        def passes(self, epochs: int) -> float:
            """Both sides of as many pairs."""
            return WITH_PAIRS

        def read(self, reads: frozenset[str]) -> frozenset[str]:
            """One of the two kinds of pairs."""
            return frozenset({self.source.value})

        def note(self, faithful: str | None) -> str | None:
            """Parallel text is not the task's translated text."""
            other = "; parallel text instead of translated task text" if self.source == PairSource.parallel else ""
            return f"{faithful}{other}"

    settings: Settings

    def pairs(self, rows: Sequence[Row], epoch: int, batch: int) -> Pairs:
        """Of one language, drawn at random and independent of the update's rows."""
        resources = self.parts.resources
        language = self.parts.language(self.settings.chosen(resources), epoch, batch)
        if self.settings.source == PairSource.translations:
            return self.parts.translated(rows, language, epoch, batch)
        sentences, task = resources.sentences(language), resources.task
        drawn = [sentences[one] for one in self.parts.drawn(self.parts.rows, len(sentences), epoch, batch)]
        code = canonical(language)
        english, other = zip(*drawn, strict=True)
        return Pairs(
            [task.example_of(one, self.parts.source) for one in english],
            [task.example_of(one, code) for one in other],
            code,
        )

    def pair_term(self, encoded: EncodedPairs) -> Float[Tensor, ""]:
        """Mean squared error over the vector, summed over pairs; 0 for equal vectors."""
        source, target = (self.settings.vector.of(side) for side in (encoded.source, encoded.target))
        source = source.detach() if self.settings.detach else source
        return functional.mse_loss(source, target, reduction="none").mean(1).sum()
