"""Masked words (Eq. 12): which positions are guessed, and what stands there instead."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from mlalign.models.subwords import Subwords


class Masked(NamedTuple):
    """Masked input and what it hides."""

    input_ids: Int[Tensor, "batch length"]
    hidden: Bool[Tensor, "batch length"]  # positions that are to be guessed


def mask_words(
    subwords: Subwords,
    *,
    rate: float,
    mask_id: int,
    replacements: Int[Tensor, " ordinary"],
    random: np.random.Generator,
) -> Masked:
    """Hide a share of the word positions, at least one per sentence that has any.

    Devlin et al. 2019: of the hidden positions 80 % show the mask token, 10 % a random piece and
    10 % the piece itself.

    Args:
        subwords: sentences; only ordinary words are hidden.
        rate: share of the word positions of a sentence, rounded to the nearest.
        mask_id: the mask token.
        replacements: ids of ordinary pieces, which random pieces are drawn from.
        random: the stream of this batch.
    """
    is_content_token = subwords.is_content_token.numpy()
    draw = np.where(is_content_token, random.random(is_content_token.shape), 2.0)
    count = np.maximum(np.rint(rate * is_content_token.sum(1)), 1).astype(int)
    place = draw.argsort(1, kind="stable").argsort(1, kind="stable")
    hidden = (place < count[:, None]) & is_content_token
    kind = random.random(is_content_token.shape)
    other = replacements.numpy()[random.integers(len(replacements), size=is_content_token.shape)]
    ids = subwords.input_ids.numpy().copy()
    ids = np.where(hidden & (kind < 0.8), mask_id, ids)
    ids = np.where(hidden & (kind >= 0.8) & (kind < 0.9), other, ids)
    return Masked(torch.from_numpy(ids), torch.from_numpy(hidden))
