"""Batches of translation pairs, one language pair each, and held-out pairs for the curves."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import lightning as L
import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from mlalign.data.languages import ENGLISH
from mlalign.data.sampling import BatchKey, PairBatches
from mlalign.data.sequences import SequenceBuilder
from mlalign.data.teacher_vectors import TeacherVectors
from mlalign.data.token_cache import Tokenised
from mlalign.distributed import rank, world_size
from mlalign.errors import DataError
from mlalign.files import JsonObject
from mlalign.models.subwords import Subwords

HASHES = 2**63  # sentence keys are below
HELD_OUT_AT_MOST = 0.1
EVALUATION_BATCH = 256


class Side(NamedTuple):
    """One language of a view, or both joined; ``subwords`` shows masks where a token is masked.

    All but ``subwords`` stays on the host, so that what the word losses are about is known without
    waiting for a device; ``is_content_token`` is that of ``subwords``. ``half`` is there where a
    row holds two sentences, see ``joining.Joined``.
    """

    subwords: Subwords
    original: Int[Tensor, "batch length"]
    masked: Bool[Tensor, "batch length"]
    is_content_token: Bool[Tensor, "batch length"]
    half: Int[Tensor, "batch length"] | None = None


class Sides(NamedTuple):
    """Row i of ``target`` translates row i of ``source``."""

    source: Side
    target: Side


class Sentences(NamedTuple):
    """The text of a batch, framed: row i of ``target`` translates row i of ``source``."""

    source: Subwords
    target: Subwords


class ParallelBatch(NamedTuple):
    """The same sentence pairs in one or more views; one language pair per batch.

    A view has ``Sides``, or a single side: the pair in one row, or one language alone. Of several
    devices each has a slice of the rows, and ``same`` tells of all.
    """

    views: Mapping[str, tuple[Side, ...]]
    languages: tuple[str, str]  # ("en", "de")
    same: Bool[Tensor, "all all"]  # rows that say the same, other than row and column alike
    place: int  # of the batch in the run
    links: Int[Tensor, "links 3"] | None = None  # row, source and target token, of this device's rows
    rows: Sequence[int] = ()  # of all devices, in the table of the language
    teacher: Float[Tensor, "batch dim"] | None = None  # its vectors of the source, of this device's rows

    @property
    def first(self) -> Sides:
        """Both languages of the first view that has them apart."""
        return next(sides for sides in self.views.values() if isinstance(sides, Sides))


MakeView = Callable[[Sentences, BatchKey], tuple[Side, ...]]  # of the whole batch of all devices


def regrouped(sides: Iterable[Side]) -> tuple[Side, ...]:
    """One side, or both by their names."""
    found = tuple(sides)
    return Sides(*found) if len(found) == 2 else found


class HeldOutBatch(NamedTuple):
    """Pairs that are never trained on."""

    source: Subwords
    target: Subwords
    language: str
    source_keys: Int[Tensor, " batch"]
    target_keys: Int[Tensor, " batch"]
    pivot: str = ENGLISH  # the language of the source


class ParallelText(Dataset[ParallelBatch]):
    """Makes the batch that a key names; the same key always gives the same batch.

    Of several devices each makes the whole batch and keeps its slice, so that masks do not depend
    on how many there are.

    Args:
        tables: language -> tokenised pairs.
        rows: language -> the rows of its table that are trained on.
        layout: places special and language tokens.
        views: name -> what makes this view.
        rank: this device among ``world``, which divides the pairs of a batch.
        world: how many devices share a batch.
        teacher: vectors of all sentences of the pivot, where an objective reads them.
    """

    def __init__(
        self,
        tables: Mapping[str, Tokenised],
        rows: Mapping[str, NDArray[np.int64]],
        layout: SequenceBuilder,
        views: Mapping[str, MakeView],
        *,
        rank: int = 0,
        world_size: int = 1,
        teacher: TeacherVectors | None = None,
    ) -> None:
        self.tables, self.rows, self.layout, self.teacher = tables, rows, layout, teacher
        self.pivot = pivot_of(tables)
        self.views, self.rank, self.world = views, rank, world_size

    def __getitem__(self, key: BatchKey) -> ParallelBatch:
        rows = self.rows[key.language][key.rows].tolist()
        table = self.tables[key.language].take(rows)
        keys = [table[name].to_numpy() for name in ("source_key", "target_key")]
        same = sum(side[:, None] == side for side in keys) > 0
        np.fill_diagonal(same, False)
        text = Sentences(
            sentences_of(table["source"], self.pivot, self.layout),
            sentences_of(table["target"], key.language, self.layout),
        )
        views = {name: regrouped(map(self._own, make(text, key))) for name, make in self.views.items()}
        links = self._links(table["links"]) if "links" in table.column_names else None
        taught = None if self.teacher is None else self.teacher.of(keys[0][self._slice(len(keys[0]))])
        return ParallelBatch(views, (self.pivot, key.language), torch.from_numpy(same), key.batch, links, rows, taught)

    def described(self, language: str, rows: Sequence[int], epoch: int | None) -> Sequence[JsonObject]:
        """Where pairs stand."""
        return self.tables[language].origin(rows)

    def _links(self, column: pa.ChunkedArray) -> Int[Tensor, "links 3"]:
        """Of this device's rows, which are counted from its first."""
        lists = column.combine_chunks()
        places = lists.flatten().to_numpy().reshape(-1, 2)
        row = np.repeat(np.arange(len(lists)), lists.value_lengths().to_numpy() // 2)
        size = len(lists) // self.world
        first = self.rank * size
        own = (row >= first) & (row < first + size)
        return torch.from_numpy(np.column_stack([row[own] - first, places[own]]).astype(np.int64))

    def _own(self, side: Side) -> Side:
        """The rows of this device."""
        return rows_of(side, self._slice(len(side.original)), self.layout)

    def _slice(self, rows: int) -> slice:
        size = rows // self.world
        return slice(self.rank * size, (self.rank + 1) * size)


def pivot_of(tables: Mapping[str, Tokenised]) -> str:
    """The language of all source sides."""
    return next(iter(tables.values())).pivot


class ParallelDataModule(L.LightningDataModule):
    """Sentence pairs of the pivot, usually English, and X, tokenised.

    Args:
        tables: language -> tokenised pairs.
        layout: places special and language tokens.
        pairs: per batch of all devices together: each sentence sees ``pairs - 1`` negatives.
        batches: of the whole run, which is one epoch.
        exponent: languages are drawn by size to this power.
        held_out: how many pairs of the largest language are kept for the curves; other languages
            give the same share, at most a tenth. A pair is chosen by a hash of its pivot side,
            so that no held-out sentence of the pivot is trained on in any language.
        views: name -> what makes this view of a batch.
        seed: of the order.
        workers: processes that make batches.
        teacher: vectors of all sentences of the pivot, where an objective reads them.
    """

    def __init__(
        self,
        tables: Mapping[str, Tokenised],
        layout: SequenceBuilder,
        views: Mapping[str, MakeView],
        *,
        pairs: int,
        batches: int,
        exponent: float,
        held_out: int,
        seed: int,
        workers: int = 0,
        teacher: TeacherVectors | None = None,
    ) -> None:
        super().__init__()
        self.tables, self.layout, self.views, self.teacher = dict(tables), layout, dict(views), teacher
        self.pivot = pivot_of(tables)
        self.pairs, self.batches, self.exponent = pairs, batches, exponent
        self.seed, self.workers = seed, workers
        largest = max(len(table) for table in tables.values())
        share = min(held_out / largest, HELD_OUT_AT_MOST)
        self.kept_out: dict[str, NDArray[np.int64]] = {}
        self.trained: dict[str, NDArray[np.int64]] = {}
        for language, table in tables.items():
            held = table.source_keys < share * HASHES
            self.kept_out[language], self.trained[language] = (np.flatnonzero(rows) for rows in (held, ~held))
        self._resume_at = 0
        small = {lang: len(rows) for lang, rows in self.trained.items() if len(rows) < pairs}
        if small:
            found = ", ".join(f"{language} {size}" for language, size in small.items())
            raise DataError(
                f"too few pairs for one batch of {pairs} (align.batch_size): {found}. Name more "
                "corpora in data.parallel, lower align.batch_size, or leave it out of data.languages"
            )

    def train_dataloader(self) -> DataLoader[ParallelBatch]:
        """Batches from where an interrupted run stopped; the last, smaller ones are left out."""
        sampler = self.sampler(self.batches)
        sampler.start, self._resume_at = self._resume_at, 0
        text = ParallelText(
            self.tables,
            self.trained,
            self.layout,
            self.views,
            rank=rank(),
            world_size=world_size(),
            teacher=self.teacher,
        )
        return DataLoader(
            text,
            sampler=sampler,
            batch_size=None,
            collate_fn=as_it_is,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            multiprocessing_context="fork" if self.workers else None,
            pin_memory=torch.cuda.is_available(),
        )

    def sampler(self, batches: int) -> PairBatches:
        """Which pairs make the first batches; those of a longer run begin with the same."""
        return PairBatches(
            {lang: self.tables[lang].lengths[rows] for lang, rows in self.trained.items()},
            pairs=self.pairs,
            batches=batches,
            exponent=self.exponent,
            seed=self.seed,
        )

    def val_dataloader(self) -> DataLoader[HeldOutBatch]:
        """Held-out pairs, language by language, nothing masked."""
        batches: Any = list(self._held_out_batches())
        return DataLoader(batches, batch_size=None, collate_fn=as_it_is)

    def _held_out_batches(self) -> Iterator[HeldOutBatch]:
        for language, rows in self.kept_out.items():
            for start in range(0, len(rows), EVALUATION_BATCH):
                table = self.tables[language].take(rows[start : start + EVALUATION_BATCH])
                yield HeldOutBatch(
                    sentences_of(table["source"], self.pivot, self.layout),
                    sentences_of(table["target"], language, self.layout),
                    language,
                    torch.from_numpy(table["source_key"].to_numpy().copy()),
                    torch.from_numpy(table["target_key"].to_numpy().copy()),
                    self.pivot,
                )

    def sentences(self, limit: int) -> Iterator[tuple[str, Subwords]]:
        """Batches of up to ``limit`` training sentences of every language, the pivot among them."""
        share = -(-limit // len(self.tables))
        for language, table in self.tables.items():
            for side, of, most in (("source", self.pivot, share), ("target", language, limit)):
                rows = self.trained[language][:most]
                for start in range(0, len(rows), EVALUATION_BATCH):
                    part = table.take(rows[start : start + EVALUATION_BATCH])
                    yield of, sentences_of(part[side], of, self.layout)

    def state_dict(self) -> dict[str, int]:
        """How many batches of the run are done."""
        assert self.trainer is not None
        progress: Any = self.trainer.fit_loop.epoch_loop.batch_progress.current
        return {"batch": progress.processed}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Resume after the last finished batch."""
        self._resume_at = state["batch"]


def sentences_of(column: pa.ChunkedArray, language: str, layout: SequenceBuilder) -> Subwords:
    """A padded batch of single sentences of one language, from their column in a table."""
    lists = column.combine_chunks()
    return layout.sentences(lists.flatten().to_numpy(), lists.value_lengths().to_numpy(), language)


def rows_of(side: Side, rows: slice, layout: SequenceBuilder) -> Side:
    """Some rows of one side of a batch, as wide as the layout makes their longest."""
    longest = int(side.subwords.attention_mask[rows].sum(1).max())
    width = layout.width(longest, sentences=1 if side.half is None else 2)
    cut: list[Any] = [None if one is None else one[rows, :width].contiguous() for one in side[1:]]
    return Side(side.subwords.rows(rows, width), *cut)


Batch = TypeVar("Batch")


def as_it_is(batch: Batch) -> Batch:
    """A batch that needs no collating."""
    return batch
