"""The language level: a discriminator, and what the generator earns for confusing it (Eq. 1)."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from mlalign.alignment.batch import Encoded, EncodedBatch
from mlalign.losses import confusion_loss, discriminator_loss
from mlalign.losses.language import ConfusionForm
from mlalign.training.gathering import all_gather

INPUTS: dict[str, Callable[[Encoded], Float[Tensor, "rows dim"]]] = {
    "mean": lambda side: side.mean,
    "first": lambda side: side.states[:, 0],
    "language": lambda side: side.language,
    "token": lambda side: side.words,
}


class LanguageAdversary(nn.Module):
    """Two players over one encoder pass.

    The discriminator learns from detached vectors; the generator learns through a discriminator
    whose parameters are frozen, so that one backward serves both (docs/method.md).

    Args:
        discriminator: vectors -> logits.
        sees: ``mean`` of the words, ``first``, ``language`` token, or every ``token``.
        form: of the generator's reward, see ``confusion_loss``.
        smoothing: of the discriminator's labels for English.
        weight: of the generator's reward once it has ramped up.
        warmup: share of the run in which only the discriminator learns.
        ramp: share of the run over which the weight then rises from 0.
    """

    def __init__(
        self,
        discriminator: nn.Module,
        *,
        sees: str,
        form: ConfusionForm,
        smoothing: float,
        weight: float,
        warmup: float,
        ramp: float,
    ) -> None:
        super().__init__()
        self.discriminator = discriminator
        self.sees, self.form, self.smoothing = sees, form, smoothing
        self.weight, self.warmup, self.ramp = weight, warmup, ramp

    def weight_at(self, progress: float) -> float:
        """Weight of the generator's reward at a share of the run."""
        if progress < self.warmup:
            return 0.0
        return self.weight * min(1.0, (progress - self.warmup) / self.ramp if self.ramp else 1.0)

    def teaching(self, pair: EncodedBatch) -> Float[Tensor, ""]:
        """The discriminator's loss, ln 2 at chance; no gradient reaches the encoder."""
        guesses = [self.discriminator(rows.detach()) for rows in self._seen(pair)]
        return discriminator_loss(*self._gathered(guesses), smoothing=self.smoothing)

    def confusion(self, pair: EncodedBatch) -> Float[Tensor, ""]:
        """The generator's loss; no gradient reaches the discriminator."""
        frozen = {name: value.detach() for name, value in self.discriminator.named_parameters()}
        guesses = [functional_call(self.discriminator, frozen, rows) for rows in self._seen(pair)]
        return confusion_loss(*self._gathered(guesses), form=self.form)

    @torch.no_grad()
    def balanced_accuracy(self, pair: EncodedBatch) -> Float[Tensor, ""]:
        """Mean over the languages of how often it is told right; one half at chance."""
        source, target = self._gathered([self.discriminator(rows) for rows in self._seen(pair)])
        return ((source > 0).float().mean() + (target <= 0).float().mean()) / 2

    def _seen(self, pair: EncodedBatch) -> tuple[Tensor, Tensor]:
        look = INPUTS[self.sees]
        return look(pair.source), look(pair.target)

    def _gathered(self, guesses: Sequence[Tensor]) -> list[Tensor]:
        """Those of all ranks, which have as many sentences but not as many words."""
        return [all_gather(logits, even=self.sees != "token") for logits in guesses]
