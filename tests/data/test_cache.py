"""Tokenised once, found again: what is kept, what is counted, and when it is done anew."""

import errno
from collections import Counter
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from transformers import AutoTokenizer

from mlalign.data import links
from mlalign.data import token_cache as cache
from mlalign.data.sequences import SequenceBuilder
from mlalign.data.token_cache import Filter, sentence_key, tokenise, tokenizer_fingerprint
from mlalign.errors import DataError

ALL = Filter(min_words=1, max_words=100, max_ratio=10.0, max_pairs=None)


class Counted:
    """A progress bar that counts what passes."""

    def __init__(self, stop_after=None):
        self.seen, self.stop_after = 0, stop_after

    def __call__(self, things):
        for thing in things:
            if self.seen == self.stop_after:
                raise KeyboardInterrupt
            self.seen += 1
            yield thing


@pytest.fixture
def run(tokenizer, tmp_path):
    """Tokenise a language of a root; settings can be given by name."""

    def run(root, language="de", corpora=("made",), **changes):
        settings = {
            "layout": SequenceBuilder(tokenizer, {}, max_length=128),
            "keep": ALL,
            "on_bad_line": "error",
            "cache": tmp_path / "cache",
            "progress": Counted(),
        }
        return tokenise(root, corpora, language, **(settings | changes))

    return run


@pytest.fixture
def pairs(sentences):
    return list(zip(sentences["en"], sentences["de"], strict=True))


def files_of(tmp_path):
    """Name -> identity and time of what the cache holds, locks aside."""
    states = {path.name: path.stat() for path in (tmp_path / "cache").iterdir()}
    return {name: (state.st_ino, state.st_mtime_ns) for name, state in states.items() if not name.endswith(".lock")}


def test_rows_hold_both_sides_in_file_order(run, write_parallel, pairs, tokenizer):
    table = run(write_parallel("de", pairs))
    assert len(table) == len(pairs)
    assert table.dropped == {}
    taken = table.take([3, 0])
    for place, row in enumerate((3, 0)):
        for side, text in zip(("source", "target"), pairs[row], strict=True):
            ids = tokenizer(text, add_special_tokens=False)["input_ids"]
            assert taken[side].to_pylist()[place] == ids
        assert taken["source_key"].to_pylist()[place] == sentence_key(pairs[row][0])
        assert taken["target_key"].to_pylist()[place] == sentence_key(pairs[row][1])
    for row, pair in enumerate(pairs):
        assert table.lengths[row] == sum(len(tokenizer.tokenize(text)) for text in pair)
        assert table.source_keys[row] == sentence_key(pair[0])


def test_counts_are_those_of_one_side(run, write_parallel, pairs, tokenizer, monkeypatch):
    monkeypatch.setattr(cache, "CHUNK", 7)  # several record batches
    table = run(write_parallel("de", pairs))
    for place, side in enumerate(("source", "target")):
        expected = Counter(
            piece for pair in pairs for piece in tokenizer(pair[place], add_special_tokens=False)["input_ids"]
        )
        counts = table.counts(side, len(tokenizer))
        assert counts.shape == (len(tokenizer),)
        assert {piece: count for piece, count in enumerate(counts) if count} == expected


def test_the_same_text_is_found_again_and_not_rewritten(run, write_parallel, pairs, tmp_path):
    root = write_parallel("de", pairs)
    first = run(root)
    before, again = files_of(tmp_path), Counted()
    second = run(root, progress=again)
    assert again.seen == 0
    assert files_of(tmp_path) == before
    assert second.take(range(80)).equals(first.take(range(80)))
    assert second.files == first.files


def test_a_copy_elsewhere_is_found_under_its_own_path(run, write_parallel, pairs, tmp_path):
    root = write_parallel("de", pairs)
    run(root)
    (root / "parallel").rename(tmp_path / "moved")
    (tmp_path / "new").mkdir()
    (tmp_path / "moved").rename(tmp_path / "new" / "parallel")
    again = Counted()
    table = run(tmp_path / "new", progress=again)
    assert again.seen == 0
    path = str(tmp_path / "new" / "parallel" / "made" / "en-de.tsv")
    assert {name: file["rows"] for name, file in table.files.items()} == {path: 80}


def test_files_alike_in_two_languages_do_not_meet(run, write_parallel, pairs):
    root = write_parallel("de", pairs)
    write_parallel("nl", pairs)
    for language in ("de", "nl", "de", "nl"):
        table = run(root, language)
        (path,) = table.files
        assert path.endswith(f"en-{language}.tsv")


@pytest.mark.parametrize("change", ["text", "filter", "bad lines", "tokenizer"])
def test_what_shapes_the_rows_makes_a_new_file(run, write_parallel, pairs, tmp_path, change, bert_folder):
    root = write_parallel("de", pairs)
    run(root)
    before, seen = files_of(tmp_path), Counted()
    if change == "text":
        write_parallel("de", pairs[1:])
    bert = SequenceBuilder(AutoTokenizer.from_pretrained(bert_folder), {}, max_length=128)
    changed = {
        "text": {},
        "filter": {"keep": replace(ALL, max_ratio=9.0)},
        "bad lines": {"on_bad_line": "skip"},
        "tokenizer": {"layout": bert},
    }
    run(root, progress=seen, **changed[change])
    assert seen.seen > 0
    after = files_of(tmp_path)
    assert before.items() < after.items()
    assert len(after) == 2 * len(before)


def test_language_tokens_and_padding_do_not_change_the_fingerprint(tokenizer):
    before = tokenizer_fingerprint(tokenizer)
    tokenizer.add_special_tokens({"additional_special_tokens": ["[LANG_de]", "[LANG_unk]"]})
    tokenizer(["a", "a b"], padding=True, truncation=True, max_length=3)
    assert tokenizer_fingerprint(tokenizer) == before


def test_an_added_ordinary_word_changes_the_fingerprint(tokenizer):
    before = tokenizer_fingerprint(tokenizer)
    tokenizer.add_tokens(["horses"])
    assert tokenizer_fingerprint(tokenizer) != before


@pytest.mark.parametrize("stop_after", [0, 5, 79])
def test_interrupted_writing_leaves_nothing_behind(run, write_parallel, pairs, tmp_path, stop_after, monkeypatch):
    monkeypatch.setattr(cache, "CHUNK", 2)
    root = write_parallel("de", pairs)
    with pytest.raises(KeyboardInterrupt):
        run(root, progress=Counted(stop_after))
    assert files_of(tmp_path) == {}
    assert len(run(root)) == 80


def test_a_table_without_its_report_is_made_anew(run, write_parallel, pairs, tmp_path):
    root = write_parallel("de", pairs)
    run(root)
    (report,) = (tmp_path / "cache").glob("*.json")
    report.unlink()
    assert len(run(root)) == 80
    assert report.is_file()


def test_repeated_pairs_are_dropped_across_corpora_and_counted(run, write_parallel, pairs):
    again = [(one.upper(), f"  {two.replace(' ', '  ')}") for one, two in pairs[:5]]
    other = (pairs[0][0], pairs[1][1])  # both sides occurred, but not as a pair
    root = write_parallel("de", [*pairs[:10], *pairs[:3]], "first")
    write_parallel("de", [*again, other, *pairs[10:12]], "second")
    table = run(root, corpora=("first", "second"))
    assert len(table) == 13
    assert table.dropped == {"repeated": 8}
    assert sorted(file["rows"] for file in table.files.values()) == [8, 13]


def test_a_corpus_named_twice_is_read_once(run, write_parallel, pairs):
    table = run(write_parallel("de", pairs), corpora=("made", "made"))
    assert len(table) == 80
    assert table.dropped == {}


def test_filters_are_counted(run, write_parallel, pairs):
    root = write_parallel(
        "de",
        [
            *pairs[:4],
            ("Berlin!", "berlin!"),
            ("a", "unser"),
            ("the cat", "die Katze " * 8),
            ("the river " * 80, "den Fluss " * 80),
        ],
    )
    keep = Filter(min_words=3, max_words=30, max_ratio=2.0, max_pairs=None)
    assert run(root, keep=keep).dropped == {
        "both sides alike": 1,
        "too short": 1,
        "lengths too different": 1,
        "too long": 1,
    }


def test_a_somewhat_long_pair_is_kept_and_cut(run, write_parallel, tokenizer):
    long = "the river likes the cat"
    expected = tokenizer(long, add_special_tokens=False)["input_ids"]
    keep = replace(ALL, max_words=len(expected) - 2)
    table = run(write_parallel("de", [(long, "die Katze"), ("a dog", "ein Hund")]), keep=keep)
    assert table.take([0])["source"].to_pylist() == [expected[:-2]]


@pytest.mark.parametrize("chunk", [3, 2000])
def test_no_more_than_max_pairs_are_kept_and_the_rest_is_not_read(run, write_parallel, pairs, monkeypatch, chunk):
    monkeypatch.setattr(cache, "CHUNK", chunk)
    root = write_parallel("de", pairs[:10], "first")
    write_parallel("de", pairs[5:], "second")
    table = run(root, corpora=("first", "second"), keep=replace(ALL, max_pairs=13))
    whole = run(root, corpora=("first", "second"))
    assert table.take(range(13)).equals(whole.take(range(13)))
    assert len(table) == 13
    few = run(root, corpora=("first", "second"), keep=replace(ALL, max_pairs=6))
    assert len(few) == 6
    assert [file["rows"] for file in few.files.values()] == [min(10, 2 * chunk), 0]
    for table in (few, whole):
        assert len(table) + sum(table.dropped.values()) == sum(file["rows"] for file in table.files.values())
    assert few.dropped == ({} if chunk == 3 else {"beyond data.max_pairs": 4})


def test_what_comes_after_max_pairs_is_not_read(run, write_parallel, pairs, monkeypatch):
    monkeypatch.setattr(cache, "CHUNK", 5)
    root = write_parallel("de", [*pairs[:5], ("no translation", "")])
    assert len(run(root, keep=replace(ALL, max_pairs=5))) == 5


def test_links_stand_beside_their_pairs_in_chunks(run, write_parallel, pairs, monkeypatch):
    monkeypatch.setattr(links, "CHUNK", 7)  # a list's offsets have 32 bits: those of all pairs would not fit
    sizes = np.arange(len(pairs)) % 3
    places = np.arange(2 * sizes.sum(), dtype=np.int32).reshape(-1, 2)
    table = links.with_links(run(write_parallel("de", pairs)), lambda _: (places, sizes), "made")
    expected = [part.ravel().tolist() for part in np.split(places, np.cumsum(sizes)[:-1])]
    assert table.take(range(80))["links"].to_pylist() == expected
    assert table.take([70, 3, 8])["links"].to_pylist() == [expected[row] for row in (70, 3, 8)]
    assert table.links.tolist() == sizes.tolist()
    with pa.OSFile(table.rows.cache_files[-1]["filename"]) as file, pa.ipc.open_stream(file) as reader:
        assert [len(batch) for batch in reader] == [7] * 11 + [3]


def test_too_few_pairs_are_refused_again_and_again(run, write_parallel, pairs):
    root = write_parallel("de", [pairs[0], pairs[0]])
    for _ in range(2):
        with pytest.raises(DataError) as error:
            run(root)
        message = str(error.value)
        assert "en-de.tsv: 1 pairs of English and de are left" in message
        assert "'repeated': 1" in message
        assert "align.batch_size" in message


def test_pairs_that_tokenise_to_nothing_are_dropped(run, write_parallel, pairs, bert_folder):
    layout = SequenceBuilder(AutoTokenizer.from_pretrained(bert_folder), {}, max_length=128)
    nothing = "\u200b\u200b"
    root = write_parallel("de", [(nothing, "Katze"), *pairs[:3], ("cat", nothing)])
    assert run(root, layout=layout).dropped == {"tokenises to nothing": 2}
    write_parallel("de", [(nothing, "Katze")])
    with pytest.raises(DataError, match=r"0 pairs .* \{'tokenises to nothing': 1\}"):
        run(root, layout=layout)


def test_broken_lines_are_refused_or_counted(run, write_parallel, pairs, tmp_path):
    root = write_parallel("de", [*pairs[:4], ("broken", "line\thas three")])
    with pytest.raises(DataError, match=r"en-de\.tsv, line 5: expected 2 .* found 3"):
        run(root)
    assert files_of(tmp_path) == {}
    table = run(root, on_bad_line="skip")
    assert len(table) == 4
    assert table.dropped == {"wrong number of fields": 1}


def test_keys_see_neither_case_nor_space_but_everything_else():
    assert sentence_key("Die  Straße\u00a0hier ") == sentence_key("die STRASSE hier")
    assert sentence_key("a b") != sentence_key("ab")
    assert sentence_key("a.") != sentence_key("a")
    keys = np.array([sentence_key(str(number)) for number in range(4000)]) / 2**63
    assert 0 <= keys.min() < keys.max() < 1
    assert keys.mean() == pytest.approx(0.5, abs=0.02)  # spread evenly, as holding out needs


def test_duplicates_are_those_of_a_set_whatever_the_chunks(run, write_parallel, pairs, monkeypatch):
    texts = [(one, two) for one, _ in pairs[:8] for _, two in pairs[:8]]
    drawn = np.random.default_rng(4).integers(0, len(texts), 300)
    rows = [texts[number] for number in drawn]
    root = write_parallel("de", rows)
    monkeypatch.setattr(cache, "CHUNK", 13)
    table = run(root)
    assert len(table) == len(set(rows))
    assert table.dropped == {"repeated": 300 - len(set(rows))}
    kept = table.take(range(len(table)))
    found = zip(kept["source_key"].to_pylist(), kept["target_key"].to_pylist(), strict=True)
    assert list(found) == [tuple(map(sentence_key, pair)) for pair in dict.fromkeys(rows)]


def test_a_full_disk_is_told_and_leaves_nothing(run, write_parallel, pairs, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    root = write_parallel("de", pairs)
    with monkeypatch.context() as patched:
        patched.setattr("mlalign.data.token_cache.ArrowWriter.write_batch", full)
        with pytest.raises(DataError, match=r"disk is full .*data\.cache.*data\.max_pairs"):
            run(root)
    assert not [path for path in tmp_path.rglob("*.arrow*") if path.stat().st_size]
    assert len(run(root)) > 2
