"""Batch t of epoch e is a pure function of the seed, e and t."""

import itertools

import numpy as np
import pytest

from mlalign.data.sampling import PairBatches, length_grouped, stream

SIZES = {"de": 64, "ru": 32, "sw": 8}


@pytest.fixture
def lengths():
    random = np.random.default_rng(0)
    return {language: random.integers(5, 60, size) for language, size in SIZES.items()}


@pytest.fixture
def batches(lengths):
    def batches(lengths=lengths, **changes):
        settings = {"pairs": 4, "batches": 200, "exponent": 0.7, "seed": 1}
        return PairBatches(lengths, **(settings | changes))

    return batches


def plain(key):
    return key.epoch, key.batch, key.language, key.rows.tolist()


def test_a_batch_does_not_depend_on_what_was_asked_before(batches):
    in_order = {(e, t): plain(batches().key(e, t)) for e in range(2) for t in range(0, 200, 7)}
    shuffled = list(in_order)
    np.random.default_rng(3).shuffle(shuffled)
    one = batches()
    for place in map(tuple, shuffled):
        assert plain(one.key(*place)) == in_order[place]


def test_it_does_not_depend_on_the_global_generator(batches):
    np.random.seed(0)
    first = [plain(key) for key in batches()]
    np.random.seed(1)
    assert [plain(key) for key in batches()] == first


def test_seed_and_epoch_change_the_order(batches):
    orders = [[plain(b.key(e, t))[2:] for t in range(50)] for b, e in
              ((batches(), 0), (batches(), 1), (batches(seed=2), 0))]  # fmt: skip
    assert all(one != other for one, other in itertools.combinations(orders, 2))


def test_every_pair_of_a_language_comes_once_per_pass(batches):
    for language, size in SIZES.items():
        rows = [key.rows for key in batches(batches=600) if key.language == language]
        per_pass = size // 4
        passes = [rows[i : i + per_pass] for i in range(0, len(rows), per_pass)]
        whole = [np.concatenate(one) for one in passes if len(one) == per_pass]
        assert len(whole) >= 2
        for one in whole:
            assert sorted(one) == list(range(size))
        assert size < 32 or whole[0].tolist() != whole[1].tolist()


@pytest.mark.parametrize("exponent", [0.0, 0.7, 1.0])
def test_languages_are_drawn_by_size_to_the_power(batches, exponent):
    drawn = [key.language for key in batches(batches=3000, exponent=exponent)]
    total = sum(size**exponent for size in SIZES.values())
    for language, size in SIZES.items():
        expected = size**exponent / total
        slack = 4 * (expected * (1 - expected) / 3000) ** 0.5  # four standard errors
        assert drawn.count(language) / 3000 == pytest.approx(expected, abs=slack)


def test_start_skips_once_and_leaves_the_length(batches):
    one, other = batches(), batches()
    other.start = 150
    whole = [plain(key) for key in one]
    assert [plain(key) for key in other] == whole[150:]
    assert [plain(key) for key in other] == whole
    assert len(other) == len(whole) == 200


def test_set_epoch_moves_to_another_epoch(batches):
    one = batches()
    one.set_epoch(3)
    keys = list(one)
    assert {key.epoch for key in keys} == {3}
    assert plain(keys[5]) == plain(batches().key(3, 5))


def test_the_names_order_of_languages_does_not_matter(batches, lengths):
    back = dict(reversed(lengths.items()))
    assert [plain(key) for key in batches(back)] == [plain(key) for key in batches()]


@pytest.mark.parametrize(("rows", "size"), [(1000, 8), (1003, 8), (7, 8), (8, 8), (640, 5)])
def test_grouped_rows_are_a_permutation_cut_to_full_batches(rows, size):
    lengths = np.random.default_rng(1).integers(3, 90, rows)
    grouped = length_grouped(lengths, size, stream(1, "test"), pool=16)
    assert grouped.shape == (rows // size, size)
    assert len(set(grouped.flatten().tolist())) == rows // size * size
    assert set(grouped.flatten().tolist()) <= set(range(rows))


def test_grouping_pads_less_than_random_order():
    lengths = np.random.default_rng(1).integers(3, 90, 2048)

    def padded(batches):
        return int((lengths[batches].max(1, keepdims=True) - lengths[batches]).sum())

    random = np.random.default_rng(2).permutation(2048).reshape(-1, 16)
    assert padded(length_grouped(lengths, 16, stream(1))) < 0.2 * padded(random)


def test_grouped_batches_come_in_no_order_of_length():
    lengths = np.arange(640)
    mean = lengths[length_grouped(lengths, 10, stream(1))].mean(1)
    assert abs(np.corrcoef(mean, np.arange(64))[0, 1]) < 0.4


def test_streams_differ_by_every_part_of_their_purpose():
    purposes = [(), ("a",), ("a", 0), ("a", 1), ("a", "1"), ("ab",), ("a", "b"), ("b", "a"), (0,)]
    drawn = {stream(seed, *purpose).integers(2**62) for purpose in purposes for seed in (1, 2)}
    assert len(drawn) == 2 * len(purposes)
    assert stream(1, "a", 2).integers(2**62) == stream(1, "a", 2).integers(2**62)
