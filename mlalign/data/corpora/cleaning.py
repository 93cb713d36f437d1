"""What is mended in a sentence, and the key by which copies of a pair are known."""

import hashlib
import re
import unicodedata

from mlalign.data.corpora.scripts import besides_words
from mlalign.data.markup import decoded

# Controls, zero-width space, word joiner, byte order mark, soft hyphen and marks of direction. The
# zero-width joiners stay: Persian and the scripts of India spell with them.
INVISIBLE = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")


def clean(text: str) -> str:
    """NFC, HTML entities decoded, without invisible characters, with single spaces and no line end or tab."""
    return unicodedata.normalize("NFC", " ".join(INVISIBLE.sub("", decoded(text)).split()))


def plain(text: str) -> str:
    """A sentence without case, space and punctuation: the same for near copies."""
    return besides_words().sub("", text.casefold())


def pair_key(english: str, other: str, seed: int) -> int:
    """A 64-bit hash of a pair of plain sentences, uniform, and another one for every seed."""
    digest = hashlib.blake2b(digest_size=8, salt=seed.to_bytes(8, "big"))
    digest.update(f"{english}\t{other}".encode())
    return int.from_bytes(digest.digest(), "big")
