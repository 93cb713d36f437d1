"""Which words of a sentence translate which, by the vectors of an encoder."""

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor

from mlalign.data.links import Found, Ints
from mlalign.data.parallel import sentences_of
from mlalign.data.sequences import SequenceBuilder
from mlalign.data.token_cache import Tokenised
from mlalign.models.encoder import Encoder
from mlalign.progress import Progress, in_silence

THRESHOLD = 1e-3
BATCH = 64


def mutual_softmax(
    source: Float[Tensor, "b m dim"],
    target: Float[Tensor, "b n dim"],
    source_is_token: Bool[Tensor, "b m"],
    target_is_token: Bool[Tensor, "b n"],
) -> Bool[Tensor, "b m n"]:
    r"""Positions that both directions find likely (awesome-align, Dou and Neubig 2021, arXiv:2101.08231).

    .. math:: A_{ij} = [\mathrm{softmax}_j(x_i \cdot y_j) > c] \wedge [\mathrm{softmax}_i(x_i \cdot y_j) > c]

    with c of a thousandth. A token may have several links, or none.
    """
    both = source_is_token[:, :, None] & target_is_token[:, None, :]
    scores = (source @ target.transpose(1, 2)).masked_fill(~both, torch.finfo(source.dtype).min)
    return both & (scores.softmax(2) > THRESHOLD) & (scores.softmax(1) > THRESHOLD)


@torch.no_grad()
def encoder_links(
    table: Tokenised, encoder: Encoder, layout: SequenceBuilder, layer: int | None, progress: Progress = in_silence
) -> Found:
    """Links of the subwords of all pairs.

    Args:
        table: of pairs.
        encoder: in evaluation mode.
        layout: of its sequences, with the subwords that the table has.
        layer: whose vectors are compared; None for the last.
        progress: shows how many batches are done.
    """
    places, sizes = [np.zeros((0, 2), np.int32)], np.zeros(len(table), np.int64)
    order = np.argsort(table.lengths, kind="stable")
    for start in progress(range(0, len(order), BATCH)):
        rows = order[start : start + BATCH]
        part = table.take(rows)
        sides = [
            sentences_of(part[name], of, layout).to(encoder.device)
            for name, of in (("source", table.pivot), ("target", table.language))
        ]
        states = [encoder.layers(side)[-1 if layer is None else layer].float() for side in sides]
        found = mutual_softmax(*states, *(side.is_content_token for side in sides)).nonzero().cpu().numpy()
        counts = [(side.is_content_token.cumsum(1) - 1).cpu().numpy() for side in sides]  # place among the tokens
        row, one, two = found.T
        places.append(np.column_stack([counts[0][row, one], counts[1][row, two]]).astype(np.int32))
        sizes[rows] = np.bincount(row, minlength=len(rows))
    return _in_order(np.concatenate(places), order, sizes), sizes


def _in_order(places: NDArray[np.int32], order: Ints, sizes: Ints) -> NDArray[np.int32]:
    """Links of the pairs in the order of a table, from links in the order in which pairs were read."""
    return places[np.argsort(np.repeat(order, sizes[order]), kind="stable")]
