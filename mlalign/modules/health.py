"""Warnings while an alignment runs: what looks like success and is none; an end to what failed."""

import logging
import math
from collections.abc import Mapping
from typing import Any

from mlalign.errors import TrainingError

log = logging.getLogger(__name__)

CHEATING_IN_BATCH, CHEATING_HELD_OUT = 90.0, 20.0  # per cent
DISCRIMINATOR_WON, DISCRIMINATOR_DEAD = 95.0, 2.0  # per cent; distance from one half
PATIENCE = 100  # reports in a row


class Health:
    """Watches the reported numbers of a run and warns once of each illness."""

    def __init__(self) -> None:
        self.warned: set[str] = set()
        self._in_batch = 0.0
        self._won = self._dead = 0

    def watch(self, values: Mapping[str, Any]) -> None:
        """Look at what one step reports.

        Raises:
            TrainingError: a loss is no number any more.
        """
        self._in_batch = float(values["in_batch_accuracy"])
        for name, value in values.items():
            if name.startswith("loss/") and not math.isfinite(float(value)):
                raise TrainingError(
                    f"align: {name} is {float(value)}, and nothing can be learned from that; lower "
                    "align.learning_rate.* or set align.max_grad_norm"
                )
        if "discriminator/accuracy" in values:
            accuracy = float(values["discriminator/accuracy"])
            self._won = self._won + 1 if accuracy > DISCRIMINATOR_WON else 0
            self._dead = self._dead + 1 if abs(accuracy - 50) < DISCRIMINATOR_DEAD else 0
            if self._won > PATIENCE:
                self._warn(
                    "discriminator won",
                    "the discriminator has won: it tells the languages apart in every batch; "
                    "lower align.learning_rate.discriminator or raise align.adversary.weight",
                )
            if self._dead > PATIENCE:
                self._warn(
                    "discriminator dead",
                    "the discriminator only guesses: raise align.learning_rate.discriminator or "
                    "align.adversary.discriminator_steps",
                )

    def compare(self, held_out: float, chance: float) -> None:
        """Hold in-batch accuracy against retrieval among pairs never trained on, in per cent."""
        if self._in_batch > CHEATING_IN_BATCH and held_out < max(CHEATING_HELD_OUT, 2 * chance):
            self._warn(
                "cheating",
                f"in-batch accuracy is {self._in_batch:.0f} % but held-out retrieval only "
                f"{held_out:.1f} %: the fusion's keys give the pairs away (fusion.keys=prototype "
                "does not), or the text is learned by heart",
            )

    def _warn(self, illness: str, message: str) -> None:
        if illness not in self.warned:
            self.warned.add(illness)
            log.warning("%s", message)
