"""Random choices that are the same on every machine and for every Python."""

import hashlib
import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Choices:
    """A stream of choices that depends on a seed and a name, and on nothing else.

    Only ``random()`` is drawn: what ``random.choice`` and ``shuffle`` make of it may change from
    one Python to the next.
    """

    def __init__(self, seed: int, name: str) -> None:
        digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
        self._random = random.Random(int.from_bytes(digest[:8], "big")).random

    def below(self, count: int) -> int:
        """Return a number from 0 up to ``count``, exclusive."""
        return int(self._random() * count)

    def chance(self, probability: float) -> bool:
        """Return true as often as asked."""
        return self._random() < probability

    def pick(self, options: Sequence[T]) -> T:
        """Return one of the options, all equally likely."""
        return options[self.below(len(options))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Return the items in a new order."""
        order = list(items)
        for last in range(len(order) - 1, 0, -1):
            other = self.below(last + 1)
            order[last], order[other] = order[other], order[last]
        return order
