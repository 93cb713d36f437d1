"""Word level: a token points at its translation in the other half of its row."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mlalign.losses.precision import in_full_precision
from mlalign.metrics.word_links import mutual_argmax

LEAST = 1e-6  # similarity of two tokens
DISCOUNT = 0.9  # of similarities to a token that has a link


@in_full_precision
def pointer_loss(
    query: Float[Tensor, "rows length dim"],
    key: Float[Tensor, "rows length dim"],
    links: Bool[Tensor, "rows length length"],
    allowed: Bool[Tensor, "rows length length"],
) -> Float[Tensor, ""]:
    r"""A token finds what it is linked with among all that it may point at.

    .. math::
        L = -\frac{1}{|A|} \sum_{(i, j) \in A} \ln
            \frac{e^{q_i \cdot k_j / \sqrt d}}{\sum_{n \in N_i} e^{q_i \cdot k_n / \sqrt d}}

    Denoising word alignment of Chi et al. 2021 (arXiv:2106.06381).

    Args:
        query: q, of every position of a row.
        key: k.
        links: A; i, j is true where i is to point at j.
        allowed: N; i, n is true where i may point at n.

    Returns:
        Mean over links, in nats; ln n for equal keys where n are allowed; 0 without links, with a zero gradient.

    Raises:
        ValueError: shapes that don't fit.
    """
    square = (*query.shape[:2], query.shape[1])
    if query.dim() != 3 or key.shape != query.shape or links.shape != square or allowed.shape != square:
        raise ValueError(
            "pointer_loss needs query and key [rows, length, dim] and links and allowed [rows, length, length], found "
            f"{tuple(query.shape)}, {tuple(key.shape)}, {tuple(links.shape)} and {tuple(allowed.shape)}"
        )
    scores = query @ key.transpose(1, 2) / math.sqrt(query.shape[2])
    log_shares = scores.masked_fill(~allowed, torch.finfo(scores.dtype).min).log_softmax(2)
    return -log_shares.masked_fill(~links, 0).sum() / links.sum().clamp(min=1)


def sinkhorn(
    similarity: Float[Tensor, "rows m n"], allowed: Bool[Tensor, "rows m n"], *, iterations: int
) -> Float[Tensor, "rows m n"]:
    """Shares of every token in the others: columns, then rows are made to sum to 1, so many times.

    Args:
        similarity: of tokens; what is not above 0 counts as nearly nothing.
        allowed: pairs that can be linked; the others get 0.
        iterations: 0 leaves the similarities as they are.
    """
    if not iterations:
        return similarity
    shares = similarity.clamp(min=LEAST).masked_fill(~allowed, 0)
    for _ in range(iterations):
        for dim in (1, 2):
            shares = shares / shares.sum(dim, keepdim=True).clamp(min=LEAST**2)
    return shares


def mutual_links(
    values: Float[Tensor, "rows m n"], allowed: Bool[Tensor, "rows m n"], *, rounds: int = 2
) -> Bool[Tensor, "rows m n"]:
    """Pairs of tokens of which each is the other's best.

    After the first round similarities to a token that has a link are discounted and two tokens with
    links get no other, until a side has no token without (itermax of Jalili Sabet et al. 2020,
    arXiv:2004.08728).

    Args:
        values: similarities.
        allowed: pairs that can be linked.
        rounds: at least 1.
    """
    values = values.masked_fill(~allowed, -math.inf)
    links = mutual_argmax(values) & allowed
    for _ in range(rounds - 1):
        one, other = links.any(2, keepdim=True), links.any(1, keepdim=True)
        goes_on = (allowed & ~one).any((1, 2)) & (allowed & ~other).any((1, 2))
        discounted = torch.where(one | other, DISCOUNT * values, values).masked_fill(one & other, -math.inf)
        links = links | (mutual_argmax(discounted) & allowed & ~(one & other) & goes_on[:, None, None])
    return links
