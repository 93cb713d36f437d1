"""Parallel text, tokenised once into a memory-mapped Arrow file per language."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import compress, islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import Dataset, Features, Value
from datasets import Sequence as ListOf
from datasets.arrow_writer import ArrowWriter
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from mlalign.data.languages import ENGLISH
from mlalign.data.readers.leftovers import OnBadLine
from mlalign.data.readers.parallel import called, is_reversed, parallel_path, read_pairs
from mlalign.data.seen import Seen, joined
from mlalign.data.sequences import SequenceBuilder
from mlalign.data.text import read_lines
from mlalign.errors import DataError
from mlalign.files import FULL, FileRecord, JsonObject, locked, replacing, sha256_of, write_whole
from mlalign.progress import Progress

FORM = 2  # raise it when what is written below changes
FEATURES = Features(
    {
        "source": ListOf(Value("int32")),
        "target": ListOf(Value("int32")),
        "source_key": Value("int64"),  # equal for sentences that are the same but for case and space
        "target_key": Value("int64"),
    }
)
CHUNK = 2000
BEYOND = "beyond data.max_pairs"


@dataclass(frozen=True)
class Filter:
    """Which pairs are kept; lengths in subwords."""

    min_words: int
    max_words: int
    max_ratio: float
    max_pairs: int | None

    def reason(self, source: Sequence[int], target: Sequence[int]) -> str | None:
        """Why a pair is left out, or None."""
        shorter, longer = sorted((len(source), len(target)))
        if shorter == 0:
            return "tokenises to nothing"
        if shorter < self.min_words:
            return "too short"
        if longer > self.max_words * 2:
            return "too long"
        if longer > self.max_ratio * shorter + 8:
            return "lengths too different"
        return None


@dataclass(frozen=True)
class Tokenised:
    """The pairs of the pivot and ``language``: rows of a memory-mapped table."""

    language: str
    rows: Dataset
    source_lengths: NDArray[np.int32]  # subwords
    target_lengths: NDArray[np.int32]
    source_keys: NDArray[np.int64]
    dropped: dict[str, int]
    files: dict[str, FileRecord]  # path -> rows, sha256
    pivot: str = ENGLISH  # of the source side

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def lengths(self) -> NDArray[np.int32]:
        """Subwords of both sides together."""
        return self.source_lengths + self.target_lengths

    @cached_property
    def links(self) -> NDArray[np.int64]:
        """How many links the words of each pair have; 0 where none were looked for."""
        if "links" not in self.rows.column_names:
            return np.zeros(len(self), np.int64)
        return _lengths(self.rows, "links").astype(np.int64) // 2

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> pa.Table:
        """Rows as an Arrow table."""
        return self.rows[list(rows)]

    def origin(self, rows: Sequence[int]) -> list[JsonObject]:
        """Where pairs stand: ``file``, ``line`` and both texts; their ``id``, a row, where the files have changed."""
        there = self.take(rows)
        keys = list(zip(there["source_key"].to_pylist(), there["target_key"].to_pylist(), strict=True))
        found: dict[tuple[int, int], JsonObject] = {}
        wanted = set(keys)
        for path in self.files:
            for line, content in _lines(Path(path)):
                source, _, other = (side.strip() for side in content.partition("\t"))
                if is_reversed(Path(path), self.pivot):
                    source, other = other, source
                key = sentence_key(source), sentence_key(other)
                if key in wanted and key not in found:
                    found[key] = {"file": path, "line": line, called(self.pivot).lower(): source, "other": other}
                if len(found) == len(wanted):
                    break
        return [found.get(key, {"id": row}) for row, key in zip(rows, keys, strict=True)]

    def counts(self, side: str, vocabulary: int) -> NDArray[np.int64]:
        """How often each piece occurs on one side."""
        total = np.zeros(vocabulary, np.int64)
        for start in range(0, len(self), 100_000):
            column = self.rows[start : start + 100_000][side].combine_chunks()
            total += np.bincount(column.flatten().to_numpy(), minlength=vocabulary)
        return total


def tokenise(
    root: Path,
    corpora: Sequence[str],
    language: str,
    *,
    layout: SequenceBuilder,
    keep: Filter,
    on_bad_line: OnBadLine,
    cache: Path,
    progress: Progress,
    pivot: str = ENGLISH,
) -> Tokenised:
    """Read, filter and tokenise the pairs of one language, or find them done.

    A pair that occurred before is dropped, and one whose sides are alike, whatever their case and
    space. The cache's file name is a fingerprint of the tokenizer, the text files and the filter.

    Raises:
        DataError: a file is missing or broken, too few pairs are left, or the disk is full.
    """
    paths = list(dict.fromkeys(parallel_path(root, corpus, language, pivot) for corpus in corpora))
    digests = {str(path): sha256_of(path) for path in paths}
    fingerprint = hashlib.sha256(
        json.dumps(
            {
                "form": FORM,
                "tokenizer": tokenizer_fingerprint(layout.tokenizer),
                "files": list(digests.values()),
                "keep": asdict(keep),
                "on_bad_line": on_bad_line,
            }
            | ({} if pivot == ENGLISH else {"pivot": pivot})
        ).encode()
    ).hexdigest()[:20]
    table = cache / f"{pivot}-{language}-{fingerprint}.arrow"
    report = table.with_suffix(".json")
    with locked(table.with_suffix(".lock")):
        if not (table.is_file() and report.is_file()):
            try:
                done = _write(table, paths, layout, keep, on_bad_line, progress, pivot)
            except OSError as error:
                if error.errno not in FULL:
                    raise
                raise DataError(
                    f"{cache}: the disk is full ({error.strerror}); the subwords of all pairs lie "
                    "there, 4 bytes each, and are not streamed. Put data.cache on a larger disk, "
                    "or take fewer pairs with data.max_pairs=N"
                ) from error
            write_whole(report, json.dumps(done, ensure_ascii=False, indent=1))
    done = json.loads(report.read_text(encoding="utf-8"))
    files: dict[str, FileRecord] = {
        path: {"rows": read, "sha256": digest}
        for (path, digest), read in zip(digests.items(), done["rows"], strict=True)
    }
    tokenised = open_table(table, language, dropped=done["dropped"], files=files, pivot=pivot)
    if len(tokenised) < 2:
        raise DataError(
            f"{', '.join(map(str, paths))}: {len(tokenised)} pairs of {called(pivot)} and {language} are "
            f"left after filtering (left out: {done['dropped'] or 'none'}); expected at least 2, "
            "and as many as align.batch_size for training. Name more corpora in data.parallel, or loosen "
            "data.min_tokens and data.max_ratio"
        )
    return tokenised


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """As far as a file can still be read."""
    with suppress(DataError):
        yield from read_lines(path)


def open_table(
    table: Path, language: str, *, dropped: dict[str, int], files: dict[str, FileRecord], pivot: str = ENGLISH
) -> Tokenised:
    """The pairs of a memory-mapped table that ``tokenise`` wrote; see ``Tokenised``."""
    rows = Dataset.from_file(str(table))
    keys = rows.with_format("numpy", columns=["source_key"])[:]["source_key"]
    rows = rows.with_format("arrow")
    return Tokenised(language, rows, _lengths(rows, "source"), _lengths(rows, "target"), keys, dropped, files, pivot)


def _write(
    table: Path,
    paths: Sequence[Path],
    layout: SequenceBuilder,
    keep: Filter,
    on_bad_line: OnBadLine,
    progress: Progress,
    pivot: str,
) -> JsonObject:
    """Fill the table; it takes its final name only when it is whole."""
    dropped: Counter[str] = Counter()
    read: list[int] = []
    seen = Seen()
    kept = 0
    with replacing(table) as part, ArrowWriter(path=str(part), features=FEATURES) as writer:
        for path in paths:
            read.append(0)
            pairs = iter(progress(read_pairs(path, on_bad_line=on_bad_line, dropped=dropped, pivot=pivot)))
            while kept != keep.max_pairs and (chunk := list(islice(pairs, CHUNK))):
                read[-1] += len(chunk)
                batch = _tokenise_chunk(chunk, layout, keep, seen, dropped)
                found = len(batch["source"])
                new = found if keep.max_pairs is None else min(found, keep.max_pairs - kept)
                if new < found:
                    dropped[BEYOND] += found - new
                    batch = {name: rows[:new] for name, rows in batch.items()}
                if new:
                    writer.write_batch(batch)
                kept += new
        writer.finalize()
    return {"dropped": dict(dropped), "rows": read}


def _tokenise_chunk(
    chunk: Sequence[tuple[str, str]],
    layout: SequenceBuilder,
    keep: Filter,
    seen: Seen,
    dropped: Counter[str],
) -> dict[str, list[Any]]:
    keys = [(sentence_key(english), sentence_key(other)) for english, other in chunk]
    words = zip(
        layout.words([english for english, _ in chunk]),
        layout.words([other for _, other in chunk]),
        strict=True,
    )
    batch: dict[str, list[Any]] = {name: [] for name in FEATURES}
    for (source, target), (source_key, target_key) in zip(words, keys, strict=True):
        reason = "both sides alike" if source_key == target_key else keep.reason(source, target)
        if reason is not None:
            dropped[reason] += 1
            continue
        values = (source[: keep.max_words], target[: keep.max_words], source_key, target_key)
        for name, value in zip(FEATURES, values, strict=True):
            batch[name].append(value)
    sides = (np.array(batch[name], np.int64) for name in ("source_key", "target_key"))
    new = seen.is_new(joined(*sides))
    if not new.all():
        dropped["repeated"] += int((~new).sum())
    return {name: list(compress(rows, new)) for name, rows in batch.items()}


def sentence_key(text: str) -> int:
    """A 63-bit hash of a sentence, the same for texts that differ only in case and space."""
    plain = " ".join(text.casefold().split()).encode()
    return int.from_bytes(hashlib.blake2b(plain, digest_size=8).digest(), "big") >> 1


def tokenizer_fingerprint(tokenizer: PreTrainedTokenizerBase) -> str:
    """Equal for tokenizers that cut text alike; added language tokens do not change it."""
    whole = json.loads(tokenizer.backend_tokenizer.to_str())
    whole["added_tokens"] = [token for token in whole["added_tokens"] if not token["special"]]
    del whole["padding"], whole["truncation"]  # left there by the last call
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def _lengths(rows: Dataset, side: str) -> NDArray[np.int32]:
    column = rows.data.column(side)
    chunks = [chunk.value_lengths().to_numpy(zero_copy_only=False) for chunk in column.chunks]
    return np.concatenate([np.zeros(0, np.int32), *chunks]).astype(np.int32)
