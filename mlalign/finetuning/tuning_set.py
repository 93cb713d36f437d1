"""The tunings of a run together."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mlalign.finetuning.tunings.base import Tuning
from mlalign.tasks.base import TaskBatch
from mlalign.tasks.updates import Changes, Pairs, Row

Found = TypeVar("Found")


class TuningSet(nn.ModuleDict, Changes):
    """Tunings by name; what one makes of the rows, the next changes further."""

    def named(self) -> dict[str, Tuning]:
        """Name -> tuning."""
        tunings: Any = self.items()
        return dict(tunings)

    def rows(self, rows: Sequence[Row], epoch: int) -> Sequence[Row]:
        """See ``Changes``."""
        for one in self.named().values():
            rows = one.examples(rows, epoch)
        return rows

    def views(self, rows: Sequence[Row], epoch: int) -> Mapping[str, Sequence[Row]]:
        """See ``Changes``."""
        return self._found(lambda one: one.view(rows, epoch))

    def pairs(self, rows: Sequence[Row], epoch: int, batch: int) -> Mapping[str, Pairs]:
        """See ``Changes``."""
        return self._found(lambda one: one.pairs(rows, epoch, batch))

    def row_weights(self, part: TaskBatch) -> Float[Tensor, " rows"] | None:
        """The product of what all say of a part's rows; None: all weigh the same."""
        found = list(self._found(lambda one: one.row_weights(part)).values())
        return torch.stack(found).prod(0) if found else None

    def separate(self) -> dict[str, Tuning]:
        """Those whose gradient has an optimizer of its own."""
        return {name: one for name, one in self.named().items() if one.separate_rate is not None}

    def opposed(self) -> dict[str, Tuning]:
        """Those that are played against an opponent."""
        return {name: one for name, one in self.named().items() if one.opponent is not None}

    def own_parameters(self) -> list[nn.Parameter]:
        """What is trained with the head."""
        separate = self.separate()
        tunings = [one for name, one in self.named().items() if name not in separate]
        return [parameter for one in tunings for parameter in one.own_parameters()]

    def _found(self, ask: Callable[[Tuning], Found | None]) -> dict[str, Found]:
        found = {name: ask(one) for name, one in self.named().items()}
        return {name: one for name, one in found.items() if one is not None}
