"""What an alignment objective is: its settings, what it needs, and a loss of an encoded batch."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from jaxtyping import Float
from torch import Tensor, nn

from mlalign.alignment.batch import EncodedBatch
from mlalign.alignment.companions import Companion
from mlalign.alignment.diagnostics import Rule
from mlalign.config.schema import Align, Train
from mlalign.config.settings import at_least, setting
from mlalign.cost import BatchSize
from mlalign.data.lexicon import TokenLexicon
from mlalign.data.reads import PARALLEL
from mlalign.data.teacher_vectors import TeacherVectors
from mlalign.errors import ConfigError
from mlalign.wording import plural


@dataclass(frozen=True)
class Needs:
    """What has to be built for an objective.

    Attributes:
        views: of the batch that it reads: ``masked``, ``clean``, ``english``, ``tlm``, ``mixed``,
            ``either``, and ``again:`` in front of one of these, see ``views``.
        masking: whether it predicts the masks of ``masked``. Without such an objective that view is ``clean``.
        fused: whether it reads fused sentence vectors, and with ``vocabulary`` fused tokens.
        only_sentences: whether of the encoder it reads sentence vectors alone, see ``align.cached``.
        vocabulary: whether it reads the vocabulary head.
        layers: whose hidden states it reads besides the last; 0 are the embeddings.
        companions: other encoders that it reads: ``momentum``, ``start``, see ``companions``.
        teacher: whether it reads vectors of English, of ``data.teacher`` or of ``start`` without it.
        links: whether it reads links between words, of ``data.links``.
        lexicon: whether it reads a dictionary, of ``data.lexicon``.
    """

    views: frozenset[str] = frozenset({"masked"})
    masking: bool = False
    fused: bool = False
    only_sentences: bool = False
    vocabulary: bool = False
    layers: frozenset[int] = frozenset()
    companions: frozenset[str] = frozenset()
    teacher: bool = False
    links: bool = False
    lexicon: bool = False


@dataclass(frozen=True)
class Parts:
    """What an objective may be built from.

    Attributes:
        dim: the encoder's width.
        word_dim: the width of its word embeddings.
        layers: how many the encoder has.
        languages: of the pairs, the pivot first.
        align: settings of the stage.
        lexicon: the dictionary's single tokens, see ``token_lexicon``.
        teacher: the vectors of ``data.teacher``, where an objective reads them.
    """

    dim: int
    word_dim: int
    layers: int
    languages: Sequence[str]
    align: Align
    lexicon: TokenLexicon = field(default_factory=dict)
    teacher: TeacherVectors | None = None

    def require_layer(self, key: str, number: int | None) -> None:
        """Refuse a layer that the encoder does not have.

        Args:
            key: of the setting, for the message.
            number: its value; None for the last.

        Raises:
            ConfigError: it has fewer.
        """
        if number is not None and number > self.layers:
            found = f"{key}={number}: the encoder has {plural(self.layers, 'layer')}"
            raise ConfigError(f"{found}; name one of them, or null for the last")


class Objective(nn.Module, ABC):
    """A loss of an encoded batch; its own parameters are trained with the heads.

    Attributes:
        level: of the paper; ``weighting.per=level`` adds the losses of a level up.
        rules: when its measures are worth a warning.
        text: how much of the parallel text it sees without a fusion, see ``data.reads``, for the results.
        reads: what it sees besides, as ``dictionary``.
        encodes_again: views that are encoded once more without gradient for it, by whichever encoder, for budgets;
            ``target:`` in front of one: its second side alone.
        doubts: warnings that its settings and resources are worth.
        faithful: how it differs from its publication, for the results; None where it does not.
        weight: fixed; a learned weight multiplies it.
        views: that it reads.
        has_learned_weight: whether its loss is among those with learned weights.
    """

    level: ClassVar[Literal["language", "sentence", "word"]]
    rules: ClassVar[tuple[Rule, ...]] = ()
    text: ClassVar[str] = PARALLEL
    reads: ClassVar[frozenset[str]] = frozenset()
    encodes_again: frozenset[str] = frozenset()
    doubts: tuple[str, ...] = ()
    faithful: ClassVar[str | None] = None

    @classmethod
    def differences(cls, config: Train) -> str | None:
        """How a run differs from the publication, see ``faithful``."""
        return cls.faithful

    @dataclass
    class Settings:
        """What ``losses.<name>`` may hold, each with the values that it may have; its YAML lists every field."""

        weight: float = setting(1.0, at_least(0))

        def needs(self) -> Needs:
            """What has to be built."""
            return Needs()

        def check(self, config: Train) -> Iterator[str]:
            """What contradicts the rest of the configuration, each with what to do."""
            return iter(())

        def check_share(self, align: Align, devices: int, pairs: int) -> Iterator[str]:
            """What is wrong where each of several devices has so many masked pairs of a batch, with what to do."""
            return iter(())

    def __init__(self, settings: Settings, parts: Parts) -> None:
        super().__init__()
        self.weight, self.has_learned_weight = settings.weight, True
        self.views = settings.needs().views

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

    def is_learned(self, progress: float) -> bool:
        """Whether it is computed at a share of the run; what no objective reads then is not encoded."""
        return True

    def opponent_loss(self, batch: EncodedBatch) -> Float[Tensor, ""]:
        """The opponent's loss; no gradient reaches the encoder. Asked for only where there is an opponent."""
        raise NotImplementedError(f"{type(self).__name__} has an opponent and no opponent_loss")

    def operations(self, size: BatchSize) -> int:
        """What it computes of a batch besides the encoder and the vocabulary, for budgets; see ``mlalign.cost``."""
        return 0

    def stepped(self, batch: EncodedBatch) -> None:
        """Called at the end of every batch, after the optimizers have stepped if it was the window's last."""

    def updated(self, companions: Mapping[str, Companion]) -> None:
        """Called after every step of the encoder's optimizer; companions that it needs are moved here."""

    def measures(self, batch: EncodedBatch) -> dict[str, Tensor | float]:
        """What is reported besides the loss."""
        return {}
