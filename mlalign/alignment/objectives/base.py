"""What an alignment objective is: its settings, what it needs, and a loss of an encoded batch."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from jaxtyping import Float
from torch import Tensor, nn

from mlalign.alignment.batch import EncodedBatch
from mlalign.alignment.diagnostics import Rule
from mlalign.config.schema import Align, Train


@dataclass(frozen=True)
class Needs:
    """What has to be built for an objective.

    Attributes:
        views: of the batch that it reads, see ``views``.
        masking: whether it predicts masked tokens. Without such an objective nothing is masked.
        fused: whether it reads fused sentence vectors.
        vocabulary: whether it reads the vocabulary head.
    """

    views: frozenset[str] = frozenset({"masked"})
    masking: bool = False
    fused: bool = False
    vocabulary: bool = False


@dataclass(frozen=True)
class Parts:
    """What an objective may be built from.

    Attributes:
        dim: the encoder's width.
        align: settings of the stage.
    """

    dim: int
    align: Align


class Objective(nn.Module, ABC):
    """A loss of an encoded batch; its own parameters are trained with the heads.

    Attributes:
        level: of the paper; ``weighting.per=level`` adds the losses of a level up.
        rules: when its measures are worth a warning.
        has_learned_weight: whether its loss is among those with learned weights.
    """

    level: ClassVar[Literal["language", "sentence", "word"]]
    rules: ClassVar[tuple[Rule, ...]] = ()

    @dataclass
    class Settings:
        """What ``losses.<name>`` may hold, each with the values that it may have; its YAML lists every field."""

        def needs(self) -> Needs:
            """What has to be built."""
            return Needs()

        def check(self, config: Train) -> Iterator[str]:
            """What contradicts the rest of the configuration, each with what to do."""
            return iter(())

    def __init__(self, settings: Settings, parts: Parts) -> None:
        super().__init__()
        self.has_learned_weight = True

    @property
    def opponent(self) -> nn.Module | None:
        """Learns by the second optimizer to lower ``opponent_loss``; None for none."""
        return None

    @abstractmethod
    def forward(self, batch: EncodedBatch) -> Float[Tensor, ""]:
        """The loss, unweighted."""

    def factor(self, progress: float) -> float:
        """What the loss is multiplied with at a share of the run."""
        return 1.0

    def opponent_loss(self, batch: EncodedBatch) -> Float[Tensor, ""]:
        """The opponent's loss; no gradient reaches the encoder. Asked for only where there is an opponent."""
        raise NotImplementedError(f"{type(self).__name__} has an opponent and no opponent_loss")

    def stepped(self, batch: EncodedBatch) -> None:
        """Called at the end of every batch, after the optimizers have stepped if it was the window's last."""

    def measures(self, batch: EncodedBatch) -> dict[str, Tensor | float]:
        """What is reported besides the loss."""
        return {}
