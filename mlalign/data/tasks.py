"""A task's files as batches: English to learn from, every language to be tested in."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import lightning as L
import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from mlalign.data.formats import LabelledText, Part, TaggedSentence
from mlalign.data.formats.languages import spoken
from mlalign.data.layout import Layout, Sequenced
from mlalign.data.parallel import as_it_is
from mlalign.data.sampling import ShuffledBatches
from mlalign.data.task_files import TaskFiles
from mlalign.models.encoder import SOURCE
from mlalign.models.subwords import Subwords
from mlalign.ranks import rank, world

log = logging.getLogger(__name__)

IGNORED = -100  # the label of positions that are not scored
EVALUATION_BATCH = 128


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


def prepare(examples: Sequence[Any], language: str, layout: Layout) -> list[Prepared]:
    """Sequences of texts, of pairs of texts, or of tagged sentences."""
    if isinstance(examples[0], TaggedSentence):
        return _prepare_sentences(examples, language, layout)
    return _prepare_texts(examples, language, layout)


def _prepare_texts(
    examples: Sequence[LabelledText], language: str, layout: Layout
) -> list[Prepared]:
    """A text that is too long is cut: its beginning tells the topic."""
    sides = [layout.words(texts) for texts in zip(*(one.texts for one in examples), strict=True)]
    prepared = []
    for place, (example, *words) in enumerate(zip(examples, *sides, strict=True)):
        if len(words) == 1:
            sequence = layout.single(words[0], language)
        else:
            sequence = layout.pair(words[0], words[1], language)
        prepared.append(Prepared(sequence, example.label, place))
    return prepared


def _prepare_sentences(
    examples: Sequence[TaggedSentence], language: str, layout: Layout
) -> list[Prepared]:
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
    """Makes batches of prepared examples from lists of their places.

    Args:
        prepared: all examples.
        language: theirs.
        layout: pads them.
        shared: whether each rank takes its part of every batch, and not every batch as it is. One
            that gets nothing of a small batch takes its first example without labels.
    """

    def __init__(
        self, prepared: Sequence[Prepared], language: str, layout: Layout, *, shared: bool = False
    ) -> None:
        self.prepared, self.language, self.layout = prepared, language, layout
        self.shared = shared

    def __getitem__(self, rows: Sequence[int]) -> TaskBatch:
        if not self.shared:
            return self._batch(rows)
        own = rows[rank() :: world()]
        if own:
            return self._batch(own)
        batch = self._batch(rows[:1])
        return batch._replace(labels=torch.full_like(batch.labels, IGNORED))

    def _batch(self, rows: Sequence[int]) -> TaskBatch:
        chosen = [self.prepared[row] for row in rows]
        subwords = self.layout.batch([one.sequence for one in chosen])
        length = subwords.input_ids.shape[1]
        labels = [
            one.labels
            if isinstance(one.labels, int)
            else one.labels + [IGNORED] * (length - len(one.labels))
            for one in chosen
        ]
        return TaskBatch(
            subwords,
            torch.tensor(labels),
            [one.example for one in chosen],
            [one.first_word for one in chosen],
            self.language,
        )


class TaskDataModule(L.LightningDataModule):
    """English train and dev, and the test parts one by one.

    Args:
        files: of the task.
        layout: places special and language tokens.
        batch_size: examples per batch.
        seed: of the order.
        workers: processes that make batches.
    """

    def __init__(
        self, files: TaskFiles, layout: Layout, *, batch_size: int, seed: int, workers: int = 0
    ) -> None:
        super().__init__()
        self.files, self.layout = files, layout
        self.batch_size, self.seed, self.workers = batch_size, seed, workers
        self.train, self.dev = (files.read(SOURCE, part) for part in ("train", "dev"))
        self._train = prepare(self.train.examples, SOURCE, layout)
        self._dev = prepare(self.dev.examples, SOURCE, layout)

    @property
    def batches(self) -> int:
        """Batches of an epoch."""
        return -(-len(self._train) // self.batch_size)

    def train_dataloader(self) -> DataLoader[TaskBatch]:
        """English, shuffled."""
        lengths = [len(one.sequence.ids) for one in self._train]
        sampler = ShuffledBatches(lengths, self.batch_size, self.seed)
        return loader(self._train, SOURCE, self.layout, sampler, workers=self.workers, shared=True)

    def val_dataloader(self) -> DataLoader[TaskBatch]:
        """English dev."""
        order = by_length(self._dev)
        return loader(self._dev, SOURCE, self.layout, order, workers=self.workers)

    def test_loader(self, language: str) -> tuple[Part[Any], DataLoader[TaskBatch]]:
        """The test part of a language: what is in it, and its batches."""
        return scored_part(self.files, self.layout, language, workers=self.workers)


def scored_part(
    files: TaskFiles, layout: Layout, language: str, *, workers: int = 0
) -> tuple[Part[Any], DataLoader[TaskBatch]]:
    """What is scored in a language, and its batches; the file is read now."""
    part, code = files.read(language, files.scored), spoken(language)
    prepared = prepare(part.examples, code, layout)
    return part, loader(prepared, code, layout, by_length(prepared), workers=workers)


def by_length(prepared: Sequence[Prepared]) -> list[list[int]]:
    """This rank's batches of all examples, the shortest first, as lists of places.

    Ranks deal batches out in turn; one that gets none repeats the first, which counts once.
    """
    order = np.argsort([len(one.sequence.ids) for one in prepared], kind="stable")
    batches: list[list[int]] = [
        order[start : start + EVALUATION_BATCH].tolist()
        for start in range(0, len(order), EVALUATION_BATCH)
    ]
    return batches[rank() :: world()] or batches[:1]


def loader(
    prepared: Sequence[Prepared],
    language: str,
    layout: Layout,
    sampler: Any,
    *,
    workers: int = 0,
    shared: bool = False,
) -> DataLoader[TaskBatch]:
    """Batches of prepared examples, in the order of a sampler of lists of places."""
    return DataLoader(
        TaskText(prepared, language, layout, shared=shared),
        sampler=sampler,
        batch_size=None,
        collate_fn=as_it_is,
        num_workers=workers,
        multiprocessing_context="fork" if workers else None,
    )


def sentence_loader(
    sentences: Sequence[str], language: str, layout: Layout, *, workers: int = 0
) -> DataLoader[TaskBatch]:
    """Batches of plain sentences, each once, sorted by length."""
    examples = [LabelledText("", (sentence,), 0) for sentence in sentences]
    prepared = prepare(examples, language, layout)
    return loader(prepared, language, layout, by_length(prepared), workers=workers)
