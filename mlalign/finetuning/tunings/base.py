"""What a tuning is: its settings, what it reads, and what it changes in an update of fine-tuning."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from omegaconf import MISSING
from torch import Tensor, nn

from mlalign.config.enums import Freeze
from mlalign.config.schema import Train
from mlalign.data.languages import canonical
from mlalign.data.readers import AnyExample
from mlalign.data.reads import PARALLEL, SIDES
from mlalign.data.sampling import stream
from mlalign.finetuning.resources import Resources, TextSource
from mlalign.models.task_encoder import Represented
from mlalign.tasks.base import TaskBatch
from mlalign.tasks.registry import learned_tasks
from mlalign.tasks.updates import PairBatch, Pairs, Row

if TYPE_CHECKING:
    from mlalign.finetuning.module import FinetuningModule
    from mlalign.tasks.data import TaskDataModule

READS: Mapping[str, str] = {
    "parallel": PARALLEL,
    "sides": SIDES,
    "unlabelled": "unlabelled task text",
    "translations": "translated task text",
    "lexicon": "dictionary",
}  # what a tuning reads besides labels -> as results and tables call it


class Vector(StrEnum):
    """Which vector of a sentence a term is about."""

    sentence = "sentence"  # what the head of a sentence task sees
    mean = "mean"  # of its words, before any fusion

    def of(self, seen: Represented) -> Float[Tensor, "batch dim"]:
        """The vectors of a batch, in float32 or better."""
        vectors = seen.sentence if self == Vector.sentence else seen.mean
        return vectors.to(torch.promote_types(vectors.dtype, torch.float32))


@dataclass(frozen=True)
class Parts:
    """What a tuning may be built from."""

    name: str  # its own, as in ``tuning.<name>``
    dim: int  # the encoder's width
    seed: int  # of fine-tuning
    rows: int  # of an update
    epochs: int  # of fine-tuning
    resources: Resources  # what there is besides labels
    both: dict[str, list[tuple[AnyExample, AnyExample]]] = field(default_factory=dict)  # language -> translated rows

    @property
    def source(self) -> str:
        """The language that is learned."""
        return canonical(self.resources.files.source)

    def drawn(self, number: int, of: int, epoch: int, batch: int, *purpose: str) -> NDArray[np.int64]:
        """Places of ``number`` things, or of all where there are not as many, drawn for one update."""
        random = stream(self.seed, self.name, epoch, batch, *purpose)
        return random.choice(of, min(number, of), replace=False)

    def language(self, languages: Sequence[str], epoch: int, batch: int) -> str:
        """One of the languages, all equally likely, drawn for one update."""
        return languages[int(stream(self.seed, self.name, epoch, batch, "language").integers(len(languages)))]

    def translated(self, rows: Sequence[Row], language: str, epoch: int, batch: int) -> Pairs:
        """Examples of the source with their translations, as many as an update has rows, drawn for one update.

        ``rows`` are those of the whole run, which are looked up once.
        """
        if language not in self.both:
            found = [(row.example, self.resources.translation(row.example, language)) for row in rows]
            self.both[language] = [(one, other) for one, other in found if other is not None]
        both = self.both[language]
        drawn = [both[place] for place in self.drawn(self.rows, len(both), epoch, batch)]
        return Pairs([one for one, _ in drawn], [other for _, other in drawn], canonical(language))


@dataclass(frozen=True)
class EncodedPairs:
    """A piece of what an update sees beside its rows, encoded."""

    batch: PairBatch  # the texts
    source: Represented  # the language that is learned
    target: Represented  # the other language; row i belongs to row i of the source
    outputs: Callable[[Represented], Tensor]  # what the head says of a side


def first_epoch_after(share: float, epochs: int) -> int:
    """The first epoch when a share of them is over, never the first of all."""
    return max(1, math.ceil(share * epochs))


WITH_PAIRS = 3.0  # passes of an update that reads a pair beside each of its rows


class Tuning(nn.Module):
    """Changes what is learned from, and how; one that overrides nothing is plain fine-tuning.

    Randomness is a function of the seed, the tuning's name and the place in the run. Own
    parameters are trained with the head; those of the opponent have an optimizer of their own.

    Attributes:
        reads: what it may see besides labels, as ``READS`` has it.
        faithful: how it differs from what was published; None: it does not.
        views: of a row whose activations are held at the same time.
        neutral: settings under which it is plain fine-tuning, to the bit.
        settings: its own kind of them.
        weight: of its terms; 1 where the settings have none.
    """

    reads: ClassVar[frozenset[str]] = frozenset()
    faithful: ClassVar[str | None] = None
    views: ClassVar[int] = 1
    neutral: ClassVar[Mapping[str, float | str]] = {"weight": 0}

    @dataclass
    class Settings:
        """What ``tuning.<name>`` may hold, each with the values that it may have; its YAML lists every field."""

        def check(self, config: Train) -> Iterator[str]:
            """What contradicts the rest of the configuration, each with what to do."""
            return iter(())

        def require(self, resources: Resources) -> None:
            """Look for what it reads, before anything is loaded.

            Raises:
                UserError: something is missing: the key, what was looked for, what to do.
            """

        def read(self, reads: frozenset[str]) -> frozenset[str]:
            """What it sees under these settings of all that it may see, ``Tuning.reads``."""
            return reads

        def passes(self, epochs: int) -> float | None:
            """How often an update reads as much as its rows, one pass being plain fine-tuning.

            A pass without gradient counts a third. None: it is not known before the run.

            Args:
                epochs: of fine-tuning.
            """
            return 1.0

        def note(self, faithful: str | None) -> str | None:
            """How it differs under these settings from what was published; ``faithful`` is what always holds."""
            return faithful

    def __init__(self, settings: Settings, parts: Parts) -> None:
        super().__init__()
        self.settings, self.parts = settings, parts
        self.weight: float = getattr(settings, "weight", 1.0)

    # What is learned from

    def examples(self, rows: Sequence[Row], epoch: int) -> Sequence[Row]:
        """The rows of an epoch, as many as it is given; ``rows`` itself for no change."""
        return rows

    def view(self, rows: Sequence[Row], epoch: int) -> Sequence[Row] | None:
        """The same rows otherwise said, one for one and label for label; None for no view."""
        return None

    def pairs(self, rows: Sequence[Row], epoch: int, batch: int) -> Pairs | None:
        """What an update sees beside its rows; ``rows`` are the source's."""
        return None

    def epoch_started(self, module: "FinetuningModule", data: "TaskDataModule") -> None:
        """Called on all ranks before an epoch, in training mode."""

    # What is minimised

    def row_weights(self, part: TaskBatch) -> Float[Tensor, " rows"] | None:
        """What the losses of a part's rows weigh; None: all the same."""
        return None

    def row_term(
        self, module: "FinetuningModule", part: TaskBatch, outputs: Tensor, view: TaskBatch | None
    ) -> Float[Tensor, ""] | None:
        """A loss of a part, summed over its scored labels; None for none."""
        return None

    def pair_term(self, encoded: EncodedPairs) -> Float[Tensor, ""]:
        """A loss of what is seen beside the rows, summed over its pairs."""
        raise NotImplementedError(f"{type(self).__name__} has pairs and no pair_term")

    @property
    def separate_rate(self) -> float | None:
        """Peak rate of an optimizer over the encoder that follows ``pair_term`` alone; None: it joins the task's."""
        return None

    @property
    def opponent(self) -> nn.Module | None:
        """Learns by an optimizer of its own to lower ``opponent_term``; None for none."""
        return None

    @property
    def opponent_rate(self) -> float:
        """Peak learning rate of the opponent."""
        raise NotImplementedError(f"{type(self).__name__} has an opponent and no opponent_rate")

    def opponent_term(self, encoded: EncodedPairs) -> Float[Tensor, ""]:
        """The opponent's loss, summed over pairs; no gradient reaches the encoder."""
        raise NotImplementedError(f"{type(self).__name__} has an opponent and no opponent_term")

    def remembered(self) -> object:
        """What it knows of the run besides its parameters, for a checkpoint: tensors, or plain data."""
        return None

    def remember(self, known: Any) -> None:
        """Know again what ``remembered`` gave."""

    def own_parameters(self) -> list[nn.Parameter]:
        """What is trained with the head."""
        theirs = set() if self.opponent is None else {id(one) for one in self.opponent.parameters()}
        return [one for one in self.parameters() if id(one) not in theirs]


@dataclass
class TargetLanguages(Tuning.Settings):
    """Settings of a tuning that reads text of target languages."""

    languages: list[str] | None = None  # null: all that the task is tested in

    @property
    def name(self) -> str:
        """Of the tuning, as in ``tuning.<name>``: that of its file."""
        return type(self).__module__.rpartition(".")[2]

    def chosen(self, resources: Resources) -> list[str]:
        """The target languages."""
        return resources.languages(f"tuning.{self.name}.languages", self.languages)


@dataclass
class UnlabelledText(TargetLanguages):
    """Settings of a tuning that reads their text without labels."""

    unlabelled: TextSource = MISSING

    def rows(self, resources: Resources) -> list[Row]:
        """All texts, in their languages."""
        return [
            Row(one, canonical(language))
            for language in self.chosen(resources)
            for one in resources.texts(self.unlabelled, language)
        ]

    def require(self, resources: Resources) -> None:
        """Such text of every language."""
        resources.require_texts(self.name, self.unlabelled, self.chosen(resources))

    def read(self, reads: frozenset[str]) -> frozenset[str]:
        """One of the two kinds of text."""
        return frozenset({"sides" if self.unlabelled == TextSource.parallel else "unlabelled"})


def refuse_frozen(name: str, config: Train) -> Iterator[str]:
    """What to say where a term could move nothing."""
    if config.finetune.freeze == Freeze.encoder:
        yield f"tuning={name} moves the encoder, and finetune.freeze=encoder keeps it; set finetune.freeze=nothing"


def refuse_spans(name: str, config: Train) -> Iterator[str]:
    """What to say where an example is not made of any text, nor said with other words."""
    kind = learned_tasks().get(config.task.metric)
    if kind is not None and not kind.is_plain:
        yield (
            f"tuning={name} with task={config.task.name}: its examples cannot be said with other words; choose "
            "tuning=translate_train, or a task of texts or of tags"
        )
