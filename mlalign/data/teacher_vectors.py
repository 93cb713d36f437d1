"""Vectors that a teacher gives to the English sentences of parallel text, by sentence."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from mlalign.data.token_cache import sentence_key
from mlalign.models.sentence_encoder import SentenceEncoder

KEYS, VECTORS = "keys.npy", "vectors.npy"
CHUNK = 8192  # sentences at a time
UNIT = 1e-2  # what a norm of 1 may be off in float16

Keys = NDArray[np.int64]


@dataclass(frozen=True)
class TeacherVectors:
    """A sorted column of sentence keys and a memory-mapped matrix in float16, row by row.

    Args:
        keys: see ``token_cache.sentence_key``.
        vectors: ``[keys, dim]``.
    """

    keys: Keys
    vectors: NDArray[np.float16]

    @property
    def dim(self) -> int:
        """The width of a vector."""
        return int(self.vectors.shape[1])

    @property
    def are_unit(self) -> bool:
        """Whether the first of them all have norm 1."""
        norms = np.linalg.norm(self.vectors[:CHUNK].astype(np.float32), axis=1)
        return bool((np.abs(norms - 1) < UNIT).all())

    def of(self, keys: Keys) -> Float[Tensor, "keys dim"]:
        """The vectors of sentences that are all there, in float32."""
        return torch.from_numpy(self.vectors[np.searchsorted(self.keys, keys)].astype(np.float32))


def open_vectors(folder: Path) -> TeacherVectors:
    """What ``write_vectors`` wrote."""
    return TeacherVectors(np.load(folder / KEYS), np.load(folder / VECTORS, mmap_mode="r"))


def write_vectors(folder: Path, keys: Keys, english: Iterable[str], teacher: SentenceEncoder) -> NDArray[np.int64]:
    """Encode English sentences; of those that differ in case and space alone the first.

    Args:
        folder: to fill.
        keys: of the sentences that are wanted, sorted, each once.
        english: sentences, all that are wanted among them.
        teacher: of the vectors.

    Returns:
        How many positions the teacher has read of each sentence.
    """
    lengths, is_done = np.zeros(len(keys), np.int64), np.zeros(len(keys), bool)
    vectors = None
    wanted = _wanted(keys, is_done, english)
    while chunk := list(islice(wanted, CHUNK)):
        rows, texts = zip(*chunk, strict=True)
        found = teacher.encode(texts)
        if vectors is None:
            shape = (len(keys), found.vectors.shape[1])
            vectors = np.lib.format.open_memmap(folder / VECTORS, mode="w+", dtype=np.float16, shape=shape)
        vectors[list(rows)] = found.vectors.numpy()
        lengths[list(rows)] = found.lengths.numpy()
    assert is_done.all()
    del vectors  # written
    np.save(folder / KEYS, keys)
    return lengths


def _wanted(keys: Keys, is_done: NDArray[np.bool_], english: Iterable[str]) -> Iterable[tuple[int, str]]:
    """Row and text of each sentence the first time it comes."""
    for text in english:
        key = sentence_key(text)
        row = int(np.searchsorted(keys, key))
        if row < len(keys) and keys[row] == key and not is_done[row]:
            is_done[row] = True
            yield row, text
