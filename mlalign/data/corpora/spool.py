"""More pairs than memory holds: sorted by a hash on disk, cut to a sample by the same hash."""

import struct
from array import array
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np

BUCKETS = 256  # by the highest byte of the key
HEADER = struct.Struct("<QI")  # key, length of the line
FULL = 1 << 16  # bytes of one bucket that are held back


class Spool:
    """Lines by 64-bit key: taken in any order, given back in the order of their keys.

    Memory holds 16 MiB while lines are taken and a 256th of all lines while they are given back.

    Args:
        folder: an empty folder of its own; what is in it can be deleted at any time.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.waiting = [bytearray() for _ in range(BUCKETS)]

    def add(self, key: int, line: bytes) -> None:
        """Take one line."""
        bucket = key >> 56
        waiting = self.waiting[bucket]
        waiting += HEADER.pack(key, len(line))
        waiting += line
        if len(waiting) > FULL:
            with self._path(bucket).open("ab") as file:
                file.write(waiting)
            waiting.clear()

    def groups(self) -> Iterator[tuple[int, list[bytes]]]:
        """Yield every key, rising, with the lines that share it; may be called once."""
        for bucket in range(BUCKETS):
            path = self._path(bucket)
            content = b""
            if path.exists():
                content = path.read_bytes()
                path.unlink()
            rows = sorted(_rows(content + self.waiting[bucket]), key=itemgetter(0))
            for key, copies in groupby(rows, key=itemgetter(0)):
                yield key, [line for _, line in copies]

    def _path(self, bucket: int) -> Path:
        return self.folder / f"{bucket:02x}"


def _rows(content: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place < len(content):
        key, length = HEADER.unpack_from(content, place)
        place += HEADER.size + length
        yield key, content[place - length : place]


class Lowest:
    """Tells early that a key cannot be among the lowest so many different ones.

    The pairs with the lowest hashes are a uniform sample of all different pairs, the same one in
    whatever order they come. It takes 8 bytes a key, for at most twice the sample.

    Args:
        size: how many keys are looked for.
    """

    SPARE = 1 << 16  # so that a small sample is not sorted again and again

    def __init__(self, size: int) -> None:
        self.size = size
        self.ceiling = (1 << 64) - 1
        self.keys = array("Q")

    def may_hold(self, key: int) -> bool:
        """Whether the key is among the lowest of those seen so far, as far as is known."""
        if key > self.ceiling:
            return False
        self.keys.append(key)
        if len(self.keys) > 2 * self.size + self.SPARE:
            lowest = np.unique(np.frombuffer(self.keys, np.uint64))[: self.size]
            self.keys = array("Q", lowest.tobytes())
            if len(lowest) == self.size:
                self.ceiling = int(lowest[-1])
        return True
