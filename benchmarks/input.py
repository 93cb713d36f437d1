"""How many pairs a second training could take from the token cache, and what that takes in memory.

    python benchmarks/input.py

Writes made-up sentences, tokenises them as training does, and writes a table twenty times as large
from the same rows. A fresh process then takes batches from each through the loader that training
uses, on one thread, with masks and without. ``benchmarks/results/input.json`` has the seconds of
the wall and of the processor, which differ on a busy machine, and memory: the most that was
resident, mapped pages of the table included, and what was the process's own at the end.
"""

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import checkout  # noqa: F401
import numpy as np

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "input.json"
GOAL = 20_000  # pairs a second
PAIRS, TIMES = 100_000, 20
BATCH, BATCHES = 96, 400
SYLLABLES = ["ka", "lo", "mi", "re", "tan", "sol", "ver", "ni", "bus", "tro", "pel", "ga", "stel"]


def main() -> None:
    """Measure in fresh processes and write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        made = apart(make_tables, folder)
        read = [apart(read_table, folder, name) for name in ("small", "large")]
    sys.path.insert(0, str(ROOT / "benchmarks"))
    from machine import machine

    from mlalign.reporting.results import commit, versions

    outcome = {
        "command": "python benchmarks/input.py",
        "goal_pairs_per_second": GOAL,
        "tokenised": made,
        "read": read,
        "machine": machine() | {"load_average": round(os.getloadavg()[0], 1)},
        "versions": versions(),
        "commit": commit(),
    }
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    arguments.results.write_text(json.dumps(outcome, indent=1) + "\n", encoding="utf-8")
    for one in (made, *read):
        print(json.dumps(one))


def apart(job: Any, *given: Any) -> dict[str, Any]:
    """Run a job in a process of its own, so that its memory is its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(job, given)


def memory() -> dict[str, int]:
    """Resident memory of this process as Linux counts it."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    names = {"peak_bytes": "VmHWM", "own_bytes": "RssAnon"}
    return {name: int(fields[field].split()[0]) * 1024 for name, field in names.items()}


def sentences(number: int, seed: int) -> list[str]:
    """Made-up ones of 3 to 40 words, most of them short; about as long with another seed."""
    typical = np.random.default_rng(0).lognormal(2.3, 0.5, number)
    draw = np.random.default_rng(seed)
    words = ["".join(draw.choice(SYLLABLES, draw.integers(1, 4))) for _ in range(20_000)]
    lengths = np.clip(typical * draw.uniform(0.8, 1.25, number), 3, 40).astype(int)
    places = draw.integers(0, len(words), lengths.sum())
    return [" ".join(words[place] for place in part)
            for part in np.split(places, np.cumsum(lengths)[:-1])]  # fmt: skip


def make_tables(folder: Path) -> dict[str, Any]:
    """Tokenise a corpus of made-up pairs, and write a larger table from it."""
    from mlalign.data.sequences import SequenceBuilder
    from mlalign.data.token_cache import Filter, tokenise
    from mlalign.models.tiny import train_tokenizer

    before = memory()
    english, other = sentences(PAIRS, 1), sentences(PAIRS, 2)
    corpus = folder / "parallel" / "made"
    corpus.mkdir(parents=True)
    lines = [f"{one}\t{two}\n" for one, two in zip(english, other, strict=True)]
    (corpus / "en-de.tsv").write_text("".join(lines), encoding="utf-8")
    tokenizer = train_tokenizer([*english[:5000], *other[:5000]], 12_000)
    tokenizer.save_pretrained(folder / "tokenizer")
    started, since = time.perf_counter(), time.process_time()
    table = tokenise(
        folder, ["made"], "de", layout=SequenceBuilder(tokenizer, {}, max_length=128),
        keep=Filter(1, 125, 100.0, None), on_bad_line="error", cache=folder / "cache",
        progress=iter,
    )  # fmt: skip
    seconds = time.perf_counter() - started
    (path,) = (folder / "cache").glob("*.arrow")
    path.rename(folder / "small.arrow")
    found = {
        "pairs": len(table),
        "subwords_per_pair": round(float(table.lengths.mean()), 1),
        "seconds": round(seconds, 2),
        "processor_seconds": round(time.process_time() - since, 2),
        "pairs_per_second": round(len(table) / seconds),
        "bytes_per_pair": round((folder / "small.arrow").stat().st_size / len(table)),
        "own_bytes_before": before["own_bytes"],
        **memory(),
    }
    grow_table(folder)
    return found


def grow_table(folder: Path) -> None:
    """Write the small table many times over, each time with other keys."""
    import pyarrow as pa
    from datasets import Dataset
    from datasets.arrow_writer import ArrowWriter

    from mlalign.data.token_cache import CHUNK, FEATURES

    rows = Dataset.from_file(str(folder / "small.arrow")).with_format("arrow")[:]
    writer = ArrowWriter(path=str(folder / "large.arrow"), features=FEATURES)
    for seed in range(TIMES):
        keys = np.random.default_rng(seed).integers(0, 2**63, len(rows))
        for name in ("source_key", "target_key"):
            place = rows.schema.get_field_index(name)
            rows = rows.set_column(place, rows.schema.field(name), pa.array(keys))
        for start in range(0, len(rows), CHUNK):
            writer.write_table(rows.slice(start, CHUNK))
    writer.finalize()
    writer.close()


def read_table(folder: Path, name: str) -> dict[str, Any]:
    """Take batches as training does, without masks and with them."""
    import torch
    from transformers import AutoTokenizer

    from mlalign.alignment.views import build_views
    from mlalign.config.schema import Align
    from mlalign.data.parallel import ParallelDataModule
    from mlalign.data.sequences import SequenceBuilder
    from mlalign.data.token_cache import open_table

    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer", trust_remote_code=False)
    before = memory()
    table = open_table(folder / f"{name}.arrow", "de", dropped={}, files={})
    layout = SequenceBuilder(tokenizer, {"en": 5, "de": 6, "unk": 7}, max_length=128)
    found: dict[str, Any] = {"pairs_in_table": len(table), "batches": BATCHES, "rates": []}
    for rate in (0.0, 0.15):
        views = build_views(["masked" if rate else "clean"], layout, Align(mask_rate=rate), seed=1)
        data = ParallelDataModule(
            {"de": table}, layout, views, pairs=BATCH, batches=BATCHES + 1, exponent=0.7, held_out=500, seed=1
        )
        found["rates"].append({"mask_rate": rate} | taken(iter(data.train_dataloader())))
    return found | {"own_bytes_before": before["own_bytes"], **memory()}


def taken(batches: Iterator[Any]) -> dict[str, Any]:
    """The speed of a loader behind its first batch, which sorts a whole pass."""
    started = time.perf_counter()
    next(batches)
    first = time.perf_counter() - started
    started, since = time.perf_counter(), time.process_time()
    pairs = positions = real = 0
    for batch in batches:
        pairs += len(batch.same)
        for side in batch.first:
            positions += side.subwords.attention_mask.numel()
            real += int(side.subwords.attention_mask.sum())
    seconds, processor = time.perf_counter() - started, time.process_time() - since
    return {
        "seconds_to_first_batch": round(first, 2),
        "pairs_per_second": round(pairs / seconds),
        "pairs_per_processor_second": round(pairs / processor),
        "padded_percent": round(100 * (1 - real / positions), 2),
    }


if __name__ == "__main__":
    main()
