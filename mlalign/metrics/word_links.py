"""Word alignment: which words are each other's nearest, and how far that is from what people linked."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

Link = tuple[int, int]  # places of a source and a target word, from 0 on


class GoldLinks(NamedTuple):
    """What people linked in a pair of sentences; sure links are possible ones, too."""

    sure: frozenset[Link]
    possible: frozenset[Link]


def mutual_argmax(similarity: Float[Tensor, "*rows n m"]) -> Bool[Tensor, "*rows n m"]:
    """Which words are each other's nearest; of equally near ones the first is taken.

    Jalili Sabet et al. 2020 (arXiv:2004.08728), Argmax.

    Args:
        similarity: of every source word with every target word; n and m may be 0.
    """
    if not similarity.numel():
        return torch.zeros_like(similarity, dtype=torch.bool)
    forward = functional.one_hot(similarity.argmax(-1), similarity.shape[-1])
    backward = functional.one_hot(similarity.argmax(-2), similarity.shape[-2])
    return (forward * backward.transpose(-1, -2)).bool()


def alignment_error_rate(found: Sequence[Collection[Link]], gold: Sequence[GoldLinks]) -> float:
    r"""Of all sentences together.

    .. math::
        \mathrm{AER} = 1 - \frac{|A \cap S| + |A \cap P|}{|A| + |S|}

    Och and Ney 2003 (doi:10.1162/089120103321337421), eq. 11.

    Args:
        found: links A of each pair of sentences.
        gold: S and P of the same pairs.

    Returns:
        Between 0 and 1; 0 where nothing is found and nothing sure.

    Raises:
        ValueError: there are not as many of both.
    """
    right = total = 0
    for links, (sure, possible) in zip(map(frozenset, found), gold, strict=True):
        right += len(links & sure) + len(links & possible)
        total += len(links) + len(sure)
    return 1 - right / total if total else 0.0
