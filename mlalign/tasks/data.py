"""A task's files as batches: a source language and a few labels to learn from, every language to be tested in."""

import logging
from collections.abc import Iterable, Sequence
from typing import Any, Generic, Literal, TypeVar

import lightning as L
from torch.utils.data import DataLoader, Dataset

from mlalign.data.coverage import Coverage, coverage
from mlalign.data.languages import canonical
from mlalign.data.parallel import as_it_is
from mlalign.data.readers import AnyExample, Part, SentencePair
from mlalign.data.readers.records import Example
from mlalign.data.sampling import ShuffledBatches, within_budget
from mlalign.data.sequences import SequenceBuilder
from mlalign.data.task_files import TaskFiles
from mlalign.distributed import own_share
from mlalign.tasks.base import Prepared, TaskBatch, TaskType
from mlalign.tasks.placeholders import refuse_placeholders
from mlalign.tasks.shots import draw_shots
from mlalign.tasks.updates import Changes, Row, UpdateBatch, Updates

log = logging.getLogger(__name__)

Batch = TypeVar("Batch")
Labels = Literal["all", "source", "shots"]  # the source's train part, a few labels of target languages, or both
TOKENS = 1024  # of a batch, padding included


class TaskText(Dataset[TaskBatch], Generic[Example]):
    """Makes batches of encoded examples from lists of their places."""

    def __init__(
        self, task: TaskType[Example], prepared: Sequence[Prepared], language: str, layout: SequenceBuilder
    ) -> None:
        self.task, self.prepared, self.language, self.layout = task, prepared, language, layout

    def __getitem__(self, rows: Sequence[int]) -> TaskBatch:
        return self.task.collate([self.prepared[row] for row in rows], self.language, self.layout)


class TaskDataModule(L.LightningDataModule):
    """Train and dev of the source, a few labels of target languages, and what is scored one by one.

    Args:
        task: its type.
        files: of the task.
        layout: places special and language tokens.
        batch_size: examples per update.
        seed: of the order.
        tokens: subwords at a time, padding included: a batch to learn from comes in parts.
        workers: processes that make batches.
        changes: what an epoch learns from instead of these alone, and beside them.
        scored: the files that are scored; None: as ``files``.
        labels: which are learned.

    Attributes:
        shots: target language -> its labelled examples that are learned.
    """

    def __init__(
        self,
        task: TaskType[AnyExample],
        files: TaskFiles,
        layout: SequenceBuilder,
        *,
        batch_size: int,
        seed: int,
        tokens: int = TOKENS,
        workers: int = 0,
        changes: Changes | None = None,
        scored: TaskFiles | None = None,
        labels: Labels = "all",
    ) -> None:
        super().__init__()
        self.task, self.files, self.layout = task, files, layout
        self.scored = scored or files
        self.batch_size, self.seed = batch_size, seed
        self.tokens, self.workers = tokens, workers
        self.source = canonical(files.source)
        self.train, self.dev = (files.read(files.source, part) for part in ("train", "dev"))
        self.shots = {} if labels == "source" else draw_shots(self.scored, seed)
        rows = [] if labels == "shots" else [Row(one, self.source) for one in self.train.examples]
        rows += [Row(one, canonical(language)) for language, part in self.shots.items() for one in part.examples]
        paths = {id(one): part.path for part in (self.train, *self.shots.values()) for one in part.examples}
        self.updates = Updates(task, rows, layout, tokens, changes, source=self.source, paths=paths)
        self._resume_at = (0, 0)  # epoch and batch
        self._dev = task.encode(self.dev.examples, self.source, layout)

    @property
    def languages(self) -> str:
        """That are learned, as a text."""
        return ", ".join(dict.fromkeys(row.language for row in self.updates.labelled.rows))

    @property
    def batches(self) -> int:
        """Batches of an epoch."""
        return -(-len(self.updates.labelled.prepared) // self.batch_size)

    def train_dataloader(self) -> DataLoader[UpdateBatch]:
        """What is learned, shuffled, and what ``changes`` makes of it, from where an interrupted run stopped."""
        order = ShuffledBatches(self.updates.labelled.lengths, self.batch_size, self.seed, self.updates.lengths)
        (order.epoch, order.start), self._resume_at = self._resume_at, (0, 0)
        return loader(self.updates, order, self.workers)

    def val_dataloader(self) -> DataLoader[TaskBatch]:
        """Dev of the source."""
        text = TaskText(self.task, self._dev, self.source, self.layout)
        return scoring_loader(text, tokens=self.tokens, workers=self.workers)

    def state_dict(self) -> dict[str, int]:
        """How many epochs, and batches of the next, are done."""
        assert self.trainer is not None
        loop = self.trainer.fit_loop
        epochs: Any = loop.epoch_progress.current
        batches: Any = loop.epoch_loop.batch_progress.current
        return {"epoch": epochs.processed, "batch": batches.processed}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Resume after the last finished batch."""
        self._resume_at = state_dict["epoch"], state_dict["batch"]

    def test_loader(self, language: str) -> tuple[Part[AnyExample], DataLoader[TaskBatch]]:
        """The scored part of a language: what is in it, and its batches."""
        return scored_part(self.task, self.scored, self.layout, language, tokens=self.tokens, workers=self.workers)


def scored_part(
    task: TaskType[Example],
    files: TaskFiles,
    layout: SequenceBuilder,
    language: str,
    *,
    tokens: int = TOKENS,
    workers: int = 0,
) -> tuple[Part[Example], DataLoader[TaskBatch]]:
    """What is scored in a language, and its batches; the file is read now.

    Raises:
        DataError: the file is broken, or its labels were taken out.
    """
    part, code = files.read(language, files.scored_part(language)), files.scored_language(language)
    refuse_placeholders(part, files.labels)
    text = TaskText(task, task.encode(part.examples, code, layout), code, layout)
    return part, scoring_loader(text, tokens=tokens, workers=workers)


def check_files(files: TaskFiles) -> None:
    """Read every file of a run and forget it, so that a fault is told before anything is trained.

    No target label reaches a training so: a label is compared with those of the task, and with those beside it in
    its file; nothing is returned, kept or counted by label. Whoever trains reads the source, and the few labels of
    train parts that ``finetune.shots`` asks for; the scored parts are read again when they are scored.

    Raises:
        DataError: a file is broken, has other labels than the task, or had its labels taken out; or there are fewer
            labels than asked for.
    """
    for language, part in files.needed():
        read = files.read(language, part)
        if part == files.scored_part(language) or language in files.shots:
            refuse_placeholders(read, files.labels)
        if part == "train" and language == files.source:
            warn_of_unlearned(read, files.labels)
    draw_shots(files, seed=0)  # there are enough, or not, whatever the seed


def warn_of_unlearned(part: Part[AnyExample], labels: Sequence[str]) -> None:
    """Say which labels of the task no example of a train part has."""
    found = {label for example in part.examples for label in example.gold(labels)}
    if unlearned := [label for label in labels if label not in found]:
        log.warning(
            "%s: none of %d examples has the label %s of task.labels, which is not learned so: what has it in a test "
            "part is scored as wrong",
            part.path, len(part.examples), ", ".join(unlearned),
        )  # fmt: skip


def covered(part: Part[AnyExample], files: TaskFiles, layout: SequenceBuilder, language: str) -> Coverage:
    """How the tokenizer covers the texts that are scored in a language; of an English pair the other side alone."""
    texts = (
        example.other if isinstance(example, SentencePair) else " ".join(example.parts) for example in part.examples
    )
    return coverage(texts, files.scored_language(language), layout, str(part.path))


def scoring_loader(text: TaskText[Example], *, tokens: int, workers: int = 0) -> DataLoader[TaskBatch]:
    """All examples once, the shortest first, in batches as large as the budget allows.

    Batches are dealt out to the ranks; one that gets none repeats the first, which counts once.
    """
    widths = [text.layout.width(one.length) for one in text.prepared]
    own, _ = own_share(within_budget(widths, tokens))
    return loader(text, [batch.tolist() for batch in own], workers)


def loader(text: Dataset[Batch], sampler: Iterable[object], workers: int) -> DataLoader[Batch]:
    """What a data set makes of the items of a sampler."""
    return DataLoader(
        text,
        sampler=sampler,
        batch_size=None,
        collate_fn=as_it_is,
        num_workers=workers,
        multiprocessing_context="fork" if workers else None,
    )
