"""Which pairs make batch t of epoch e: a pure function of the seed, e and t."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

POOL = 64  # batches whose sentences are sorted by length before they are cut into batches


Key = TypeVar("Key")


class Batches(Sampler[Key]):
    """Batches that are made from epoch and number alone, so that a run resumes at any of them.

    Attributes:
        epoch: which is iterated over.
        start: the first batch of the next iteration.
    """

    epoch = start = 0

    @abstractmethod
    def key(self, epoch: int, batch: int) -> Key:
        """What names one batch."""

    @abstractmethod
    def __len__(self) -> int:
        """Batches of an epoch."""

    def __iter__(self) -> Iterator[Key]:
        start, self.start = self.start, 0
        for batch in range(start, len(self)):
            yield self.key(self.epoch, batch)

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this before each epoch."""
        self.epoch = epoch


class BatchKey(NamedTuple):
    """Where a batch of all devices stands in the run, and its rows in the table of its language."""

    epoch: int
    batch: int
    language: str
    rows: NDArray[np.int64]


class PairBatches(Batches[BatchKey]):
    """Batches of one language pair each, the language drawn by size to a power.

    Nothing is kept between batches, so a run resumes at any batch, whatever the number of workers
    and of devices. A pass over a language holds every pair once, but for the last few that fill no
    batch; it is sorted by length in pools of 64 batches, so that little is padded.

    Args:
        lengths: language -> subwords per pair.
        pairs: per batch.
        batches: per epoch.
        exponent: 1 draws languages by size, 0 all alike.
        seed: another seed, another order.
    """

    def __init__(
        self,
        lengths: Mapping[str, NDArray[np.int32]],
        *,
        pairs: int,
        batches: int,
        exponent: float,
        seed: int,
    ) -> None:
        self.lengths = dict(lengths)
        self.languages = sorted(lengths)
        self.pairs = pairs
        self.batches = batches
        self.seed = seed
        sizes = np.array([len(lengths[language]) for language in self.languages], float)
        self.shares = sizes**exponent / (sizes**exponent).sum()
        self._drawn: tuple[int, NDArray[np.int64], NDArray[np.int64]] | None = None
        self._passes: dict[str, tuple[tuple[int, int], NDArray[np.int64]]] = {}

    def __len__(self) -> int:
        return self.batches

    def key(self, epoch: int, batch: int) -> BatchKey:
        """Language and rows of one batch."""
        if self._drawn is None or self._drawn[0] != epoch:
            self._drawn = (epoch, *self._sequence(epoch))
        _, sequence, earlier = self._drawn
        language, before = self.languages[sequence[batch]], int(earlier[batch])
        per_pass = max(1, len(self.lengths[language]) // self.pairs)
        order = self._pass(language, epoch, before // per_pass)
        return BatchKey(epoch, batch, language, order[before % per_pass])

    def _sequence(self, epoch: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The languages of an epoch's batches, and of each how many earlier batches have the same."""
        drawn = self._random(epoch, "languages").choice(len(self.languages), size=self.batches, p=self.shares)
        earlier = np.empty_like(drawn)
        for language in range(len(self.languages)):
            places = np.flatnonzero(drawn == language)
            earlier[places] = np.arange(len(places))
        return drawn, earlier

    def _pass(self, language: str, epoch: int, number: int) -> NDArray[np.int64]:
        """The batches ``[batch, row]`` of one pass over a language; the last one is kept."""
        place = (epoch, number)
        known = self._passes.get(language)
        if known is None or known[0] != place:
            random = self._random(epoch, language, number)
            known = (place, length_grouped(self.lengths[language], self.pairs, random))
            self._passes[language] = known
        return known[1]

    def _random(self, epoch: int, *purpose: str | int) -> np.random.Generator:
        return stream(self.seed, "batches", epoch, *purpose)


def length_grouped(
    lengths: NDArray[np.int32], size: int, random: np.random.Generator, pool: int = POOL
) -> NDArray[np.int64]:
    """Full batches ``[batch, row]`` of rows of about one length, in random order.

    Rows are shuffled, cut into pools, sorted by length within a pool and cut into batches; the
    last rows that fill no batch are left out.
    """
    order = random.permutation(len(lengths))[: len(lengths) // size * size]
    for start in range(0, len(order), pool * size):
        part = order[start : start + pool * size]
        order[start : start + pool * size] = part[np.argsort(lengths[part], kind="stable")]
    batches = order.reshape(-1, size)
    return batches[random.permutation(len(batches))]


def stream(seed: int, *purpose: str | int) -> np.random.Generator:
    """A random stream of its own for every purpose and place."""
    words = [seed & 0xFFFFFFFF]
    for part in purpose:
        words.extend(part.encode() if isinstance(part, str) else [part & 0xFFFFFFFF])
        words.append(0xFFFFFFFF)
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(words)))


class UpdateKey(NamedTuple):
    """Where an update stands in the run, and the places of its rows."""

    epoch: int
    batch: int
    rows: NDArray[np.int64]


class ShuffledBatches(Batches[UpdateKey]):
    """Rows of about one length together, another order every epoch; none is left out.

    Batch t of epoch e is a pure function of the seed, e and t; its rows are sorted by length.
    Every epoch has as many rows as ``lengths``: where it learns from other text, some that are too
    many are left out, and some that are missing come twice.

    Args:
        lengths: of the rows.
        size: rows of a batch.
        seed: another seed, another order.
        lengths_at: the lengths in an epoch, where they are others.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        size: int,
        seed: int,
        lengths_at: Callable[[int], Sequence[int]] | None = None,
    ) -> None:
        self.count, self.size, self.seed = len(lengths), size, seed
        self.lengths_at = lengths_at or (lambda _: lengths)
        self._ordered: tuple[int, list[NDArray[np.int64]]] | None = None

    def __len__(self) -> int:
        return -(-self.count // self.size)

    def key(self, epoch: int, batch: int) -> UpdateKey:
        """The places of one batch's rows."""
        if self._ordered is None or self._ordered[0] != epoch:
            self._ordered = (epoch, self._order(epoch))
        return UpdateKey(epoch, batch, self._ordered[1][batch])

    def _order(self, epoch: int) -> list[NDArray[np.int64]]:
        lengths = np.array(self.lengths_at(epoch), dtype=np.int32)
        random = stream(self.seed, "finetune", epoch)
        order = np.resize(random.permutation(len(lengths)), self.count)
        full, rest = np.split(order, [len(order) // self.size * self.size])
        rest = rest[np.argsort(lengths[rest], kind="stable")]
        batches = [rest] if len(rest) else []
        if len(full):
            batches[:0] = full[length_grouped(lengths[full], self.size, random)]
        return batches


def within_budget(lengths: Sequence[int], tokens: int) -> list[NDArray[np.int64]]:
    """Places of all sequences, the shortest first, in batches as large as the budget allows.

    Args:
        lengths: of the sequences.
        tokens: the most that a batch may have, padding included; a longer sequence stands alone.
    """
    order = np.argsort(lengths, kind="stable")
    cuts, start = [], 0
    for place, row in enumerate(order):
        if place > start and (place + 1 - start) * lengths[row] > tokens:
            cuts.append(place)
            start = place
    return np.split(order, cuts)
