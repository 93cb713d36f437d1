"""What one update of fine-tuning learns from: its rows in parts, other views of them, and batches beside."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from mlalign.data.languages import ENGLISH
from mlalign.data.readers import AnyExample
from mlalign.data.sampling import UpdateKey, within_budget
from mlalign.data.sequences import SequenceBuilder
from mlalign.distributed import own_share
from mlalign.files import JsonObject
from mlalign.tasks.base import IGNORED, Prepared, TaskBatch, TaskType


class Row(NamedTuple):
    """An example to learn from, and the language that it is in."""

    example: AnyExample
    language: str = ENGLISH


class Pairs(NamedTuple):
    """What an update sees beside its rows: as many examples of the source as ones of another language."""

    source: Sequence[AnyExample]
    target: Sequence[AnyExample]
    language: str


class PairBatch(NamedTuple):
    """Some of an update's ``Pairs``, encoded; row i of one side belongs to row i of the other.

    Attributes:
        counted: how many rows count: all, or none where a rank has no row of its own.
    """

    source: TaskBatch
    target: TaskBatch
    counted: int


class UpdateBatch(NamedTuple):
    """One update of a rank.

    Attributes:
        parts: its rows, cut so that each part is within the budget and in one language.
        views: of every part, name -> the same rows otherwise said, label for label.
        pairs: name -> what is seen beside the rows, cut likewise.
    """

    parts: list[TaskBatch]
    views: list[dict[str, TaskBatch]]
    pairs: dict[str, list[PairBatch]]


class Changes:
    """What changes what an epoch learns from, each a pure function of its place; this changes nothing."""

    def rows(self, rows: Sequence[Row], epoch: int) -> Sequence[Row]:
        """The rows of an epoch, as many as there are with labels."""
        return rows

    def views(self, rows: Sequence[Row], epoch: int) -> Mapping[str, Sequence[Row]]:
        """Name -> the rows of an epoch otherwise said, one for one."""
        return {}

    def pairs(self, rows: Sequence[Row], epoch: int, batch: int) -> Mapping[str, Pairs]:
        """Name -> what an update sees beside its rows; ``rows`` are the source's."""
        return {}


@dataclass(frozen=True)
class EpochRows:
    """The rows of an epoch, encoded.

    Attributes:
        rows: what they are made of.
        prepared: their sequences; ``Prepared.example`` is a place in ``rows``.
        languages: of every sequence.
        views: name -> the same sequences otherwise said.
    """

    rows: Sequence[Row]
    prepared: list[Prepared]
    languages: list[str]
    views: dict[str, list[Prepared]] = field(default_factory=dict)

    @property
    def lengths(self) -> list[int]:
        """Of the sequences."""
        return [one.length for one in self.prepared]


def encode_rows(task: TaskType[AnyExample], rows: Sequence[Row], builder: SequenceBuilder) -> EpochRows:
    """Sequences of examples in several languages, in the order of the rows."""
    found: list[tuple[Prepared, str]] = []
    for language in dict.fromkeys(row.language for row in rows):
        places = [place for place, row in enumerate(rows) if row.language == language]
        prepared = task.encode([rows[place].example for place in places], language, builder)
        found += [(replace(one, example=places[one.example]), language) for one in prepared]
    found.sort(key=lambda one: one[0].example)
    return EpochRows(rows, [one for one, _ in found], [language for _, language in found])


class Updates(Dataset[UpdateBatch]):
    """Makes updates, cut into parts of about one length within a budget.

    Ranks share the rows of an update out; one that gets none sees the first without its label.

    Args:
        task: its type.
        rows: with labels, to learn from.
        builder: makes sequences.
        tokens: subwords at a time, padding included.
        changes: what an epoch learns from instead, and beside.
        source: the language of the source's rows.
        paths: ``id()`` of an example with a label -> the file that it stands in, for messages.
    """

    def __init__(
        self,
        task: TaskType[AnyExample],
        rows: Sequence[Row],
        builder: SequenceBuilder,
        tokens: int,
        changes: Changes | None = None,
        *,
        source: str = ENGLISH,
        paths: Mapping[int, Path] | None = None,
    ) -> None:
        self.task, self.builder, self.tokens, self.language = task, builder, tokens, source
        self.changes = Changes() if changes is None else changes
        self.labelled = encode_rows(task, rows, builder)
        self.source = [row for row in rows if row.language == source]
        self.paths = {} if paths is None else paths
        self._last: tuple[int, EpochRows] | None = None

    def lengths(self, epoch: int) -> list[int]:
        """Of the sequences of an epoch."""
        return self.at(epoch).lengths

    def at(self, epoch: int) -> EpochRows:
        """The rows of an epoch; the last one asked for is kept."""
        if self._last is None or self._last[0] != epoch:
            self._last = (epoch, self._encoded(epoch))
        return self._last[1]

    def described(self, language: str, rows: Sequence[int], epoch: int | None) -> list[JsonObject]:
        """Examples by id, labelled ones by their file, too; by their places once another epoch was asked for."""
        if self._last is None or self._last[0] != epoch:
            return [{"id": row} for row in rows]
        examples = [self._last[1].rows[row].example for row in rows]
        return [
            {**({"file": str(self.paths[id(one)])} if id(one) in self.paths else {}), "id": one.id, "texts": one.parts}
            for one in examples
        ]

    def __getitem__(self, key: UpdateKey) -> UpdateBatch:
        there = self.at(key.epoch)
        own, counts = own_share(key.rows)
        cut = self._cut(there, own)

        def parts(prepared: Sequence[Prepared]) -> list[TaskBatch]:
            found = [self._part(there, prepared, rows) for rows in cut]
            return found if counts else list(map(_without_labels, found))

        views = {name: parts(one) for name, one in there.views.items()}
        return UpdateBatch(
            parts(there.prepared),
            [{name: one[place] for name, one in views.items()} for place in range(len(cut))],
            {name: self._pairs(one) for name, one in self.changes.pairs(self.source, key.epoch, key.batch).items()},
        )

    def batches(self, rows: EpochRows) -> Iterator[TaskBatch]:
        """All rows once, in batches within the budget."""
        for part in self._cut(rows, np.arange(len(rows.prepared))):
            yield self._part(rows, rows.prepared, part)

    def _encoded(self, epoch: int) -> EpochRows:
        rows = self.changes.rows(self.labelled.rows, epoch)
        there = self.labelled if rows is self.labelled.rows else encode_rows(self.task, rows, self.builder)
        views = {
            name: _matched(there.prepared, encode_rows(self.task, view, self.builder).prepared)
            for name, view in self.changes.views(rows, epoch).items()
        }
        return replace(there, views=views)

    def _cut(self, there: EpochRows, own: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Rows of one language and about one length together, those of the first language first."""
        parts = []
        languages = np.array([there.languages[row] for row in own])
        for language in sorted(set(languages)):
            rows = own[languages == language]
            widths = [self._width(*(one[row] for one in (there.prepared, *there.views.values()))) for row in rows]
            parts += [rows[part] for part in within_budget(widths, self.tokens)]
        return parts

    def _part(self, there: EpochRows, prepared: Sequence[Prepared], rows: NDArray[np.int64]) -> TaskBatch:
        return self.task.collate([prepared[row] for row in rows], there.languages[rows[0]], self.builder)

    def _width(self, *rows: Prepared) -> int:
        """Of a batch of the widest alone."""
        return self.builder.width(max(one.length for one in rows))

    def _pairs(self, pairs: Pairs) -> list[PairBatch]:
        """This rank's share; of a long example the first sequence."""
        sides = [
            [one for one in self.task.encode(examples, language, self.builder) if one.first == 0]
            for examples, language in ((pairs.source, self.language), (pairs.target, pairs.language))
        ]
        own, counts = own_share(list(zip(*sides, strict=True)))
        batches = []
        for places in within_budget([self._width(*one) for one in own], self.tokens):
            source, target = zip(*(own[place] for place in places), strict=True)
            batches.append(
                PairBatch(
                    self.task.collate(source, self.language, self.builder),
                    self.task.collate(target, pairs.language, self.builder),
                    len(places) if counts else 0,
                )
            )
        return batches


def _without_labels(part: TaskBatch) -> TaskBatch:
    return part._replace(labels=torch.full_like(part.labels, IGNORED), scored=0)


def _matched(rows: Sequence[Prepared], views: Sequence[Prepared]) -> list[Prepared]:
    """The view of each sequence; the sequence itself where its view was cut in other places."""
    found = {(one.example, one.first): one for one in views}
    return [
        view if (view := found.get((one.example, one.first))) is not None and _labels(view) == _labels(one) else one
        for one in rows
    ]


def _labels(one: Prepared) -> list[int]:
    return [label for label in one.labels if label != IGNORED] if isinstance(one.labels, list) else [one.labels]
