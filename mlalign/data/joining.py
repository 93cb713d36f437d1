"""Two sentences in one row, as translation language modelling reads them."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from mlalign.models.subwords import Subwords, joined


class Joined(NamedTuple):
    """Rows of two sentences each, and which of the two a token belongs to.

    Attributes:
        half: 1 and 2 on the tokens of the first and the second sentence, special tokens among
            them; 0 on padding.
    """

    subwords: Subwords
    half: Int[Tensor, "batch length"]


def side_by_side(
    one: Subwords,
    two: Subwords,
    swapped: Bool[Tensor, " batch"],
    *,
    padding: int,
    most: int,
    multiple: int = 1,
    restart: bool = False,
) -> Joined:
    """Row i holds sentence i of both: ``[CLS] [LANG_x] words [SEP] [LANG_y] words [SEP]``.

    Args:
        one: single sentences, framed.
        two: as many others; they come first where ``swapped`` says so.
        swapped: the order of each row.
        padding: the id behind a row's end.
        most: tokens of a row at most; of the longer sentence the last words are left out first.
        multiple: the width is a multiple of this.
        restart: each sentence has the positions that it has alone. Otherwise they run on, which
            is what an encoder does by itself.
    """
    first, second = exchanged(one, two, swapped, padding=padding)
    lengths = first.attention_mask.sum(1, keepdim=True), second.attention_mask.sum(1, keepdim=True)
    kept = _kept(lengths[0], lengths[1] - 1, most)  # the second has no [CLS]
    ends = kept[0], kept[0] + kept[1]
    place = torch.arange(-(-int(ends[1].max()) // multiple) * multiple)[None]
    half = torch.where(place < ends[0], 1, torch.where(place < ends[1], 2, 0))
    is_first = half == 1
    position = torch.where(is_first, place, place - ends[0] + 1)  # in the sentence alone
    is_last = position == torch.where(is_first, kept[0] - 1, kept[1])
    source = torch.where(is_last, torch.where(is_first, lengths[0], lengths[1]) - 1, position)
    source = torch.where(is_first, source, source + first.width).where(half > 0, 0)

    def gathered(ones: Tensor, others: Tensor) -> Tensor:
        return torch.cat([ones, others], 1).gather(1, source)

    subwords = Subwords(
        input_ids=gathered(first.input_ids, second.input_ids).where(half > 0, padding),
        attention_mask=(half > 0).long(),
        is_content_token=gathered(first.is_content_token, second.is_content_token) & (half > 0),
        token_types=None if one.token_types is None else (half == 2).long(),
        positions=position.where(half > 0, 0) if restart else None,
    )
    return Joined(subwords, half)


def exchanged(one: Subwords, two: Subwords, rows: Bool[Tensor, " batch"], *, padding: int) -> tuple[Subwords, Subwords]:
    """Both, with some rows given to each other, in a common width."""
    both = joined(one, two, padding)
    size = len(rows)
    first = torch.arange(size) + size * rows
    second = torch.arange(size) + size * ~rows
    return both.rows(first), both.rows(second)


def _kept(
    first: Int[Tensor, "batch 1"], second: Int[Tensor, "batch 1"], most: int
) -> tuple[Int[Tensor, "batch 1"], Int[Tensor, "batch 1"]]:
    """How many tokens stay of either: a half of the room, and what the other leaves of its half."""
    share = most // 2
    kept = torch.minimum(second, torch.clamp(most - first, min=share))
    return torch.minimum(first, most - kept), kept


def in_any_order(rows: int, random: np.random.Generator) -> Bool[Tensor, " rows"]:
    """Which rows are swapped: each with even chances."""
    return torch.from_numpy(random.random(rows) < 0.5)
