"""Word level: tokens of a pair that are each other's best match are pulled together."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mlalign.losses.precision import in_full_precision


@in_full_precision
def self_alignment_loss(
    source: Float[Tensor, "pairs m dim"],
    target: Float[Tensor, "pairs n dim"],
    source_is_token: Bool[Tensor, "pairs m"],
    target_is_token: Bool[Tensor, "pairs n"],
    *,
    threshold: float,
) -> Float[Tensor, ""]:
    r"""The alignment that both directions find likely gets likelier, and both directions agree.

    .. math::
        L = -\frac{1}{b} \sum \Bigl[ \frac{\sum_{ij} A P}{m} + \frac{\sum_{ij} A Q}{n} +
        \frac{\sum_{ij} P Q}{\min(m, n)} \Bigr], \qquad A = (P > c) \wedge (Q > c)

    P is the softmax of the dot products over the target's tokens, Q over the source's. Dou and Neubig
    2021 (arXiv:2101.08231): self-training and consistency; A gets no gradient.

    Args:
        source: vectors of the positions of sentences.
        target: those of their translations.
        source_is_token: which positions are tokens of the text.
        target_is_token: which positions are tokens of the text.
        threshold: c.

    Returns:
        Mean over pairs, between -3 and 0.

    Raises:
        ValueError: shapes that don't pair up, or a threshold outside [0, 1).
    """
    fits = source.dim() == target.dim() == 3 and len(source) == len(target) and source.shape[2] == target.shape[2]
    if not (fits and source_is_token.shape == source.shape[:2] and target_is_token.shape == target.shape[:2]):
        raise ValueError(
            f"self_alignment_loss needs source [pairs, m, dim], target [pairs, n, dim] and their masks, found "
            f"{tuple(source.shape)}, {tuple(target.shape)}, {tuple(source_is_token.shape)} and "
            f"{tuple(target_is_token.shape)}"
        )
    if not 0 <= threshold < 1:
        raise ValueError(f"self_alignment_loss: threshold must lie in [0, 1), found {threshold}")
    both = source_is_token[:, :, None] & target_is_token[:, None, :]
    smallest = torch.finfo(source.dtype).min
    scores = (source @ target.transpose(1, 2)).masked_fill(~both, smallest)
    forward, backward = (scores.softmax(dim) * both for dim in (2, 1))
    agreed = ((forward > threshold) & (backward > threshold)).detach()
    m, n = (tokens.sum(1).clamp(min=1) for tokens in (source_is_token, target_is_token))

    def total(values: Tensor) -> Tensor:
        return values.sum((1, 2))

    likely = total(forward * agreed) / m + total(backward * agreed) / n
    return -(likely + total(forward * backward) / torch.minimum(m, n)).mean()
