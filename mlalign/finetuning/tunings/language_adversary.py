"""The encoder learns to hide from a linear discriminator which language task text is in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jaxtyping import Float
from omegaconf import MISSING
from torch import Tensor, nn
from torch.func import functional_call

from mlalign.config.enums import Confusion
from mlalign.config.schema import Train
from mlalign.config.settings import at_least, setting
from mlalign.data.languages import canonical
from mlalign.finetuning.tunings.base import (
    WITH_PAIRS,
    EncodedPairs,
    Parts,
    Tuning,
    UnlabelledText,
    Vector,
    refuse_frozen,
    refuse_spans,
)
from mlalign.losses import confusion_loss, discriminator_loss
from mlalign.tasks.updates import Pairs, Row


class LanguageAdversary(Tuning):
    """Keung et al. 2019 (arXiv:1909.00153): an adversary on unlabelled text while English is learned.

    Every update sees as many English texts as texts of one target language, drawn anew. The
    generator has an optimizer of its own, and so has the discriminator, which learns from detached
    vectors; the generator learns through a discriminator whose parameters are frozen.
    """

    reads = frozenset({"unlabelled", "sides"})
    faithful = "both players learn from the same pass; English texts are drawn anew, not the update's own"
    neutral = {"generator_rate": 0}  # noqa: RUF012

    @dataclass
    class Settings(UnlabelledText):
        """See ``losses.confusion_loss``; learning rates are peaks."""

        vector: Vector = MISSING
        form: Confusion = MISSING
        generator_rate: float | None = setting(MISSING, at_least(0))  # null: ``weight`` of the task's gradient
        discriminator_rate: float = setting(MISSING, at_least(0))
        weight: float = setting(MISSING, at_least(0))

        def check(self, config: Train) -> Iterator[str]:
            """It moves the encoder, and reads plain text."""
            yield from refuse_frozen("language_adversary", config)
            yield from refuse_spans("language_adversary", config)

        def passes(self, epochs: int) -> float:
            """Both sides of as many pairs."""
            return WITH_PAIRS

    settings: Settings

    def __init__(self, settings: Settings, parts: Parts) -> None:
        super().__init__(settings, parts)
        self.discriminator = nn.Linear(parts.dim, 1)

    def pairs(self, rows: Sequence[Row], epoch: int, batch: int) -> Pairs:
        """English train text and target text, each drawn without regard to the other."""
        resources = self.parts.resources
        language = self.parts.language(self.settings.chosen(resources), epoch, batch)
        texts = resources.texts(self.settings.unlabelled, language)
        size = min(self.parts.rows, len(rows), len(texts))
        source = self.parts.drawn(size, len(rows), epoch, batch, "source")
        target = self.parts.drawn(size, len(texts), epoch, batch, "target")
        return Pairs([rows[one].example for one in source], [texts[one] for one in target], canonical(language))

    def pair_term(self, encoded: EncodedPairs) -> Float[Tensor, ""]:
        """The generator's loss, ln 2 at chance; no gradient reaches the discriminator."""
        frozen = {name: value.detach() for name, value in self.discriminator.named_parameters()}
        logits = [functional_call(self.discriminator, frozen, rows).squeeze(-1) for rows in self._vectors(encoded)]
        return len(logits[0]) * confusion_loss(*logits, form=self.settings.form.value)

    @property
    def separate_rate(self) -> float | None:
        """The generator's."""
        return self.settings.generator_rate

    @property
    def opponent(self) -> nn.Module:
        """The discriminator."""
        return self.discriminator

    @property
    def opponent_rate(self) -> float:
        """The discriminator's."""
        return self.settings.discriminator_rate

    def opponent_term(self, encoded: EncodedPairs) -> Float[Tensor, ""]:
        """The discriminator's loss, ln 2 at chance."""
        logits = [self.discriminator(rows.detach()).squeeze(-1) for rows in self._vectors(encoded)]
        return len(logits[0]) * discriminator_loss(*logits)

    def _vectors(self, encoded: EncodedPairs) -> list[Float[Tensor, "batch dim"]]:
        return [self.settings.vector.of(side) for side in (encoded.source, encoded.target)]
