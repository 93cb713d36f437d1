"""Which words of a sentence translate which: IBM model 1 in both directions, where they agree; and where links lie."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from datasets import Dataset, concatenate_datasets
from numpy.typing import NDArray
from scipy.sparse import csr_array

from mlalign.data.token_cache import Tokenised
from mlalign.files import locked, replacing
from mlalign.progress import Progress, in_silence

MODEL1 = "links2"  # of the files; another number when they change
ITERATIONS = 5
CHUNK = 10_000  # pairs at a time
LEARNED = 200_000  # pairs
NULL = -1  # a word that translates none

Ints = NDArray[np.int64]
Found = tuple[NDArray[np.int32], Ints]  # places ``[links, 2]``, pair by pair, and how many links each pair has


class Sentences(NamedTuple):
    """Sentences one behind the other.

    Attributes:
        words: ids from 0 on, of all sentences.
        lengths: how many of them each sentence has.
    """

    words: Ints
    lengths: Ints

    def first(self, number: int) -> "Sentences":
        """So many of them, or all."""
        lengths = self.lengths[:number]
        return Sentences(self.words[: int(lengths.sum())], lengths)

    def parts(self, size: int) -> Iterator["Sentences"]:
        """So many of the sentences at a time."""
        end = 0
        for place in range(0, len(self.lengths), size):
            lengths = self.lengths[place : place + size]
            start, end = end, end + int(lengths.sum())
            yield Sentences(self.words[start:end], lengths)


class _Candidates(NamedTuple):
    """Every word of some targets with NULL and every word of its source, target word by target word."""

    sizes: Ints  # of each target word: one more than its source has words
    place: Ints  # in its sentence, from 1 on; 0 is NULL
    key: Ints  # of both words together; -1 where one of them was not learned from


class Model1:
    r"""IBM model 1 (Brown et al. 1993), ``t(target word | source word)``, by expectation maximisation.

    .. math::
        c(f \mid e) = \sum_{(e, f)} \frac{t(f \mid e)}{\sum_{e'} t(f \mid e')}, \qquad
        t(f \mid e) = \frac{c(f \mid e)}{\sum_{f'} c(f' \mid e)}

    e' are the words of the sentence and NULL; t starts even. An iteration costs one division for
    each pair of words that stand in one pair of sentences.

    Args:
        source: sentences.
        target: row i translates row i of the source.
        iterations: of expectation and maximisation.
        progress: shows how many of them are done.
    """

    def __init__(
        self, source: Sentences, target: Sentences, iterations: int = ITERATIONS, progress: Progress = in_silence
    ) -> None:
        self.shape = (int(source.words.max(initial=-1)) + 2, int(target.words.max(initial=-1)) + 1)
        self.keys, occurring = self._index(source, target)
        row, column = np.divmod(self.keys, max(1, self.shape[1]))
        self.table = np.ones(len(self.keys))
        for _ in progress(range(iterations)):
            counts = np.zeros(len(self.keys))
            for sizes, cell in occurring:
                chance = self.table[cell]
                chance /= np.repeat(np.add.reduceat(chance, _starts(sizes)), sizes)
                counts += np.bincount(cell, chance, minlength=len(self.keys))
            self.table = counts / np.bincount(row, counts)[row]
        self._places = (row, column)

    @property
    def probabilities(self) -> csr_array:
        """``t`` as ``[source words + 1, target words]``; row 0 is NULL, row w + 1 the word w."""
        return csr_array((self.table, self._places), shape=self.shape)

    def alignment(self, source: Sentences, target: Sentences) -> Ints:
        """Of every target word the place of its best source word in the sentence, or NULL.

        Of equally good ones it is the one nearest to the diagonal; words never seen together are not linked.

        Args:
            source: sentences, those that were learned from or others.
            target: row i translates row i of the source.
        """
        found = []
        for source_part, target_part in _chunks(source, target):
            sizes, place, key = self._candidates(source_part, target_part)
            starts = _starts(sizes)
            own = _places(target_part) / np.repeat(target_part.lengths, target_part.lengths)
            width = np.repeat(np.maximum(source_part.lengths, 1), target_part.lengths)
            distance = np.where(place == 0, 2.0, np.abs((place - 1) / np.repeat(width, sizes) - np.repeat(own, sizes)))
            chance = self._chance(key)
            best = np.repeat(np.maximum.reduceat(chance, starts), sizes)
            distance[(chance < best * (1 - 1e-12)) | ((best == 0) & (place > 0))] = np.inf
            nearest = distance == np.repeat(np.minimum.reduceat(distance, starts), sizes)
            segment = np.repeat(np.arange(len(sizes)), sizes)[nearest]
            _, first = np.unique(segment, return_index=True)
            found.append(place[nearest][first] - 1)
        return np.concatenate([np.zeros(0, np.int64), *found])

    def _chance(self, key: Ints) -> NDArray[np.float64]:
        """``t`` of words by their keys, 0 for those never seen together."""
        if not len(self.keys):
            return np.zeros(len(key))
        distinct, cell = _distinct(key)
        place = np.searchsorted(self.keys, distinct).clip(max=len(self.keys) - 1)
        return np.where(self.keys[place] == distinct, self.table[place], 0.0)[cell]

    def _candidates(self, source: Sentences, target: Sentences) -> _Candidates:
        sizes = np.repeat(source.lengths + 1, target.lengths)
        before = np.cumsum(source.lengths + 1) - source.lengths - 1
        with_null = np.insert(source.words + 1, np.cumsum(source.lengths) - source.lengths, 0)
        own = np.repeat(before, target.lengths)  # where the source of each target word begins
        place = np.arange(sizes.sum()) - np.repeat(_starts(sizes), sizes)
        one, other = with_null[place + np.repeat(own, sizes)], np.repeat(target.words, sizes)
        is_known = (one < self.shape[0]) & (other < self.shape[1])
        return _Candidates(sizes, place, np.where(is_known, one * self.shape[1] + other, -1))

    def _index(self, source: Sentences, target: Sentences) -> tuple[Ints, list[tuple[Ints, NDArray[np.int32]]]]:
        """Keys of the pairs of words that stand in one pair of sentences, and of each chunk sizes and which keys."""
        occurring = []
        for parts in _chunks(source, target):
            sizes, _, key = self._candidates(*parts)
            occurring.append((sizes, *_distinct(key)))
        every = np.sort(np.concatenate([np.zeros(0, np.int64), *(here for _, here, _ in occurring)]))
        every = every[np.append(True, every[1:] != every[:-1])[: len(every)]]  # np.unique is several times slower
        return every, [(sizes, np.searchsorted(every, here).astype(np.int32)[cell]) for sizes, here, cell in occurring]


def links(source: Sentences, target: Sentences, iterations: int = ITERATIONS, progress: Progress = in_silence) -> Found:
    """Places of words that each direction finds the best for the other (Och & Ney 2003: the intersection).

    Probabilities are learned from the first ``LEARNED`` pairs: more bring little, and memory grows with them.

    Args:
        source: sentences.
        target: row i translates row i of the source.
        iterations: see ``Model1``.
        progress: likewise.

    Returns:
        Source and target place in their sentences ``[links, 2]``, pair by pair, and how many links
        each pair has.
    """
    one, other = source.first(LEARNED), target.first(LEARNED)
    of_target = Model1(one, other, iterations, progress).alignment(source, target)
    of_source = Model1(other, one, iterations, progress).alignment(target, source)
    pair = np.repeat(np.arange(len(target.lengths)), target.lengths)
    first = np.cumsum(source.lengths) - source.lengths
    aligned = np.flatnonzero(of_target != NULL)
    agreed = of_source[first[pair[aligned]] + of_target[aligned]] == _places(target)[aligned]
    chosen = aligned[agreed]
    places = np.stack([of_target[chosen], _places(target)[chosen]], axis=1).astype(np.int32)
    return places, np.bincount(pair[chosen], minlength=len(target.lengths))


def with_links(table: Tokenised, find: Callable[[Tokenised], Found], name: str) -> Tokenised:
    """The same pairs with a column ``links`` of source and target places, one behind the other.

    The subwords are linked. The file lies beside the table's in the cache, made now or before.

    Args:
        table: of pairs.
        find: the links of a table.
        name: of the file, which says how the links are found.
    """
    (file,) = table.rows.cache_files
    path = Path(file["filename"]).with_suffix(f".{name}.arrow")
    with locked(path.with_suffix(".lock")):
        if not path.is_file():
            started = time.perf_counter()
            places, sizes = find(table)
            _write_links(places, sizes, path, time.perf_counter() - started)
    column = Dataset.from_file(str(path)).with_format("arrow")
    return replace(table, rows=concatenate_datasets([table.rows, column], axis=1).with_format("arrow"))


def linking_seconds(table: Tokenised) -> float:
    """How long it took to find the links of a table, now or before."""
    path: str = table.rows.cache_files[-1]["filename"]
    with pa.OSFile(path) as source, pa.ipc.open_stream(source) as reader:
        return float(reader.schema.metadata[b"seconds"])


def model1_links(table: Tokenised, progress: Progress = in_silence) -> Found:
    """Of the subwords of all pairs, see ``links``."""
    whole = table.rows[:]

    def side(name: str, lengths: NDArray[np.int32]) -> Sentences:
        words = whole[name].combine_chunks().flatten().to_numpy()
        return Sentences(words.astype(np.int64), lengths.astype(np.int64))

    return links(side("source", table.source_lengths), side("target", table.target_lengths), progress=progress)


def _write_links(places: NDArray[np.int32], sizes: Ints, path: Path, seconds: float) -> None:
    """The file takes its final name only when it is whole; offsets of lists have 32 bits, and begin anew each chunk."""
    schema = pa.schema({"links": pa.list_(pa.int32())}, metadata={"seconds": str(seconds)})
    cuts = np.arange(CHUNK, len(sizes), CHUNK)
    with replacing(path) as part, pa.OSFile(str(part), "wb") as sink, pa.ipc.new_stream(sink, schema) as writer:
        for own, counts in zip(np.split(places, np.cumsum(sizes)[cuts - 1]), np.split(sizes, cuts), strict=True):
            ends = np.concatenate([[0], np.cumsum(2 * counts)]).astype(np.int32)
            lists = pa.ListArray.from_arrays(pa.array(ends), pa.array(own.ravel()))
            writer.write_batch(pa.record_batch([lists], schema=schema))


def _chunks(source: Sentences, target: Sentences) -> Iterator[tuple[Sentences, Sentences]]:
    """Both sides of so many pairs at a time as memory allows."""
    return zip(source.parts(CHUNK), target.parts(CHUNK), strict=True)


def _distinct(keys: Ints) -> tuple[Ints, NDArray[np.int32]]:
    """Each key once, and which of them stands at each place; by hashes, which is faster than by sorting."""
    found = pa.array(keys).dictionary_encode()
    return found.dictionary.to_numpy(), found.indices.to_numpy()


def _starts(sizes: Ints) -> Ints:
    return np.cumsum(sizes) - sizes


def _places(sentences: Sentences) -> Ints:
    """Of every word in its sentence."""
    return np.arange(len(sentences.words)) - np.repeat(_starts(sentences.lengths), sentences.lengths)
