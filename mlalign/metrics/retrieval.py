"""Sentence retrieval: is the nearest sentence of the other language the translation?"""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

CELLS = 2**23  # of the similarity matrix held at a time: 32 MiB of float32


@torch.no_grad()
def retrieval_accuracy(  # dimensions have different names so that the errors below are reached
    source: Float[Tensor, "n d"],
    target: Float[Tensor, "n_target d_target"],
    source_key: Int[Tensor, " n_source_key"] | None = None,
    target_key: Int[Tensor, " n_target_key"] | None = None,
) -> tuple[float, float]:
    """Precision at 1 by cosine similarity, as the Tatoeba test is scored.

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

    Returns:
        The shares of source rows that find their target and of target rows that find their
        source, each in [0, 1].

    Raises:
        ValueError: rows or keys do not pair up, there are none, or a vector is not finite.
    """
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
    source, target = _unit(source), _unit(target)
    return _accuracy(source, target, target_key), _accuracy(target, source, source_key)


@torch.no_grad()
def nearest(query: Float[Tensor, "n d"], candidates: Float[Tensor, "m d"]) -> Int[Tensor, " n"]:
    """The row of the candidate most like each query by cosine; the first of several that are.

    Args:
        query: ``[n, d]``, vectors of any norm.
        candidates: ``[m, d]``, m > 0.
    """
    query, candidates = _unit(query), _unit(candidates)
    parts = query.split(max(1, CELLS // len(candidates)))
    with torch.autocast(query.device.type, enabled=False):
        return torch.cat([(part @ candidates.T).argmax(dim=1) for part in parts])


def _unit(vectors: Tensor) -> Tensor:
    precision = torch.promote_types(vectors.dtype, torch.float32)
    return normalize(vectors.to(precision), dim=-1)


def _accuracy(query: Tensor, candidates: Tensor, key: Tensor) -> float:
    """Share of queries whose nearest candidate has the key of the candidate in their own row."""
    right = 0.0
    rows = max(1, CELLS // len(candidates))
    for part, own_key in zip(query.split(rows), key.split(rows), strict=True):
        with torch.autocast(query.device.type, enabled=False):
            similarity = part @ candidates.T  # [rows, n]
        row, nearest = (similarity == similarity.amax(dim=1, keepdim=True)).nonzero(as_tuple=True)
        ties = row.bincount()
        right += ((key[nearest] == own_key[row]) / ties[row]).sum().item()
    return right / len(query)
