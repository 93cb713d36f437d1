"""Word level: tokens that are linked, as translations of each other, come together."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from mlalign.losses.precision import in_full_precision


@in_full_precision
def link_distance_loss(source: Float[Tensor, "links dim"], target: Float[Tensor, "links dim"]) -> Float[Tensor, ""]:
    r"""Linked tokens have equal vectors.

    .. math::
        L = \frac{1}{n} \sum_k \lVert u_k - v_k \rVert^2

    Cao et al. 2020 (arXiv:2002.03518), their first term; Wu and Dredze 2020 (arXiv:2010.02537), ``l2``.

    Args:
        source: vectors of linked tokens.
        target: row k is linked with row k of ``source``.

    Returns:
        Mean over links; 0 for none, with a zero gradient.

    Raises:
        ValueError: shapes that don't pair up.
    """
    _check("link_distance_loss", source, target)
    return (source - target).square().sum() / max(1, len(source))


@in_full_precision
def link_contrast_loss(
    source: Float[Tensor, "links dim"],
    target: Float[Tensor, "links dim"],
    *,
    temperature: float,
    both_sides: bool,
) -> Float[Tensor, ""]:
    r"""A linked token is nearer than those of all other links.

    .. math::
        L = \frac{1}{2} (\mathrm{CE}(S, I) + \mathrm{CE}(S^\top, I)), \qquad S_{kj} = \cos(u_k, v_j) / T

    Wu and Dredze 2020 (arXiv:2010.02537): the weak form; with ``both_sides`` the strong one, in which
    the tokens of a token's own language compete too, itself left out.

    Args:
        source: vectors of linked tokens.
        target: row k is linked with row k of ``source``.
        temperature: T > 0.
        both_sides: whether candidates are of both languages.

    Returns:
        Mean over tokens, in nats; for n links with equal vectors ln n, ln(2 n - 1) with both sides; 0 for
        no links, with a zero gradient.

    Raises:
        ValueError: shapes that don't pair up, or temperature <= 0.
    """
    _check("link_contrast_loss", source, target)
    if not temperature > 0:
        raise ValueError(f"link_contrast_loss: temperature must be > 0, found {temperature}")
    count = len(source)
    both = functional.normalize(torch.cat([source, target]), dim=-1)
    logits = both @ both.T / temperature
    order = torch.arange(2 * count, device=both.device)
    is_own = order[:, None] == order if both_sides else (order[:, None] < count) == (order < count)
    logits = logits.masked_fill(is_own, -torch.inf)
    return functional.cross_entropy(logits, order.roll(count), reduction="sum") / max(1, 2 * count)


def _check(loss: str, source: Tensor, target: Tensor) -> None:
    if source.dim() != 2 or source.shape != target.shape:
        raise ValueError(
            f"{loss} needs source and target of one shape [links, dim], found {tuple(source.shape)} "
            f"and {tuple(target.shape)}"
        )
