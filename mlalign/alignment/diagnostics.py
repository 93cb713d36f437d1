"""Warnings while an alignment runs: what looks like success and is none; an end to what failed."""

import logging
from collections import Counter
from collections.abc import Mapping
from typing import Any

log = logging.getLogger(__name__)

CHEATING_IN_BATCH, CHEATING_HELD_OUT = 90.0, 20.0  # per cent
DISCRIMINATOR_WON, DISCRIMINATOR_DEAD = 95.0, 2.0  # per cent; distance from one half
PATIENCE = 100  # reports in a row
COLLAPSED = 0.99  # mean cosine of sentences that are no translations
MANY_CLAMPED = 50.0  # per cent of the entries of Eq. 8


class Diagnostics:
    """Watches the reported numbers of a run and warns once of each illness.

    Args:
        weight_bounds: the smallest and the largest weight of a loss; None where none is learned.
    """

    def __init__(self, weight_bounds: tuple[float, float] | None) -> None:
        self.warned: dict[str, str] = {}  # illness -> what was said of it
        self.weight_bounds = weight_bounds
        self._in_batch = 0.0
        self._in_a_row: Counter[str] = Counter()

    def watch(self, values: Mapping[str, Any]) -> None:
        """Look at what one step reports."""
        self._in_batch = float(values["in_batch_accuracy"])
        for name, value in values.items():
            if name.startswith("weight/"):
                self._watch_weight(name, float(value))
        if "discriminator/accuracy" in values:
            self._watch_game(float(values["discriminator/accuracy"]))
        if self._lasts("clamped", values.get("clamped_share", 0.0) > MANY_CLAMPED, PATIENCE):
            self._warn(
                "clamped",
                f"most entries of intra_sentence ({float(values['clamped_share']):.0f} %) are at "
                "its cap, where they teach nothing; raise losses.intra_sentence.temperature",
            )

    def _watch_weight(self, name: str, weight: float) -> None:
        if self.weight_bounds is None or self.weight_bounds[0] == self.weight_bounds[1]:
            return
        low, high = self.weight_bounds
        at_bound = weight <= 1.001 * low or weight >= high / 1.001
        if self._lasts(name, at_bound, PATIENCE):
            self._warn(
                name,
                f"the learned {name} stays at its bound ({weight:.3g}, bounds {low:.3g} and "
                f"{high:.3g}): the loss is far larger or smaller than the others; raise "
                "weighting.bound, or set weighting.form=fixed",
            )

    def _watch_game(self, accuracy: float) -> None:
        if self._lasts("won", accuracy > DISCRIMINATOR_WON, PATIENCE):
            self._warn(
                "discriminator won",
                "the discriminator has won: it tells the languages apart in every batch; "
                "lower align.learning_rate.discriminator or raise align.adversary.weight",
            )
        if self._lasts("dead", abs(accuracy - 50) < DISCRIMINATOR_DEAD, PATIENCE):
            self._warn(
                "discriminator dead",
                "the discriminator only guesses: raise align.learning_rate.discriminator or "
                "align.adversary.discriminator_steps",
            )

    def compare(self, measures: Mapping[str, float]) -> None:
        """Hold a curve point among pairs never trained on against the last step's report.

        Args:
            measures: see ``HeldOut.measures``.
        """
        held_out = measures["retrieval/mean"]
        lost = held_out < max(CHEATING_HELD_OUT, 2 * measures["chance"])
        if self._in_batch > CHEATING_IN_BATCH and lost:
            self._warn(
                "cheating",
                f"in-batch accuracy is {self._in_batch:.0f} % but held-out retrieval only "
                f"{held_out:.1f} %: the fusion's keys give the pairs away (fusion.keys=prototype "
                "does not), or the text is learned by heart",
            )
        alike = measures.get("other_cosine/mean", 0.0)
        if self._lasts("collapse", lost and alike > COLLAPSED, 2):
            self._warn(
                "collapse",
                f"all sentences have nearly the same vector (mean cosine of sentences that say "
                f"different things {alike:.3f}, held-out retrieval {held_out:.1f} %); add "
                "losses.inter_sentence, or lower align.learning_rate.*",
            )

    def _lasts(self, what: str, ill: bool, patience: int) -> bool:
        """Whether this has been so for more than ``patience`` times in a row."""
        self._in_a_row[what] = self._in_a_row[what] + 1 if ill else 0
        return self._in_a_row[what] > patience

    def _warn(self, illness: str, message: str) -> None:
        if illness not in self.warned:
            self.warned[illness] = message
            log.warning("%s", message)
