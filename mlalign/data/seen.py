"""Which of very many keys came before, in 8 bytes each."""

import numpy as np
from numpy.typing import NDArray

MIX = np.uint64(0x9E3779B97F4A7C15)  # odd, so that it keeps all 64 bits


class Seen:
    """Remembers 64-bit keys as a few sorted arrays, each at least twice as long as the next.

    A set of Python numbers takes about ten times the memory. Merging sorted runs is the log-
    structured merge tree of O'Neil et al. 1996 (doi:10.1007/s002360050048), in memory.
    """

    def __init__(self) -> None:
        self.runs: list[NDArray[np.uint64]] = []

    def is_new(self, keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Which keys occur for the first time, in this call or any before; remembers them all."""
        unique, first = np.unique(keys, return_index=True)
        known = np.zeros(len(unique), bool)
        for run in self.runs:
            place = np.minimum(np.searchsorted(run, unique), len(run) - 1)
            known |= run[place] == unique
        new = np.zeros(len(keys), bool)
        new[first[~known]] = True
        if not known.all():
            self._remember(unique[~known])
        return new

    def _remember(self, run: NDArray[np.uint64]) -> None:
        while self.runs and len(self.runs[-1]) < 2 * len(run):
            run = np.concatenate([self.runs.pop(), run])
            run.sort(kind="stable")  # merges two runs that are sorted
        self.runs.append(run)


def joined(one: NDArray[np.int64], two: NDArray[np.int64]) -> NDArray[np.uint64]:
    """One key for a pair of hashes: as unlikely to be shared by chance as any 64-bit hash."""
    return one.astype(np.uint64) * MIX + two.astype(np.uint64)
