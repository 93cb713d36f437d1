"""A batch of sequences as the encoder reads it."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional


class Subwords(NamedTuple):
    """Sequences ``[CLS] [LANG_x] words [SEP]``, padded on the right.

    ``is_word`` is true on ordinary subwords only: not on special or language tokens, nor padding;
    a masked word stays a word. ``token_types`` is there for backbones that tell a pair's halves
    apart by it; ``positions``, from 0, where they are not those of the encoder itself.
    """

    input_ids: Int[Tensor, "batch length"]
    attention_mask: Int[Tensor, "batch length"]
    is_content_token: Bool[Tensor, "batch length"]
    token_types: Int[Tensor, "batch length"] | None = None
    positions: Int[Tensor, "batch length"] | None = None

    def rows(self, chosen: slice | Int[Tensor, " rows"], width: int | None = None) -> "Subwords":
        """Some of the sequences, and no more than ``width`` positions of them."""
        cut = [None if one is None else one[chosen, :width] for one in self]
        return Subwords(*cut)  # type: ignore[arg-type]  # only what may be None is

    def to(self, device: torch.device) -> "Subwords":
        """The same sequences on a device."""
        moved = [None if one is None else one.to(device) for one in self]
        return Subwords(*moved)  # type: ignore[arg-type]  # only what may be None is

    @property
    def width(self) -> int:
        """Positions of each row."""
        return self.input_ids.shape[1]


def pad(
    ids: Sequence[Sequence[int]],
    is_content_token: Sequence[Sequence[bool]],
    token_types: Sequence[Sequence[int]] | None,
    padding: int,
    width: int | None = None,
) -> Subwords:
    """Stack sequences of different lengths; the longest sets the width unless it is given."""
    length = max(map(len, ids)) if width is None else width
    lengths = torch.tensor([len(row) for row in ids])

    def stack(rows: Sequence[Sequence[int]], fill: int) -> Tensor:
        return torch.tensor([[*row, *[fill] * (length - len(row))] for row in rows])

    return Subwords(
        input_ids=stack(ids, padding),
        attention_mask=(torch.arange(length) < lengths[:, None]).long(),
        is_content_token=stack(is_content_token, 0).bool(),
        token_types=None if token_types is None else stack(token_types, 0),
    )


def joined(first: Subwords, second: Subwords, padding: int) -> Subwords:
    """The rows of both, one behind the other, as wide as the wider ones."""
    width = max(first.width, second.width)

    def stack(one: Tensor, other: Tensor, fill: int = 0) -> Tensor:
        wide = [functional.pad(it, (0, width - it.shape[1]), value=fill) for it in (one, other)]
        return torch.cat(wide)

    def optional(one: Tensor | None, other: Tensor | None) -> Tensor | None:
        return None if one is None or other is None else stack(one, other)

    return Subwords(
        input_ids=stack(first.input_ids, second.input_ids, padding),
        attention_mask=stack(first.attention_mask, second.attention_mask),
        is_content_token=stack(first.is_content_token, second.is_content_token),
        token_types=optional(first.token_types, second.token_types),
        positions=optional(first.positions, second.positions),
    )


def padded_percent(batches: Sequence[Subwords]) -> Float[Tensor, ""]:
    """How much of what the encoder reads is padding."""
    masks = [batch.attention_mask for batch in batches]
    real = torch.stack([mask.sum() for mask in masks]).sum()
    return 100 * (1 - real / sum(mask.numel() for mask in masks))


def max_pool(
    states: Float[Tensor, "batch length dim"], attention_mask: Int[Tensor, "batch length"]
) -> Float[Tensor, "batch dim"]:
    """The largest of each number over all positions but padding."""
    return states.masked_fill(attention_mask[..., None] == 0, -torch.inf).amax(1)


def mean_pool(
    states: Float[Tensor, "batch length dim"], is_content_token: Bool[Tensor, "batch length"]
) -> Float[Tensor, "batch dim"]:
    """The mean of the word positions; zero for a sequence without any."""
    share = is_content_token.to(states.dtype)
    return torch.einsum("bld,bl->bd", states, share) / share.sum(1, keepdim=True).clamp(min=1)
