"""Padding and the mean of the words."""

import pytest
import torch
from torch.testing import assert_close

from mlalign.models.subwords import joined, mean_pool, pad, padded_percent

IDS = [[0, 9, 5, 6, 2], [0, 9, 2], [0, 9, 7, 8, 8, 8, 2]]
WORD = [[False, False, *[True] * (len(row) - 3), False] for row in IDS]


def test_rows_are_padded_on_the_right_to_the_longest():
    batch = pad(IDS, WORD, None, 1)
    assert batch.input_ids.shape == batch.is_content_token.shape == (3, 7)
    for row, (ids, word) in enumerate(zip(IDS, WORD, strict=True)):
        rest = 7 - len(ids)
        assert batch.input_ids[row].tolist() == ids + [1] * rest
        assert batch.attention_mask[row].tolist() == [1] * len(ids) + [0] * rest
        assert batch.is_content_token[row].tolist() == word + [False] * rest
    assert batch.token_types is None
    assert batch.input_ids.dtype == batch.attention_mask.dtype == torch.long
    assert batch.is_content_token.dtype == torch.bool


def test_token_types_are_padded_with_0():
    batch = pad(IDS[:2], WORD[:2], [[0, 0, 0, 1, 1], [0, 0, 0]], 1)
    assert batch.token_types.tolist() == [[0, 0, 0, 1, 1], [0, 0, 0, 0, 0]]


def test_an_ordinary_piece_equal_to_padding_is_attended_to():
    batch = pad([[0, 1, 2], [0, 2]], [[False, True, False], [False, False]], None, 1)
    assert batch.attention_mask.tolist() == [[1, 1, 1], [1, 1, 0]]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_the_mean_is_of_the_words_alone(dtype):
    batch = pad(IDS, WORD, None, 1)
    states = torch.randn(3, 7, 4, generator=torch.Generator().manual_seed(0)).to(dtype)
    pooled = mean_pool(states, batch.is_content_token)
    assert pooled.dtype == dtype
    for row, word in enumerate(WORD):
        places = [place for place, is_content_token in enumerate(word) if is_content_token]
        expected = sum((states[row, place] for place in places), torch.zeros(4, dtype=dtype))
        assert_close(pooled[row], expected / max(1, len(places)))
    assert not pooled[1].any()  # a sentence without words


def test_what_stands_beside_the_words_does_not_matter():
    batch = pad(IDS, WORD, None, 1)
    states = torch.randn(3, 7, 4, generator=torch.Generator().manual_seed(0))
    other = torch.where(batch.is_content_token[..., None], states, 1e6)
    assert_close(mean_pool(other, batch.is_content_token), mean_pool(states, batch.is_content_token))


def test_padding_is_counted_over_all_batches():
    def batch(*lengths):
        rows = [[7] * length for length in lengths]
        return pad(rows, rows, None, 0)

    assert padded_percent([batch(4, 4)]) == 0
    assert padded_percent([batch(4, 4), batch(10, 2)]) == pytest.approx(100 * 8 / 28)


@pytest.mark.parametrize("types", [False, True])
def test_joined_batches_are_what_their_rows_make_at_once(types):
    def batch(chosen):
        kinds = [[0] * (len(row) - 1) + [1] for row in IDS[chosen]] if types else None
        return pad(IDS[chosen], WORD[chosen], kinds, 1)

    for first, second in ((slice(2), slice(2, 3)), (slice(2, 3), slice(2))):
        both = joined(batch(first), batch(second), 1)
        order = [*range(3)[first], *range(3)[second]]
        for name, field in batch(slice(3))._asdict().items():
            found = getattr(both, name)
            assert found is None if field is None else torch.equal(found, field[order]), name
