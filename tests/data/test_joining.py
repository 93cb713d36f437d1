"""Two sentences in one row, token by token."""

import pytest
import torch

from mlalign.data.joining import side_by_side
from mlalign.models.subwords import Subwords, pad

PADDING, FIRST, LAST = 1, 0, 2


def framed(sentences, types=False):
    """[CLS] words [SEP], padded."""
    rows = [[FIRST, *words, LAST] for words in sentences]
    content = [[False, *[True] * len(words), False] for words in sentences]
    return pad(rows, content, [[0] * len(row) for row in rows] if types else None, PADDING)


ONE = [[10, 11, 12], [13], [14, 15, 16, 17, 18]]
TWO = [[20], [21, 22, 23], [24, 25]]


def by_hand(one, two, most):
    """The longer sentence gives its last words first, until both fit."""
    one, two = list(one), list(two)
    while len(one) + len(two) + 3 > most:
        (one if len(one) + 2 >= len(two) + 1 and len(one) + 2 > most - most // 2 else two).pop()
    return [FIRST, *one, LAST, *two, LAST], [1] * (len(one) + 2) + [2] * (len(two) + 1)


@pytest.mark.parametrize("most", [7, 8, 9, 40])
@pytest.mark.parametrize("swapped", [[False] * 3, [True, False, True]])
def test_rows_are_put_together_by_hand(swapped, most):
    joined = side_by_side(framed(ONE), framed(TWO), torch.tensor(swapped), padding=PADDING, most=most)
    for row, (one, two, turned) in enumerate(zip(ONE, TWO, swapped, strict=True)):
        ids, half = by_hand(*((two, one) if turned else (one, two)), most)
        length = len(ids)
        assert joined.subwords.input_ids[row, :length].tolist() == ids
        assert set(joined.subwords.input_ids[row, length:].tolist()) <= {PADDING}
        assert joined.half[row, :length].tolist() == half
        assert not joined.half[row, length:].any()
        assert joined.subwords.attention_mask[row].sum() == length <= most
        words = [token not in (FIRST, LAST) for token in ids]
        assert joined.subwords.is_content_token[row, :length].tolist() == words
        assert not joined.subwords.is_content_token[row, length:].any()
    assert joined.subwords.token_types is joined.subwords.positions is None


def test_each_sentence_has_the_positions_that_it_has_alone():
    joined = side_by_side(
        framed(ONE, types=True), framed(TWO, types=True), torch.tensor([False] * 3),
        padding=PADDING, most=40, multiple=8, restart=True,
    )  # fmt: skip
    assert joined.subwords.positions[0].tolist() == [0, 1, 2, 3, 4, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    assert joined.subwords.token_types[0].tolist() == [0] * 5 + [1] * 2 + [0] * 9
    assert joined.subwords.width == 16


def test_batch_mates_do_not_matter():
    whole = side_by_side(framed(ONE), framed(TWO), torch.tensor([True] * 3), padding=PADDING, most=9)
    alone = side_by_side(framed(ONE[:1]), framed(TWO[:1]), torch.tensor([True]), padding=PADDING, most=9)
    for one, other in zip(alone.subwords[:3], whole.subwords[:3], strict=True):
        assert other[0, : one.shape[1]].equal(one[0])
    assert isinstance(alone.subwords, Subwords)
