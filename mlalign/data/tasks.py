"""A task's files as batches: English to learn from, every language to be tested in."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import lightning as L
import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from mlalign.data.formats import Format, LabelledText, Part, PartName, TaggedSentence, positions
from mlalign.data.formats.languages import spoken
from mlalign.data.layout import Layout, Sequenced
from mlalign.data.parallel import as_it_is
from mlalign.data.sampling import ShuffledBatches
from mlalign.data.sizes import Sizes, check_rows
from mlalign.data.text import did_you_mean
from mlalign.errors import ConfigError, DataError
from mlalign.models.encoder import SOURCE
from mlalign.models.subwords import Subwords

log = logging.getLogger(__name__)

IGNORED = -100  # the label of positions that are not scored
EVALUATION_BATCH = 128
AVAILABLE = "available"


class TaskFiles:
    """Where a task's files lie.

    Every file that a run needs is looked for at once. A test file is read only when it is asked
    for, so that no target label can leak into training.

    Args:
        folder: of the task.
        format: of its release.
        labels: in the order of the classes.
        label_names: what the files call a label -> the label.
        languages: to be tested in, or ``available`` for all that have the scored part.
        train_size: which of several train files.
        on_bad_line: ``error`` or ``skip``.
        english: folder and format of English train and dev, where the release has none.
        sizes: rows of the official release.
        is_official: whether files of other sizes are refused; otherwise they are named.
        learned: whether English train and dev are needed too.
        scored: the part that is needed of every language.

    Raises:
        ConfigError: a language is named twice or unknown to the format.
        DataError: a file is not there.
    """

    def __init__(
        self,
        folder: Path,
        format: Format[Any],
        labels: Sequence[str],
        languages: Sequence[str] | str,
        *,
        label_names: Mapping[str, str] | None = None,
        train_size: int | None,
        on_bad_line: Literal["error", "skip"],
        english: tuple[Path, Format[Any]] | None = None,
        sizes: Sizes | None = None,
        is_official: bool = False,
        learned: bool = True,
        scored: PartName = "test",
    ) -> None:
        self.sizes, self.is_official = sizes or {}, is_official
        self.folder, self.format = folder, format
        self.english = (folder, format) if english is None else english
        self.labels, self.positions = list(labels), positions(labels, label_names)
        self.train_size, self.on_bad_line = train_size, on_bad_line
        self.learned, self.scored = learned and format.is_learned, scored
        there = self.format.languages(folder, scored)
        if languages == AVAILABLE:
            languages = sorted(there, key=lambda language: (language != SOURCE, language))
        if isinstance(languages, str):
            raise ConfigError(
                f"task.languages={languages}: expected `{AVAILABLE}` or a list such as [en,de]"
                f"{did_you_mean(languages, [AVAILABLE])}"
            )
        if not languages:
            raise DataError(f"{folder}: no language with a {scored} part there")
        if len(set(languages)) < len(languages):
            raise ConfigError(f"task.languages={list(languages)}: a language is named twice")
        self.languages = list(languages)
        for language, part in self.needed():
            self.path(language, part)

    def needed(self) -> list[tuple[str, str]]:
        """Language and part of every file of a run."""
        english = [(SOURCE, "train"), (SOURCE, "dev")] if self.learned else []
        return [*english, *((language, self.scored) for language in self.languages)]

    def place(self, language: str, part: Any) -> tuple[Path, Format[Any]]:
        """The folder and format of a part: what is learned from can come from elsewhere."""
        is_learned = language == SOURCE and part != "test"
        return self.english if is_learned else (self.folder, self.format)

    def path(self, language: str, part: Any) -> Path:
        """The file of a part."""
        folder, format = self.place(language, part)
        return format.path(folder, language, part, self.train_size)

    def read(self, language: str, part: Any) -> Part[Any]:
        """One part, whole."""
        format = self.place(language, part)[1]
        read = format.read(
            self.path(language, part),
            self.positions,
            language=format.called(language),
            part=part,
            on_bad_line=self.on_bad_line,
        )
        for reason, count in read.dropped.items():
            log.warning("%s: %d left out: %s", read.path, count, reason)
        check_rows(
            len(read.examples) + sum(read.dropped.values()),
            self.sizes,
            part,
            language,
            where=str(read.path),
            strict=self.is_official,
        )
        return read


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
    """Makes batches of prepared examples from lists of their places."""

    def __init__(self, prepared: Sequence[Prepared], language: str, layout: Layout) -> None:
        self.prepared, self.language, self.layout = prepared, language, layout

    def __getitem__(self, rows: Sequence[int]) -> TaskBatch:
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
        return loader(self._train, SOURCE, self.layout, sampler, workers=self.workers)

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
    """Batches of all examples, the shortest first, as lists of places."""
    order = np.argsort([len(one.sequence.ids) for one in prepared], kind="stable")
    return [
        order[start : start + EVALUATION_BATCH].tolist()
        for start in range(0, len(order), EVALUATION_BATCH)
    ]


def loader(
    prepared: Sequence[Prepared], language: str, layout: Layout, sampler: Any, *, workers: int = 0
) -> DataLoader[TaskBatch]:
    """Batches of prepared examples, in the order of a sampler of lists of places."""
    return DataLoader(
        TaskText(prepared, language, layout),
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
