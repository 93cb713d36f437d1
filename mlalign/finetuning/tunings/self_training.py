"""Target text is learned with the labels that the model itself gives it."""

import math
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from omegaconf import MISSING
from torch import Tensor

from mlalign.config.schema import Train
from mlalign.config.settings import CLOSED_SHARE, OPEN_SHARE, POSITIVE, setting
from mlalign.data.readers import LabelledText
from mlalign.data.sampling import stream
from mlalign.files import JsonObject
from mlalign.finetuning.evaluating import read_all
from mlalign.finetuning.resources import TextSource
from mlalign.finetuning.tunings.base import Parts, Tuning, UnlabelledText, first_epoch_after, refuse_spans
from mlalign.tasks.base import IGNORED, AnyTask, Piece, TaskBatch
from mlalign.tasks.updates import Row, encode_rows

if TYPE_CHECKING:
    from mlalign.finetuning.module import FinetuningModule
    from mlalign.tasks.data import TaskDataModule


class Guess(NamedTuple):
    """A target text with the labels that it was given."""

    row: Row  # to learn from
    confidence: float  # the probability of the least likely of its labels
    kind: Hashable  # texts of one kind are compared with each other


class SelfTraining(Tuning):
    """Self-training on unlabelled target text (Dong and de Melo 2019, doi:10.18653/v1/D19-1658)."""

    reads = frozenset({"unlabelled", "sides"})
    faithful = "one run: labels are given once, after a share of the epochs, and the weights go on learning"
    neutral = {"threshold": 1.1}  # noqa: RUF012

    @dataclass
    class Settings(UnlabelledText):
        """When labels are given, and which are learned."""

        start: float = setting(MISSING, OPEN_SHARE)  # of the epochs that learn English alone
        threshold: float = setting(MISSING, POSITIVE)  # least probability of every label; above 1: none
        share: float = setting(MISSING, CLOSED_SHARE)  # of the texts of each label, the surest; of words: of all

        def check(self, config: Train) -> Iterator[str]:
            """It makes examples of plain text, and needs an epoch before and after."""
            yield from refuse_spans("self_training", config)
            if config.finetune.epochs == 1:
                yield "tuning=self_training gives labels between epochs: set finetune.epochs to 2 at least"
            if self.unlabelled == TextSource.parallel and config.task.reads_pairs:
                yield (
                    f"tuning.self_training.unlabelled=parallel with task={config.task.name}: an example has two texts, "
                    "and one of parallel text alone has no such label; set tuning.self_training.unlabelled=task"
                )

        def passes(self, epochs: int) -> None:
            """Unlabelled text is read besides."""

    settings: Settings

    def __init__(self, settings: Settings, parts: Parts) -> None:
        super().__init__(settings, parts)
        self.learned: list[Row] = []  # from now on, beside English

    def examples(self, rows: Sequence[Row], epoch: int) -> Sequence[Row]:
        """As many as there are English rows, drawn from these and the target texts that have labels."""
        if not self.learned:
            return rows
        pool = [*rows, *self.learned]
        order = stream(self.parts.seed, self.parts.name, epoch).permutation(len(pool))[: len(rows)]
        return [pool[place] for place in order]

    def epoch_started(self, module: "FinetuningModule", data: "TaskDataModule") -> None:
        """Give labels once, when the share of the epochs is over."""
        if module.current_epoch == first_epoch_after(self.settings.start, self.parts.epochs):
            guesses = list(guessed(module, data, self.settings.rows(self.parts.resources)))
            self.learned = chosen(guesses, self.settings.threshold, self.settings.share)

    def remembered(self) -> list[tuple[JsonObject, str]]:
        """The texts that have labels, in their order, each with its language."""
        examples: list[Any] = [row.example for row in self.learned]
        return [(asdict(one), row.language) for one, row in zip(examples, self.learned, strict=True)]

    def remember(self, known: list[tuple[JsonObject, str]]) -> None:
        """The same again."""
        if known:
            kind: Any = type(self.settings.rows(self.parts.resources)[0].example)
            self.learned = [Row(kind(**example), language) for example, language in known]


def guessed(module: "FinetuningModule", data: "TaskDataModule", rows: Sequence[Row]) -> Iterator[Guess]:
    """Rows with the labels that a model gives them."""
    task = module.task
    blank = [row._replace(example=task.blank(row.example)) for row in rows]

    def read(batch: TaskBatch) -> tuple[list[object], list[float]]:
        outputs = module(batch)
        return task.decode(outputs, batch), _confidence(task, outputs, batch)

    pieces: list[Piece[object]] = []
    confidence = [1.0] * len(rows)
    for batch, (decoded, sure) in read_all(module, data, encode_rows(task, blank, data.layout), read):
        pieces += zip(batch.examples, batch.firsts, decoded, strict=True)
        for example, one in zip(batch.examples, sure, strict=True):
            confidence[example] = min(confidence[example], one)
    for row, whole, one in zip(rows, task.merged(pieces), confidence, strict=True):
        labelled = task.labelled(row.example, whole)
        kind = labelled.label if isinstance(labelled, LabelledText) else None
        yield Guess(row._replace(example=labelled), one, kind)


def _confidence(task: AnyTask, outputs: Tensor, batch: TaskBatch) -> list[float]:
    """The probability of the least likely of the labels of each row."""
    best = task.logits(outputs.float(), batch).softmax(-1).amax(-1)
    return best.masked_fill(batch.labels == IGNORED, 1.0).reshape(len(batch.examples), -1).amin(1).tolist()


def chosen(guesses: Sequence[Guess], threshold: float, share: float) -> list[Row]:
    """Those that are sure enough and, of every kind, among the surest."""
    kinds: dict[Hashable, list[Guess]] = defaultdict(list)
    for guess in guesses:
        kinds[guess.kind].append(guess)
    kept: list[Guess] = []
    for same in kinds.values():
        ordered = sorted(same, key=lambda guess: -guess.confidence)
        kept += ordered[: math.ceil(share * len(ordered))]
    return [guess.row for guess in kept if guess.confidence >= threshold]
