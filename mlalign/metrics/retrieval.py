"""Sentence retrieval: is the nearest sentence of the other language the translation?"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mlalign.metrics.geometry import unit

CELLS = 2**23  # of the similarity matrix held at a time: 32 MiB of float32
SMALLEST_MEAN = 1e-6  # of cosines: below it a ratio would turn the order round


@torch.no_grad()
def retrieval_accuracy(  # dimensions have different names so that the errors below are reached
    source: Float[Tensor, "n d"],
    target: Float[Tensor, "n_target d_target"],
    source_key: Int[Tensor, " n_source_key"] | None = None,
    target_key: Int[Tensor, " n_target_key"] | None = None,
    *,
    neighbours: int | None = None,
) -> tuple[float, float]:
    r"""Precision at 1 by cosine similarity, as the Tatoeba test is scored, or by the margin over neighbours.

    The margin divides the cosine by how near both sentences are to others anyway:

    .. math::
        \mathrm{margin}(x, y) = \cos(x, y) \,/\, \Bigl(
            \sum_{z \in \mathrm{NN}_k(x)} \frac{\cos(x, z)}{2k} + \sum_{z \in \mathrm{NN}_k(y)} \frac{\cos(y, z)}{2k}
        \Bigr)

    The k nearest of the other side by cosine are the candidates of a sentence. Ratio form of Artetxe and
    Schwenk, ACL 2019 (arXiv:1811.01136), section 3; one minus the share found is LASER's xsim error.

    Where several candidates are equally near, a row counts the share of them that is right: what
    a random choice among them would score. Equal vectors thus score 1/n, never 1. Computed in
    float32 or better, also under autocast.

    Artetxe and Schwenk, TACL 2019 (arXiv:1812.10464), section 4.3.

    Args:
        source: ``[n, d]``, sentence vectors of any norm.
        target: ``[n, d]``, their translations; row i translates row i of ``source``.
        source_key: ``[n]``, equal for source sentences with the same text: where one of them is a
            right answer, all are. By default only row i is right for row i.
        target_key: ``[n]``, the same for target sentences.
        neighbours: k, all n where there are fewer; None: by cosine.

    Returns:
        The shares of source rows that find their target and of target rows that find their
        source, each in [0, 1].

    Raises:
        ValueError: rows or keys do not pair up, there are none, a vector is not finite, or k < 1.
    """
    if neighbours is not None and neighbours < 1:
        raise ValueError(f"expected at least 1 neighbour, found {neighbours}")
    if source.ndim != 2 or source.shape != target.shape or not len(source):
        raise ValueError(
            "expected source and target vectors of one shape [n, d] with n > 0, found "
            f"{list(source.shape)} and {list(target.shape)}"
        )
    if not (source.isfinite().all() and target.isfinite().all()):
        raise ValueError("expected finite sentence vectors, found infinity or not-a-number")
    rows = torch.arange(len(source), device=source.device)
    source_key = rows if source_key is None else source_key
    target_key = rows if target_key is None else target_key
    if source_key.shape != rows.shape or target_key.shape != rows.shape:
        raise ValueError(
            f"expected one key for each of the {len(rows)} sentences, found "
            f"{list(source_key.shape)} source keys and {list(target_key.shape)} target keys"
        )
    source, target = unit(source), unit(target)
    if neighbours is None:
        return _accuracy(source, target, target_key), _accuracy(target, source, source_key)
    k = min(neighbours, len(source))
    to_target, to_source = _nearness(source, target, k), _nearness(target, source, k)
    return (
        _accuracy(source, target, target_key, _Margin(to_target, to_source, k)),
        _accuracy(target, source, source_key, _Margin(to_source, to_target, k)),
    )


@torch.no_grad()
def nearest(query: Float[Tensor, "n d"], candidates: Float[Tensor, "m d"]) -> Int[Tensor, " n"]:
    """The row of the candidate most like each query by cosine; the first of several that are.

    Args:
        query: ``[n, d]``, vectors of any norm.
        candidates: ``[m, d]``, m > 0.
    """
    query, candidates = unit(query), unit(candidates)
    return torch.cat([similarity.argmax(dim=1) for similarity in _similarities(query, candidates)])


class _Margin(NamedTuple):
    """Of each query and each candidate the mean cosine of its k nearest."""

    queries: Float[Tensor, " n"]
    candidates: Float[Tensor, " m"]
    k: int

    def of(self, similarity: Float[Tensor, "rows m"], start: int) -> Float[Tensor, "rows m"]:
        """The margins of queries from a place on with their candidates; minus infinity for all others."""
        own = self.queries[start : start + len(similarity), None]
        margin = similarity / ((own + self.candidates) / 2).clamp(min=SMALLEST_MEAN)
        least = similarity.topk(self.k, dim=1).values[:, -1:]
        return margin.masked_fill(similarity < least, -math.inf)


def _nearness(query: Tensor, candidates: Tensor, k: int) -> Tensor:
    """The mean cosine of each query with its k nearest candidates."""
    return torch.cat([similarity.topk(k, dim=1).values.mean(dim=1) for similarity in _similarities(query, candidates)])


def _similarities(query: Tensor, candidates: Tensor) -> Iterator[Tensor]:
    """Rows of the matrix of cosines, so many at a time."""
    for part in query.split(max(1, CELLS // len(candidates))):
        with torch.autocast(query.device.type, enabled=False):
            similarity = part @ candidates.T
        yield similarity


def _accuracy(query: Tensor, candidates: Tensor, key: Tensor, margin: _Margin | None = None) -> float:
    """Share of queries whose nearest candidate has the key of the candidate in their own row."""
    right, start = 0.0, 0
    for similarity in _similarities(query, candidates):
        score = similarity if margin is None else margin.of(similarity, start)
        own_key = key[start : start + len(score)]
        row, nearest = (score == score.amax(dim=1, keepdim=True)).nonzero(as_tuple=True)
        ties = row.bincount()
        right += ((key[nearest] == own_key[row]) / ties[row]).sum().item()
        start += len(score)
    return right / len(query)
