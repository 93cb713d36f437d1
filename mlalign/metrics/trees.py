"""Dependency trees: the best one of scores, and how right it is."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray


def maximum_tree(scores: Float[np.ndarray, "n heads"]) -> Int[np.ndarray, " n"]:
    """The heads of the tree with the largest sum of scores (Chu and Liu 1965; Edmonds 1967).

    One word depends on the root, as in Universal Dependencies.

    Args:
        scores: of each word with each head; column 0 is the root, column j word j - 1.

    Returns:
        The column of each word's head.
    """
    whole = np.full((len(scores) + 1, len(scores) + 1), -np.inf)
    whole[1:] = scores
    np.fill_diagonal(whole, -np.inf)
    found = _arborescence(whole)
    if (found[1:] == 0).sum() > 1:
        found = max(
            (_arborescence(_with_one_root(whole, word)) for word in range(1, len(whole))),
            key=lambda heads: whole[np.arange(1, len(whole)), heads[1:]].sum(),
        )
    return found[1:]


def _with_one_root(scores: NDArray[np.float64], word: int) -> NDArray[np.float64]:
    """Only this word may depend on the root."""
    kept = scores[word, 0]
    scores = scores.copy()
    scores[:, 0] = -np.inf
    scores[word] = -np.inf
    scores[word, 0] = kept
    return scores


def _arborescence(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """The best head of each node, 0 being the root, so that all lead to it; node 0 has itself."""
    heads = scores.argmax(1)
    heads[0] = 0
    cycle = _cycle(heads)
    if not len(cycle):
        return heads
    # The cycle becomes one node, entered where the exchange of a head costs least.
    rest = np.setdiff1d(np.arange(len(scores)), cycle)
    gain = scores[np.ix_(cycle, rest)] - scores[cycle, heads[cycle]][:, None]
    entered, left = gain.argmax(0), scores[np.ix_(rest, cycle)].argmax(1)
    smaller = np.full((len(rest) + 1, len(rest) + 1), -np.inf)
    smaller[:-1, :-1] = scores[np.ix_(rest, rest)]
    smaller[-1, :-1], smaller[:-1, -1] = gain.max(0), scores[np.ix_(rest, cycle)].max(1)
    found = _arborescence(smaller)
    for place, node in enumerate(rest[1:], start=1):
        heads[node] = cycle[left[place]] if found[place] == len(rest) else rest[found[place]]
    heads[cycle[entered[found[-1]]]] = rest[found[-1]]
    return heads


def _cycle(heads: NDArray[np.int64]) -> NDArray[np.int64]:
    """Nodes that lead to each other and not to node 0; empty if there are none."""
    for start in range(1, len(heads)):
        path: list[int] = []
        node = start
        while node and node not in path:
            path.append(node)
            node = int(heads[node])
        if node:
            return np.array(path[path.index(node) :])
    return np.array([], dtype=np.int64)


def attachment_scores(
    gold: Sequence[tuple[Sequence[int], Sequence[str]]], found: Sequence[tuple[Sequence[int], Sequence[str]]]
) -> dict[str, float]:
    """``uas``: per cent of words with the right head; ``las``: with the right head and relation.

    Punctuation counts, as in the CoNLL 2018 shared task (Zeman et al. 2018, K18-2001).

    Args:
        gold: heads and relations of every sentence.
        found: the same as a parser has them.

    Raises:
        ValueError: a sentence has another number of words in both, or there are none.
    """
    right = [
        (head == other, head == other and relation == named)
        for (heads, relations), (others, names) in zip(gold, found, strict=True)
        for head, relation, other, named in zip(heads, relations, others, names, strict=True)
    ]
    if not right:
        raise ValueError("attachment_scores needs at least one word, found none")
    attached, labelled = np.array(right).mean(0) * 100
    return {"uas": float(attached), "las": float(labelled)}
