"""Which keys came before, against a Python set; and in how much memory."""

import tracemalloc

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mlalign.data.seen import Seen, joined

KEY = st.integers(0, 9) | st.integers(0, 2**64 - 1)


@given(st.lists(st.lists(KEY, max_size=20), max_size=12))
def test_the_first_time_is_new_and_no_other(calls):
    seen, known = Seen(), set()
    for keys in calls:
        expected = []
        for key in keys:
            expected.append(key not in known)
            known.add(key)
        assert seen.is_new(np.array(keys, np.uint64)).tolist() == expected
    assert sorted(key for run in seen.runs for key in run.tolist()) == sorted(known)


def test_runs_are_few_and_a_key_takes_eight_bytes():
    random = np.random.default_rng(1)
    tracemalloc.start()
    seen = Seen()
    for _ in range(500):
        seen.is_new(random.integers(0, 2**64, 1000, np.uint64))
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(seen.runs) < 15
    assert held < 500_000 * 8 * 1.1
    assert peak < 500_000 * 8 * 3.5  # two runs, what they become, and room to merge


def test_pairs_of_keys_keep_apart():
    random = np.random.default_rng(2)
    one, two = random.integers(0, 2**63, (2, 200_000))
    assert len(np.unique(joined(one, two))) == len(one)
    assert len(np.unique(joined(two, one)[joined(one, two) == joined(two, one)])) == 0
    few = np.arange(300)
    grid = joined(np.repeat(few, 300), np.tile(few, 300))
    assert len(np.unique(grid)) == 300 * 300
