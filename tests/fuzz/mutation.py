"""Files that were damaged by a seed: the same seed damages the same way everywhere."""

import random

from fuzz.forms import FORMS, Files

BITS = (
    *(
        b"",
        b"\n",
        b"\r",
        b"\r\n",
        b"\t",
        b" ",
        b"\x00",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\xed\xa0\x80",
        b"'",
        b'"',
    ),
    *(
        b"\\",
        b"\\ud800",
        b"\\u0000",
        b"NaN",
        b"Infinity",
        b"-1",
        b"1e999",
        b"null",
        b"true",
        b"{}",
        b"[]",
        b"#",
        b"&x;",
    ),
    *(
        "\u2028".encode(),
        "\u0661".encode(),
        "²".encode(),
        "\u202e".encode(),
        b"b'",
        b"b''*9",
        b"<!ENTITY a 'b'>",
        b"]]>",
    ),
    *(
        b"PK\x03\x04",
        b"\x1f\x8b",
        b"<html>",
        b"version https://git-lfs.github.com/spec/v1\n",
        b"../../x",
        b"0-0",
        b"1.1",
    ),
    *(b"[" * 3000, b"(" * 3000, b"9" * 5000, b"a" * 70000, b"<a>" * 2000, b"\n" * 500, b"A" * 40),
)


def damaged(name: str, seed: int) -> Files:
    """The files of a form, damaged inside, outside or both."""
    form = FORMS[name]
    draw = random.Random(f"{name}/{seed}")
    is_packed = form.pack is not dict
    inside = not is_packed or draw.random() < 0.6
    files = {one: _damaged(content, draw) if inside else content for one, content in form.files.items()}
    files = dict(form.pack(files))
    if is_packed and (not inside or draw.random() < 0.2):
        files = {one: _damaged(content, draw) for one, content in files.items()}
    return files


def _damaged(content: bytes, draw: random.Random) -> bytes:
    for _ in range(draw.choice((0, 1, 1, 1, 2, 3, 8))):
        content = draw.choice((_flip, _cut, _drop, _insert, _insert, _replace, _repeat, _lines))(content, draw)
    return content


def _span(content: bytes, draw: random.Random) -> tuple[int, int]:
    start = draw.randrange(len(content) + 1)
    return start, min(len(content), start + draw.choice((1, 2, 4, 16, 64)))


def _flip(content: bytes, draw: random.Random) -> bytes:
    start, _ = _span(content, draw)
    flipped = bytearray(content)
    for place in range(start, min(start + 1, len(content))):
        flipped[place] ^= 1 << draw.randrange(8)
    return bytes(flipped)


def _cut(content: bytes, draw: random.Random) -> bytes:
    return content[: _span(content, draw)[0]]


def _drop(content: bytes, draw: random.Random) -> bytes:
    start, end = _span(content, draw)
    return content[:start] + content[end:]


def _insert(content: bytes, draw: random.Random) -> bytes:
    start, _ = _span(content, draw)
    return content[:start] + draw.choice(BITS) + content[start:]


def _replace(content: bytes, draw: random.Random) -> bytes:
    start, end = _span(content, draw)
    return content[:start] + draw.choice(BITS) + content[end:]


def _repeat(content: bytes, draw: random.Random) -> bytes:
    start, end = _span(content, draw)
    return content[:start] + content[start:end] * draw.choice((2, 3, 100)) + content[end:]


def _lines(content: bytes, draw: random.Random) -> bytes:
    pieces = content.split(b"\n")
    draw.shuffle(pieces)
    return b"\n".join(pieces[: draw.randrange(1, len(pieces) + 1)] + pieces[: draw.randrange(len(pieces))])
