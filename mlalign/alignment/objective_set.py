"""The objectives of a run together."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from mlalign.alignment.batch import EncodedBatch
from mlalign.alignment.companions import Companion
from mlalign.alignment.diagnostics import Rule
from mlalign.alignment.objectives.base import Objective
from mlalign.alignment.vocabulary import VocabularyObjective, vocabulary_losses


class ObjectiveSet(nn.ModuleDict):
    """Objectives by name, in the order in which their losses are added up."""

    def named(self) -> dict[str, Objective]:
        """Name -> objective."""
        objectives: Any = self.items()
        return dict(objectives)

    def opposed(self) -> dict[str, Objective]:
        """Those that are played against an opponent."""
        return {name: one for name, one in self.named().items() if one.opponent is not None}

    def vocabulary(self) -> dict[str, VocabularyObjective]:
        """Those that share a pass. Their order is that of its rows, which rounding depends on."""
        objectives = reversed(self.named().items())
        return {name: one for name, one in objectives if isinstance(one, VocabularyObjective)}

    def losses(self, batch: EncodedBatch, progress: float) -> dict[str, Tensor]:
        """Name -> loss, unweighted, of all that have no opponent and are learned at a share of the run."""
        learned = {name: one for name, one in self.named().items() if one.is_learned(progress)}
        shared = {name: one for name, one in self.vocabulary().items() if name in learned}
        apart = {name: one for name, one in learned.items() if name not in shared and one.opponent is None}
        return {name: one(batch) for name, one in apart.items()} | vocabulary_losses(shared, batch)

    def views(self, progress: float) -> frozenset[str]:
        """What is read at a share of the run."""
        return frozenset().union(*(one.views for one in self.named().values() if one.is_learned(progress)))

    def measures(self, batch: EncodedBatch) -> dict[str, Tensor | float]:
        """What is reported besides the losses."""
        return {name: value for one in self.named().values() for name, value in one.measures(batch).items()}

    def stepped(self, batch: EncodedBatch) -> None:
        """The batch is done."""
        for one in self.named().values():
            one.stepped(batch)

    def updated(self, companions: Mapping[str, Companion]) -> None:
        """The encoder has made a step."""
        for one in self.named().values():
            one.updated(companions)

    def rules(self) -> list[Rule]:
        """When measures are worth a warning."""
        return [rule for one in self.named().values() for rule in one.rules]

    def opponent_parameters(self) -> list[nn.Parameter]:
        """What the second optimizer trains."""
        opponents = [one.opponent for one in self.named().values() if one.opponent is not None]
        return [parameter for opponent in opponents for parameter in opponent.parameters()]

    def own_parameters(self) -> list[nn.Parameter]:
        """What is trained with the heads."""
        theirs = {id(one) for one in self.opponent_parameters()}
        return [one for one in self.parameters() if id(one) not in theirs]
