"""Language level: a discriminator, and the encoder's reward for confusing it (Eq. 1)."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from omegaconf import MISSING
from torch import Tensor
from torch.func import functional_call

from mlalign.alignment.batch import EncodedBatch, EncodedSide
from mlalign.alignment.diagnostics import Rule
from mlalign.alignment.objectives.base import Needs, Objective, Parts
from mlalign.config.enums import AdversarySchedule, Confusion, RampForm, View, WeightingForm
from mlalign.config.schema import Train
from mlalign.config.settings import SHARE, setting
from mlalign.cost import BatchSize, discriminator_operations, pooling_operations
from mlalign.data.reads import SIDES
from mlalign.losses import confusion_loss, discriminator_loss
from mlalign.models.discriminator import LanguageDiscriminator
from mlalign.training.gathering import all_gather

INPUTS: dict[str, Callable[[EncodedSide], Float[Tensor, "rows dim"]]] = {
    "mean": lambda side: side.mean,
    "first": lambda side: side.states[:, 0],
    "language": lambda side: side.language,
    "token": lambda side: side.tokens,
}
WON, DEAD = 95.0, 2.0  # per cent; distance from one half


class LanguageAdversary(Objective):
    """Eq. 1 of the paper: two players over one encoder pass; ``align.adversary`` says how they play.

    The discriminator learns from detached vectors; the generator learns through a discriminator
    whose parameters are frozen, so that one backward serves both (docs/method.md).
    """

    level = "language"
    text = SIDES
    rules = (
        Rule(
            "discriminator won",
            "discriminator/accuracy",
            lambda accuracy: accuracy > WON,
            "the discriminator has won: it tells the languages apart in every batch; "
            "lower align.learning_rate.discriminator or raise align.adversary.weight",
        ),
        Rule(
            "discriminator dead",
            "discriminator/accuracy",
            lambda accuracy: abs(accuracy - 50) < DEAD,
            "the discriminator only guesses: raise align.learning_rate.discriminator or "
            "align.adversary.discriminator_steps",
        ),
    )

    @dataclass
    class Settings(Objective.Settings):
        """See ``losses.confusion_loss`` and ``losses.discriminator_loss``."""

        view: View = View.clean
        form: Confusion = MISSING
        smoothing: float = setting(MISSING, SHARE)

        def needs(self) -> Needs:
            """Both languages apart."""
            return Needs(frozenset({self.view.value}))

        def check(self, config: Train) -> Iterator[str]:
            """What its reward and its input cannot be combined with."""
            adversary = config.align.adversary
            learned = adversary.weighted and config.weighting.form != WeightingForm.fixed
            if learned and self.form == Confusion.minimax:
                yield (
                    "losses.adversarial.form=minimax with align.adversary.weighted=true: its value is "
                    "negative, and a learned weight would grow without bound; choose form=flip or uniform"
                )
            if learned and adversary.warmup > 0:
                yield (
                    f"align.adversary.warmup={adversary.warmup} with align.adversary.weighted=true: the "
                    "learned weight would run away while the reward is 0; set align.adversary.warmup=0"
                )
            if adversary.input == "language" and not config.method.language_tokens:
                yield "align.adversary.input=language needs method.language_tokens=true"

    def __init__(self, settings: Settings, parts: Parts) -> None:
        super().__init__(settings, parts)
        self.settings, self.adversary = settings, parts.align.adversary
        self.has_learned_weight = self.adversary.weighted
        self.discriminator = LanguageDiscriminator(
            parts.dim,
            hidden=self.adversary.hidden,
            dropout=self.adversary.dropout,
            normalise=self.adversary.normalise,
        )

    @property
    def opponent(self) -> LanguageDiscriminator:
        """The discriminator."""
        return self.discriminator

    def factor(self, progress: float) -> float:
        """0 while only the discriminator learns, then rising to ``align.adversary.weight``."""
        warmup, ramp = self.adversary.warmup, self.adversary.ramp
        if progress < warmup:
            return 0.0
        share = min(1.0, (progress - warmup) / ramp if ramp else 1.0)
        if self.adversary.ramp_form == RampForm.dann:
            share = 2 / (1 + math.exp(-10 * share)) - 1
        return self.adversary.weight * share

    def opponent_loss(self, batch: EncodedBatch) -> Float[Tensor, ""]:
        """The discriminator's loss, ln 2 at chance; no gradient reaches the encoder."""
        logits = [self.discriminator(rows.detach()) for rows in self._inputs(batch)]
        return discriminator_loss(*self._gathered(logits), smoothing=self.settings.smoothing)

    def forward(self, batch: EncodedBatch) -> Float[Tensor, ""]:
        """The generator's loss; no gradient reaches the discriminator."""
        frozen = {name: value.detach() for name, value in self.discriminator.named_parameters()}
        logits = [functional_call(self.discriminator, frozen, rows) for rows in self._inputs(batch)]
        return confusion_loss(*self._gathered(logits), form=self.settings.form.value)

    def operations(self, size: BatchSize) -> int:
        """Both players, and the means that they see."""
        adversary = self.adversary
        alternate = adversary.schedule == AdversarySchedule.alternate
        game = discriminator_operations(
            size.words if adversary.input == "token" else 2 * size.pairs,
            size.width,
            size.width if adversary.hidden is None else adversary.hidden,
            steps=adversary.discriminator_steps,
            evaluations=adversary.discriminator_steps + alternate,
        )
        return game + (pooling_operations(size.positions, size.width) if adversary.input == "mean" else 0)

    @torch.no_grad()
    def measures(self, batch: EncodedBatch) -> dict[str, Tensor | float]:
        """The mean over languages of the discriminator's accuracy, in per cent; its loss at chance."""
        source, target = self._gathered([self.discriminator(rows) for rows in self._inputs(batch)])
        accuracy = ((source > 0).float().mean() + (target <= 0).float().mean()) / 2
        return {"discriminator/accuracy": 100 * accuracy, "discriminator/chance": math.log(2)}

    def _inputs(self, batch: EncodedBatch) -> list[Float[Tensor, "rows dim"]]:
        return [INPUTS[self.adversary.input](side) for side in batch.pair(self.settings.view).sides]

    def _gathered(self, logits: Sequence[Tensor]) -> list[Tensor]:
        """Those of all ranks, which have as many sentences but not as many tokens."""
        return [all_gather(one, even=self.adversary.input != "token") for one in logits]
