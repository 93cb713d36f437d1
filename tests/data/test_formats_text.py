"""``read_lines``: what a line is, and what is said of files that hold none."""

import bz2
import gzip
import lzma
import os
import tracemalloc

import pytest

from mlalign.data.text import LONGEST, count_lines, parse_json, read_lines, read_text
from mlalign.errors import DataError, did_you_mean


def lines(path):
    return list(read_lines(path))


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_plain_and_gzip_files_read_the_same(tmp_path, compress):
    path = tmp_path / ("text.gz" if compress is gzip.compress else "text")
    path.write_bytes(compress("Grüße\n日本\n".encode()))
    assert lines(path) == [(1, "Grüße"), (2, "日本")]


def test_only_newlines_end_a_line(tmp_path):
    odd = "a\u2028b\u2029c\x0bd\x0ce\x85f\x1cg\rh"
    path = tmp_path / "text"
    path.write_bytes(f"{odd}\nlast".encode())
    assert lines(path) == [(1, odd), (2, "last")]


@pytest.mark.parametrize(("content", "lines"), [(b"a\n", 1), (b"a", 1), (b"a\n\nb", 3), (b"a\nb\n", 2)])
def test_lines_are_counted_as_they_are_read(content, lines, tmp_path):
    path = tmp_path / "text"
    path.write_bytes(content)
    assert count_lines(path) == len(list(read_lines(path))) == lines


def test_windows_line_ends_are_removed_and_lines_kept(tmp_path):
    path = tmp_path / "text"
    path.write_bytes(b"a\r\n\r\nb\t\r\n")
    assert lines(path) == [(1, "a"), (2, ""), (3, "b\t")]


def test_a_byte_order_mark_is_removed_at_the_start_only(tmp_path):
    path = tmp_path / "text"
    path.write_bytes("\ufeffa\n\ufeffb\n".encode())
    assert lines(path) == [(1, "a"), (2, "\ufeffb")]


def test_broken_utf8_names_line_and_byte(tmp_path):
    path = tmp_path / "text"
    path.write_bytes(b"fine\nGr\xfc\xdfe\n")
    with pytest.raises(DataError, match=r"text, line 2: expected UTF-8, found the byte 0xfc at by"):
        lines(path)
    path.write_bytes(b"ab\xff\n")
    with pytest.raises(DataError, match="at byte 3 of the line"):
        lines(path)


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        (gzip.compress(b"text\n"), r"This is gzip: .* ends in \.gz"),
        ("text\n".encode("utf-16"), "iconv -f UTF-16 -t UTF-8"),
        ("текст\n".encode("cp1251"), "which encoding it has, .* iconv -f ENCODING"),
    ],
    ids=["gzip", "UTF-16", "another"],
)
def test_the_advice_fits_what_the_file_begins_with(content, advice, tmp_path):
    path = tmp_path / "text"
    path.write_bytes(content)
    with pytest.raises(DataError, match=advice):
        lines(path)


@pytest.mark.parametrize("name", ["text", "text.gz"])
@pytest.mark.parametrize(
    ("content", "advice"),
    [
        (b"PK\x03\x04\n", "zip: unpack it"),
        (bz2.compress(b"text"), "bunzip2"),
        (lzma.compress(b"text"), "unxz"),
        (b"PAR1\n", "parquet"),
        (b"%PDF-1.7\n", "PDF"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"  <!DOCTYPE html>\n", "web page"),
        (b"<HTML><head>", "web page"),
    ],
    ids=["zip", "bzip2", "xz", "parquet", "pdf", "lfs", "doctype", "html"],
)
def test_a_file_that_is_not_what_its_name_says_is_told_so(name, content, advice, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=advice):
        lines(path)


def test_a_disguise_inside_gzip_is_seen(tmp_path):
    path = tmp_path / "text.gz"
    path.write_bytes(gzip.compress(gzip.compress(b"text")))
    with pytest.raises(DataError, match="This is gzip"):
        lines(path)


@pytest.mark.parametrize("name", ["text", "text.gz"])
def test_a_pipe_or_device_is_no_file(name, tmp_path):
    os.mkfifo(tmp_path / name)
    with pytest.raises(DataError, match=r"text.*: expected a file, found a pipe or device"):
        lines(tmp_path / name)
    link = tmp_path / f"link-{name}"
    link.symlink_to("/dev/zero")
    with pytest.raises(DataError, match="found a pipe or device"):
        lines(link)


@pytest.mark.parametrize("content", [b"a\rb\rc\r", b"a\rb"])
def test_carriage_returns_alone_are_no_line_ends(content, tmp_path):
    path = tmp_path / "text"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"line 1: expected line ends .* found .r alone"):
        lines(path)


def test_a_line_without_end_is_refused_in_little_memory(tmp_path):
    path = tmp_path / "text.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b"fine\n")
        for _ in range(10):
            file.write(bytes(LONGEST))
    tracemalloc.start()
    with pytest.raises(DataError, match=f"line 2: expected at most {LONGEST} bytes in a line, found more"):
        lines(path)
    with pytest.raises(DataError, match="expected at most 1000000 bytes"):
        read_text(path, most=1_000_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * LONGEST


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"a": NaN}', "[1e999]", "-Infinity", r'"\ud800"', r'"\udc00\ud800"', "1" * 5000, "{", "[1] 2", ""],
)
def test_json_that_nothing_can_hold_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"."):
        parse_json(text)


def test_json_keeps_whole_characters():
    assert parse_json(r'{"a": "\ud83d\ude00 \u00fc", "b": [1, 2.5e3]}') == {"a": "😀 ü", "b": [1, 2500.0]}


def test_lines_before_a_fault_are_read(tmp_path):
    path = tmp_path / "text"
    path.write_bytes(b"fine\n\xff\n")
    assert next(read_lines(path)) == (1, "fine")


@pytest.mark.parametrize("name", ["text", "text.gz"])
def test_an_empty_file_is_refused(tmp_path, name):
    path = tmp_path / name
    path.touch()
    with pytest.raises(DataError, match="found an empty file"):
        lines(path)
    path.write_bytes(gzip.compress(b"") if name.endswith("gz") else b"")
    with pytest.raises(DataError, match="found an empty file"):
        lines(path)


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.tsv: no such file"):
        lines(tmp_path / "nowhere.tsv")
    with pytest.raises(DataError, match="expected a file, found a folder"):
        lines(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="cannot be read"):
        lines(tmp_path / "file" / "below")


def test_damaged_gzip_is_named_as_such(tmp_path):
    whole = gzip.compress("\n".join(map(str, range(50_000))).encode())
    path = tmp_path / "text.gz"
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    checksum = bytearray(whole)
    checksum[-6] ^= 0xFF
    for damaged in (b"plain text\n", whole[:-9], whole[: len(whole) // 2], whole[:5]):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"text\.gz, after line \d+: expected gzip"):
            lines(path)
    for damaged in (flipped, checksum):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"text\.gz, (after )?line \d+: expected"):
            lines(path)


def test_memory_does_not_grow_with_the_file(tmp_path):
    path = tmp_path / "text.gz"
    path.write_bytes(gzip.compress(b"some words in a row\n" * 200_000, compresslevel=1))
    tracemalloc.start()
    for _ in read_lines(path):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000  # the text has 4 MB


def test_a_misspelt_name_gets_the_nearest_choice():
    assert did_you_mean("Germann", ["german", "french"]) == "; did you mean 'german'?"
    assert did_you_mean("DE", ["de", "fr"]) == "; did you mean 'de'?"
    assert did_you_mean("xx", ["de", "fr"]) == ""
