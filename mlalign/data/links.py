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

MODEL1 = "links1"  # of the files; another number when they change
ITERATIONS = 5
CHUNK = 10_000  # pairs at a time
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

    def parts(self, size: int) -> Iterator["Sentences"]:
        """So many of the sentences at a time."""
        end = 0
        for place in range(0, len(self.lengths), size):
            lengths = self.lengths[place : place + size]
            start, end = end, end + int(lengths.sum())
            yield Sentences(self.words[start:end], lengths)


class _Cells(NamedTuple):
    """Every word of some targets with NULL and every word of its source, target word by target word."""

    sizes: Ints  # of each target word: one more than its source has words
    cell: NDArray[np.int32]  # which number of the table each is


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
        self.source, self.target = source, target
        self.shape = (int(source.words.max(initial=-1)) + 2, int(target.words.max(initial=-1)) + 1)
        keys, self.cells = self._index()
        row, column = np.divmod(keys, max(1, self.shape[1]))
        self.table = np.ones(len(keys))
        for _ in progress(range(iterations)):
            counts = np.zeros(len(keys))
            for sizes, cell in self.cells:
                chance = self.table[cell]
                chance /= np.repeat(np.add.reduceat(chance, _starts(sizes)), sizes)
                counts += np.bincount(cell, chance, minlength=len(keys))
            self.table = counts / np.bincount(row, counts)[row]
        self._places = (row, column)

    @property
    def probabilities(self) -> csr_array:
        """``t`` as ``[source words + 1, target words]``; row 0 is NULL, row w + 1 the word w."""
        return csr_array((self.table, self._places), shape=self.shape)

    def alignment(self) -> Ints:
        """Of every target word the place of its best source word in the sentence, or NULL.

        Of equally good ones it is the one nearest to the diagonal.
        """
        found = []
        for (source, target), (sizes, cell) in zip(self._parts(), self.cells, strict=True):
            starts = _starts(sizes)
            place = np.arange(len(cell)) - np.repeat(starts, sizes)  # 0 is NULL
            own = _places(target) / np.repeat(target.lengths, target.lengths)
            theirs = (place - 1) / np.repeat(np.repeat(source.lengths, target.lengths), sizes)
            distance = np.where(place == 0, 2.0, np.abs(theirs - np.repeat(own, sizes)))
            chance = self.table[cell]
            is_best = chance >= np.repeat(np.maximum.reduceat(chance, starts), sizes) * (1 - 1e-12)
            distance[~is_best] = np.inf
            nearest = distance == np.repeat(np.minimum.reduceat(distance, starts), sizes)
            segment = np.repeat(np.arange(len(sizes)), sizes)[nearest]
            _, first = np.unique(segment, return_index=True)
            found.append(place[nearest][first] - 1)
        return np.concatenate([np.zeros(0, np.int64), *found])

    def _parts(self) -> Iterator[tuple[Sentences, Sentences]]:
        """Chunks of pairs."""
        return zip(self.source.parts(CHUNK), self.target.parts(CHUNK), strict=True)

    def _index(self) -> tuple[Ints, list[_Cells]]:
        """The pairs of words that stand in one pair of sentences, as keys, and where each occurs."""
        occurring, keys = [], [np.zeros(0, np.int64)]
        for source, target in self._parts():
            sizes = np.repeat(source.lengths + 1, target.lengths)
            before = np.cumsum(source.lengths + 1) - source.lengths - 1
            with_null = np.insert(source.words + 1, np.cumsum(source.lengths) - source.lengths, 0)
            place = np.arange(sizes.sum()) - np.repeat(_starts(sizes) - np.repeat(before, target.lengths), sizes)
            found = pa.array(with_null[place] * self.shape[1] + np.repeat(target.words, sizes)).dictionary_encode()
            here, cell = found.dictionary.to_numpy(), found.indices.to_numpy()  # by hashes, faster than by sorting
            occurring.append((sizes, here, cell))
            keys.append(here)
        every = np.sort(np.concatenate(keys))  # np.unique is several times slower
        every = every[np.append(True, every[1:] != every[:-1])[: len(every)]]
        cells = [_Cells(sizes, np.searchsorted(every, here).astype(np.int32)[cell]) for sizes, here, cell in occurring]
        return every, cells


def links(source: Sentences, target: Sentences, iterations: int = ITERATIONS, progress: Progress = in_silence) -> Found:
    """Places of words that each direction finds the best for the other (Och & Ney 2003: the intersection).

    Args:
        source: sentences.
        target: row i translates row i of the source.
        iterations: see ``Model1``.
        progress: likewise.

    Returns:
        Source and target place in their sentences ``[links, 2]``, pair by pair, and how many links
        each pair has.
    """
    of_target = Model1(source, target, iterations, progress).alignment()
    of_source = Model1(target, source, iterations, progress).alignment()
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


def _starts(sizes: Ints) -> Ints:
    return np.cumsum(sizes) - sizes


def _places(sentences: Sentences) -> Ints:
    """Of every word in its sentence."""
    return np.arange(len(sentences.words)) - np.repeat(_starts(sentences.lengths), sentences.lengths)
