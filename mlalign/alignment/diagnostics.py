"""Warnings while an alignment runs about what looks like success and is none."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

log = logging.getLogger(__name__)

LEAKAGE_IN_BATCH, LEAKAGE_HELD_OUT = 90.0, 20.0  # per cent
PATIENCE = 100  # reports in a row
COLLAPSED = 0.99  # mean cosine of sentences that are no translations


class Rule(NamedTuple):
    """A warning about a reported number that stays suspicious for ``PATIENCE`` reports.

    Attributes:
        name: of what is wrong.
        measure: the reported number.
        is_suspicious: of its value.
        message: with ``{}`` where the value is shown.
    """

    name: str
    measure: str
    is_suspicious: Callable[[float], bool]
    message: str


class Diagnostics:
    """Watches the reported numbers of a run and warns of everything once.

    Args:
        weight_bounds: the smallest and the largest weight of a loss; None where none is learned.
        rules: of the objectives.
    """

    def __init__(self, weight_bounds: tuple[float, float] | None, rules: Sequence[Rule] = ()) -> None:
        self.warnings: dict[str, str] = {}  # what is wrong -> message
        self.weight_bounds, self.rules = weight_bounds, rules
        self._in_batch = 0.0
        self._in_a_row: Counter[str] = Counter()

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"warnings": self.warnings, "in_a_row": dict(self._in_a_row), "in_batch": self._in_batch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint; warnings from before are logged again, for whoever lists those of this process."""
        self.warnings, self._in_batch = dict(state["warnings"]), state["in_batch"]
        for message in self.warnings.values():
            log.warning("%s", message)
        self._in_a_row = Counter(state["in_a_row"])

    def watch(self, values: Mapping[str, float]) -> None:
        """Look at what one step reports."""
        self._in_batch = float(values.get("in_batch_accuracy", 0.0))
        for name, value in values.items():
            if name.startswith("weight/"):
                self._watch_weight(name, float(value))
        for rule in (one for one in self.rules if one.measure in values):
            value = float(values[rule.measure])
            if self._lasts(rule.name, rule.is_suspicious(value), PATIENCE):
                self.warn(rule.name, rule.message.format(value))

    def _watch_weight(self, name: str, weight: float) -> None:
        if self.weight_bounds is None or self.weight_bounds[0] == self.weight_bounds[1]:
            return
        low, high = self.weight_bounds
        at_bound = weight <= 1.001 * low or weight >= high / 1.001
        if self._lasts(name, at_bound, PATIENCE):
            self.warn(
                name,
                f"the learned {name} stays at its bound ({weight:.3g}, bounds {low:.3g} and "
                f"{high:.3g}): the loss is far larger or smaller than the others; raise "
                "weighting.bound, or set weighting.form=fixed",
            )

    def compare(self, measures: Mapping[str, float]) -> None:
        """Compare the score of held-out pairs with the last step's report.

        Args:
            measures: see ``HeldOut.measures``.
        """
        held_out = measures["retrieval/mean"]
        lost = held_out < max(LEAKAGE_HELD_OUT, 2 * measures["chance"])
        if self._in_batch > LEAKAGE_IN_BATCH and lost:
            self.warn(
                "leakage",
                f"in-batch accuracy is {self._in_batch:.0f} % but held-out retrieval only "
                f"{held_out:.1f} %: the fusion's keys leak which sentences are pairs (fusion.keys=prototype "
                "does not), or the text is memorised",
            )
        alike = measures.get("other_cosine/mean", 0.0)
        if self._lasts("collapse", lost and alike > COLLAPSED, 2):
            self.warn(
                "collapse",
                f"all sentences have nearly the same vector (mean cosine of sentences that say "
                f"different things {alike:.3f}, held-out retrieval {held_out:.1f} %); add a contrastive "
                "loss of sentences, or lower align.learning_rate.*",
            )

    def _lasts(self, what: str, is_so: bool, patience: int) -> bool:
        """Whether this has been so for more than ``patience`` times in a row."""
        self._in_a_row[what] = self._in_a_row[what] + 1 if is_so else 0
        return self._in_a_row[what] > patience

    def warn(self, what: str, message: str) -> None:
        """Warn of something that was not warned of before."""
        if what not in self.warnings:
            self.warnings[what] = message
            log.warning("%s", message)
