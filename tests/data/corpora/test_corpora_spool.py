"""Sorting on disk and the lowest keys, against sorting in memory."""

from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlalign.data.corpora import spool
from mlalign.data.corpora.spool import Lowest, Spool

KEYS = st.integers(0, 2**64 - 1)
NEAR = st.sampled_from([0, 1, 2**56 - 1, 2**56, 2**64 - 1])


@settings(max_examples=12)
@given(rows=st.lists(st.tuples(KEYS | NEAR, st.binary(max_size=9))), full=st.sampled_from([0, 40]))
def test_lines_come_back_by_rising_key(rows, full, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spool, "FULL", full)
        sorting = Spool(tmp_path_factory.mktemp("spool"))
        for key, line in rows:
            sorting.add(key, line)
        expected = groupby(sorted(rows, key=lambda row: row[0]), key=lambda row: row[0])
        assert list(sorting.groups()) == [(key, [line for _, line in same]) for key, same in expected]
        assert list(sorting.folder.iterdir()) == []


@settings(max_examples=50)
@given(keys=st.lists(st.integers(0, 50)), size=st.integers(1, 20), spare=st.integers(0, 5))
def test_no_key_of_the_lowest_is_turned_away(keys, size, spare):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Lowest, "SPARE", spare)
        lowest = Lowest(size)
        held = [key for key in keys if lowest.may_hold(key)]
        wanted = sorted(set(keys))[:size]
        assert [key for key in held if key in wanted] == [key for key in keys if key in wanted]
        assert len(lowest.keys) <= 2 * size + spare + 1


def test_most_keys_of_a_long_stream_are_turned_away(monkeypatch):
    monkeypatch.setattr(Lowest, "SPARE", 10)
    lowest = Lowest(10)
    keys = [(number * 0x9E3779B97F4A7C15) % 2**64 for number in range(20_000)]
    assert sum(map(lowest.may_hold, keys)) < 400
