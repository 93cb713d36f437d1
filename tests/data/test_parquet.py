"""A file of kilobytes whose rows are gigabytes is refused before they are written out; others are read as they are."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlalign.data import parquet
from mlalign.data.corpora.table import read_parquet
from mlalign.data.hub.releases.parquet import parquet_rows
from mlalign.data.parquet import read_batches, text_bytes
from mlalign.errors import DataError

ROWS = 100_000


def repeated(number):
    """So many times a text of half a megabyte, once in memory."""
    return pa.DictionaryArray.from_arrays(pa.array([0] * number, pa.int32()), ["x" * (1 << 19)])


def written(path, **columns):
    pq.write_table(pa.table(columns), path, compression="zstd", store_schema=False)
    return path


@pytest.fixture
def bomb(tmp_path):
    one = repeated(ROWS)
    words = pa.ListArray.from_arrays(pa.array([0, ROWS], pa.int32()), one)
    path = written(tmp_path / "flat.parquet", english=one, non_english=one)
    pairs = written(tmp_path / "pairs.parquet", translation=pa.StructArray.from_arrays([one, one], names=["en", "de"]))
    return path, pairs, written(tmp_path / "words.parquet", words=words)


def test_a_dictionary_that_repeats_long_texts_is_refused_before_they_are_written_out(bomb):
    assert all(path.stat().st_size < 50_000 for path in bomb)
    flat, pairs, words = bomb
    for rows in (
        read_parquet(flat, "de", [], {}),
        read_parquet(pairs, "de", [], {}),
        parquet_rows(flat, {"english": "text"}),
        parquet_rows(words, {"words": "list of text"}),
    ):
        with pytest.raises(DataError, match=r"\.parquet: expected at most 268435456 bytes of text in \d+ rows"):
            next(rows)


def test_many_batches_that_are_each_small_are_counted_together(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "LARGEST", 1 << 22)
    path = written(tmp_path / "x.parquet", english=repeated(100), non_english=repeated(100))
    batches = read_batches(path, pq.read_metadata(path), ["english"], 4)
    assert text_bytes(next(batches)["english"]) == 4 << 19
    with pytest.raises(DataError, match="1000 times the file's own size"):
        list(batches)


def test_what_is_read_is_what_was_written(tmp_path):
    texts, words = ["a", "ä\u2028", "", "a"], [["x", "x"], [], ["y"], ["x"]]
    path = written(tmp_path / "x.parquet", text=texts, words=words, number=[1, 2, 3, 4])
    kinds = {"text": "text", "words": "list of text", "number": "number"}
    expected = [dict(zip(kinds, row, strict=True)) for row in zip(texts, words, range(1, 5), strict=True)]
    assert list(parquet_rows(path, kinds)) == expected
