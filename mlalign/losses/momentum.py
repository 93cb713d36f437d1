"""Sentence level: a translation's slow vector is nearer than what came before it."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from mlalign.losses.precision import in_full_precision


@in_full_precision
def momentum_contrast_loss(
    query: Float[Tensor, "pairs dim"],
    key: Float[Tensor, "pairs dim"],
    negatives: Float[Tensor, "others dim"],
    *,
    temperature: float,
    excluded: Bool[Tensor, "pairs others"] | None = None,
) -> Float[Tensor, ""]:
    r"""Each query finds its key among negatives that are the same for all.

    .. math::
        L = -\frac{1}{b} \sum_i \ln \frac{e^{q_i \cdot k_i / T}}
            {e^{q_i \cdot k_i / T} + \sum_n e^{q_i \cdot k^-_n / T}}

    He et al. 2020 (arXiv:1911.05722), Eq. 1; between languages Chi et al. 2021 (arXiv:2007.07834),
    who do not normalise the vectors.

    Args:
        query: q.
        key: k; row i belongs to row i of ``query``.
        negatives: k^-; none is allowed.
        temperature: T > 0.
        excluded: true where a row's negative does not count.

    Returns:
        Mean over pairs, in nats; ln(1 + others) for equal vectors, and 0 without negatives.

    Raises:
        ValueError: shapes that don't fit, no pair, or temperature <= 0.
    """
    if query.dim() != 2 or query.shape != key.shape or not query.numel() or negatives.shape[1:] != query.shape[1:]:
        raise ValueError(
            "momentum_contrast_loss needs row-aligned queries and keys and negatives as wide, found query of shape "
            f"{tuple(query.shape)}, key of shape {tuple(key.shape)}, negatives of shape {tuple(negatives.shape)}"
        )
    if not temperature > 0:
        raise ValueError(f"momentum_contrast_loss: temperature must be > 0, found {temperature}")
    others = query @ negatives.T
    if excluded is not None:
        if excluded.shape != others.shape or excluded.dtype != torch.bool:
            raise ValueError(
                f"momentum_contrast_loss: excluded must be a bool tensor of shape {tuple(others.shape)}, "
                f"found {excluded.dtype} of shape {tuple(excluded.shape)}"
            )
        others = others.masked_fill(excluded, -math.inf)
    logits = torch.cat([(query * key).sum(1, keepdim=True), others], 1) / temperature
    return functional.cross_entropy(logits, torch.zeros_like(logits[:, 0], dtype=torch.long))
