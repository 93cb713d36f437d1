"""A task's files as batches: English to learn from, every language to be tested in."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import lightning as L
import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from mlalign.data.languages import ENGLISH
from mlalign.data.parallel import as_it_is
from mlalign.data.readers import LabelledText, Part, TaggedSentence
from mlalign.data.readers.languages import spoken
from mlalign.data.sampling import ShuffledBatches, within_budget
from mlalign.data.sequences import SequenceBuilder, Sequenced
from mlalign.data.task_files import TaskFiles
from mlalign.distributed import rank, world_size
from mlalign.models.subwords import Subwords

log = logging.getLogger(__name__)

IGNORED = -100  # the label of positions that are not scored
TOKENS = 1024  # of a batch, padding included


@dataclass(frozen=True, slots=True)
class Prepared:
    """An example, or a piece of a long sentence, as one sequence.

    Attributes:
        sequence: its ids.
        labels: of a text, its label; of a sentence, one per position or ``IGNORED``.
        example: its place in the part.
        first_word: the word of the sentence that the piece begins with.
    """

    sequence: Sequenced
    labels: int | list[int]
    example: int
    first_word: int = 0


class TaskBatch(NamedTuple):
    """Examples of one language."""

    subwords: Subwords
    labels: Int[Tensor, " batch"] | Int[Tensor, "batch length"]
    examples: list[int]
    first_words: list[int]
    language: str
    scored: int  # how many of the labels are not ``IGNORED``, known to the host


def prepare(examples: Sequence[Any], language: str, layout: SequenceBuilder) -> list[Prepared]:
    """Sequences of texts, of pairs of texts, or of tagged sentences."""
    if isinstance(examples[0], TaggedSentence):
        return _prepare_sentences(examples, language, layout)
    return _prepare_texts(examples, language, layout)


def _prepare_texts(examples: Sequence[LabelledText], language: str, layout: SequenceBuilder) -> list[Prepared]:
    """A text that is too long is cut: its beginning tells the topic."""
    sides = [layout.words(texts) for texts in zip(*(one.texts for one in examples), strict=True)]
    prepared = []
    for place, (example, *words) in enumerate(zip(examples, *sides, strict=True)):
        sequence = layout.single(words[0], language) if len(words) == 1 else layout.pair(words[0], words[1], language)
        prepared.append(Prepared(sequence, example.label, place))
    return prepared


def _prepare_sentences(examples: Sequence[TaggedSentence], language: str, layout: SequenceBuilder) -> list[Prepared]:
    """Split a sentence that is too long between words; its pieces are joined again after tagging.

    The tag of a word stands on its first subword.
    """
    prepared = []
    split = layout.split_words([example.words for example in examples], language)
    for place, (example, words) in enumerate(zip(examples, split, strict=True)):
        start = 0
        for end in _pieces([min(len(word), layout.budget) for word in words], layout.budget):
            ids: list[int] = []
            tags: list[int] = []
            for word, tag in zip(words[start:end], example.tags[start:end], strict=True):
                ids += word[: layout.budget]
                tags += [tag, *[IGNORED] * (min(len(word), layout.budget) - 1)]
            before = [IGNORED] * (layout.overhead - 1)
            labels = [*before, *tags, IGNORED]
            prepared.append(Prepared(layout.single(ids, language), labels, place, start))
            start = end
    return prepared


def _pieces(sizes: Sequence[int], budget: int) -> list[int]:
    """Ends of the longest runs of words whose subwords fit into the budget."""
    ends, used = [], 0
    for place, size in enumerate(sizes):
        if used + size > budget:
            ends.append(place)
            used = 0
        used += size
    return [*ends, len(sizes)]


class TaskText(Dataset[TaskBatch]):
    """Makes batches of prepared examples from lists of their places."""

    def __init__(self, prepared: Sequence[Prepared], language: str, layout: SequenceBuilder) -> None:
        self.prepared, self.language, self.layout = prepared, language, layout

    def __getitem__(self, rows: Sequence[int]) -> TaskBatch:
        chosen = [self.prepared[row] for row in rows]
        subwords = self.layout.batch([one.sequence for one in chosen])
        length = subwords.input_ids.shape[1]
        labels = [
            one.labels if isinstance(one.labels, int) else one.labels + [IGNORED] * (length - len(one.labels))
            for one in chosen
        ]
        stacked = torch.tensor(labels)
        return TaskBatch(
            subwords,
            stacked,
            [one.example for one in chosen],
            [one.first_word for one in chosen],
            self.language,
            int((stacked != IGNORED).sum()),
        )


class Parts(Dataset[list[TaskBatch]]):
    """Makes batches to learn from, each cut into parts of about one length within a budget.

    Ranks share the examples of a batch out; one that gets none sees the first without its label.
    """

    def __init__(self, text: TaskText, tokens: int) -> None:
        self.text, self.tokens = text, tokens
        self.widths = np.array(widths(text.prepared, text.layout))

    def __getitem__(self, rows: NDArray[np.int64]) -> list[TaskBatch]:
        own = rows[rank() :: world_size()]
        if not len(own):
            unlabelled = self.text[rows[:1].tolist()]
            labels = torch.full_like(unlabelled.labels, IGNORED)
            return [unlabelled._replace(labels=labels, scored=0)]
        parts = within_budget(self.widths[own].tolist(), self.tokens)
        return [self.text[own[part].tolist()] for part in parts]


class TaskDataModule(L.LightningDataModule):
    """English train and dev, and the test parts one by one.

    Args:
        files: of the task.
        layout: places special and language tokens.
        batch_size: examples per update.
        seed: of the order.
        tokens: subwords at a time, padding included: a batch to learn from comes in parts.
        workers: processes that make batches.
    """

    def __init__(
        self,
        files: TaskFiles,
        layout: SequenceBuilder,
        *,
        batch_size: int,
        seed: int,
        tokens: int = TOKENS,
        workers: int = 0,
    ) -> None:
        super().__init__()
        self.files, self.layout = files, layout
        self.batch_size, self.seed = batch_size, seed
        self.tokens, self.workers = tokens, workers
        self.train, self.dev = (files.read(ENGLISH, part) for part in ("train", "dev"))
        self._train = prepare(self.train.examples, ENGLISH, layout)
        self._dev = prepare(self.dev.examples, ENGLISH, layout)

    @property
    def batches(self) -> int:
        """Batches of an epoch."""
        return -(-len(self._train) // self.batch_size)

    def train_dataloader(self) -> DataLoader[list[TaskBatch]]:
        """English, shuffled; a batch is the parts of one update."""
        lengths = [len(one.sequence.ids) for one in self._train]
        return loader(
            Parts(TaskText(self._train, ENGLISH, self.layout), self.tokens),
            ShuffledBatches(lengths, self.batch_size, self.seed),
            self.workers,
        )

    def val_dataloader(self) -> DataLoader[TaskBatch]:
        """English dev."""
        text = TaskText(self._dev, ENGLISH, self.layout)
        return scoring_loader(text, tokens=self.tokens, workers=self.workers)

    def test_loader(self, language: str) -> tuple[Part[Any], DataLoader[TaskBatch]]:
        """The test part of a language: what is in it, and its batches."""
        return scored_part(self.files, self.layout, language, tokens=self.tokens, workers=self.workers)


def scored_part(
    files: TaskFiles, layout: SequenceBuilder, language: str, *, tokens: int = TOKENS, workers: int = 0
) -> tuple[Part[Any], DataLoader[TaskBatch]]:
    """What is scored in a language, and its batches; the file is read now."""
    part, code = files.read(language, files.scored), spoken(language)
    text = TaskText(prepare(part.examples, code, layout), code, layout)
    return part, scoring_loader(text, tokens=tokens, workers=workers)


def widths(prepared: Sequence[Prepared], layout: SequenceBuilder) -> list[int]:
    """How wide a batch of each sequence alone would be."""
    return [layout.width(len(one.sequence.ids)) for one in prepared]


def scoring_loader(text: TaskText, *, tokens: int, workers: int = 0) -> DataLoader[TaskBatch]:
    """All examples once, the shortest first, in batches as large as the budget allows.

    Batches are dealt out to the ranks; one that gets none repeats the first, which counts once.
    """
    batches = within_budget(widths(text.prepared, text.layout), tokens)
    own = batches[rank() :: world_size()] or batches[:1]
    return loader(text, [batch.tolist() for batch in own], workers)


def loader(text: Dataset[Any], sampler: Any, workers: int) -> DataLoader[Any]:
    """What a data set makes of the items of a sampler."""
    return DataLoader(
        text,
        sampler=sampler,
        batch_size=None,
        collate_fn=as_it_is,
        num_workers=workers,
        multiprocessing_context="fork" if workers else None,
    )


def sentence_loader(
    sentences: Sequence[str],
    language: str,
    layout: SequenceBuilder,
    *,
    tokens: int = TOKENS,
    workers: int = 0,
) -> DataLoader[TaskBatch]:
    """Batches of plain sentences, each once, sorted by length."""
    examples = [LabelledText("", (sentence,), 0) for sentence in sentences]
    text = TaskText(prepare(examples, language, layout), language, layout)
    return scoring_loader(text, tokens=tokens, workers=workers)
