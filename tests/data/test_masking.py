"""Eq. 12's masks: which positions, how many, what stands there instead."""

import numpy as np
import pytest
import torch

from mlalign.data.masking import mask_words
from mlalign.data.sampling import stream
from mlalign.models.subwords import pad

MASK, LOW, HIGH = 4, 10, 500  # specials lie below LOW


def subwords(sizes, seed=0):
    """``[CLS] [LANG] words [SEP]`` with so many words each."""
    random = np.random.default_rng(seed)
    ids = [[0, 9, *random.integers(LOW, HIGH, size).tolist(), 2] for size in sizes]
    return pad(ids, [[False, False, *[True] * size, False] for size in sizes], None, 1)


def masked(batch, rate=0.15, random=None):
    random = stream(1, "masks") if random is None else random
    replacements = torch.arange(LOW, HIGH)
    return mask_words(batch, rate=rate, mask_id=MASK, replacements=replacements, random=random)


@pytest.mark.parametrize("rate", [0.01, 0.15, 0.5, 1.0])
def test_a_share_of_each_sentence_is_hidden_and_at_least_one_word(rate):
    sizes = [1, 2, 3, 6, 7, 10, 20, 33, 64]
    batch = subwords(sizes)
    hidden = masked(batch, rate).hidden
    assert hidden.sum(1).tolist() == [max(1, round(rate * size)) for size in sizes]


def test_only_words_are_hidden_and_only_hidden_positions_change():
    for seed in range(20):
        batch = subwords([3, 40, 11], seed)
        result = masked(batch, 0.4, stream(seed))
        assert not (result.hidden & ~batch.is_content_token).any()
        assert result.input_ids[~result.hidden].equal(batch.input_ids[~result.hidden])
        assert result.input_ids.dtype == batch.input_ids.dtype


def test_a_sentence_without_words_stays_as_it_is():
    batch = subwords([0, 5])
    result = masked(batch)
    assert result.hidden.sum(1).tolist() == [0, 1]
    assert result.input_ids[0].equal(batch.input_ids[0])


def test_of_the_hidden_words_8_in_10_are_masked_1_random_1_left():
    batch = subwords([200] * 200)
    result = masked(batch, 0.5)
    shown, true = result.input_ids[result.hidden], batch.input_ids[result.hidden]
    count = len(shown)
    assert count == 20_000
    assert (shown == MASK).sum() / count == pytest.approx(0.8, abs=0.015)
    assert (shown == true).sum() / count == pytest.approx(0.1, abs=0.01)
    random = shown[(shown != MASK) & (shown != true)]
    assert len(random) / count == pytest.approx(0.1, abs=0.01)
    assert random.min() >= LOW  # no special id
    assert len(random.unique()) > 400


def test_every_position_is_as_likely_as_another():
    batch = subwords([10] * 4000)
    share = masked(batch, 0.2).hidden.float().mean(0)[2:12]
    torch.testing.assert_close(share, torch.full((10,), 0.2), atol=0.03, rtol=0)


def test_masks_come_from_their_own_stream_alone():
    batch = subwords([12, 30])
    torch.manual_seed(0)
    np.random.seed(0)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()
    first = masked(batch)
    assert torch.get_rng_state().equal(before[0])
    assert np.random.get_state()[1].tolist() == before[1]
    torch.manual_seed(1)
    np.random.seed(1)
    second = masked(batch)
    assert first.input_ids.equal(second.input_ids)
    assert first.hidden.equal(second.hidden)
    assert not masked(batch, random=stream(1, "masks", 1)).hidden.equal(first.hidden)


def test_the_input_is_left_alone():
    batch = subwords([12, 30])
    before = [tensor.clone() for tensor in batch[:3]]
    masked(batch, 1.0)
    assert all(one.equal(other) for one, other in zip(batch[:3], before, strict=True))
