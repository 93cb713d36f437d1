"""How much memory it takes to prepare millions of pairs, and to know ten million of them again.

    python benchmarks/prepare_memory.py

Writes made-up sentences as a zip of OPUS, a tenth of them twice, prepares it whole with the command
that users type, and writes ``benchmarks/results/prepare_memory.json``: the highest resident memory
of that process and its pairs per second. Then the same for the keys that the token cache holds.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import checkout  # noqa: F401
import numpy as np

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "prepare_memory.json"
LIMIT = 1.5 * 2**30
SYLLABLES = ["ka", "lo", "mi", "re", "tan", "sol", "ver", "ni", "bus", "tro", "pel", "ga", "stel"]
PHRASES = 20_000  # two of them make a sentence
CHUNK = 10_000
KEYS = """
import numpy as np
from mlalign.data.seen import Seen
random, seen = np.random.default_rng(1), Seen()
for _ in range({pairs} // 2000):
    seen.is_new(random.integers(0, 2**64, 2000, np.uint64))
"""


def phrases(random: np.random.Generator) -> list[str]:
    """Of four to twelve made-up words each."""
    words = ["".join(random.choice(SYLLABLES, random.integers(1, 4))) for _ in range(4000)]
    return [" ".join(random.choice(words, random.integers(4, 13))) for _ in range(PHRASES)]


def sides(pairs: int, side: int) -> Iterator[bytes]:
    """Lines of one side; the same draws for both, so that copies are copies of pairs."""
    random = np.random.default_rng(1)
    texts = phrases(np.random.default_rng(2 + side))
    fresh = pairs * 10 // 11
    for start in range(0, pairs, CHUNK):
        if start == fresh // CHUNK * CHUNK:
            random = np.random.default_rng(1)  # from here on they come again
        drawn = random.integers(0, PHRASES, (min(CHUNK, pairs - start), 2))
        yield "".join(f"{texts[one]}, {texts[two]}.\n" for one, two in drawn).encode()


def release(path: Path, pairs: int) -> None:
    """A zip of OPUS."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for side, language in enumerate(("en", "de")):
            with archive.open(f"Made.de-en.{language}", "w", force_zip64=True) as member:
                for lines in sides(pairs, side):
                    member.write(lines)


def measured(command: list[str]) -> dict[str, Any]:
    """Highest resident memory and duration of a command; never less than this process has."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    started = time.perf_counter()
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert peak > before, "a process before this one took more"
    return {"seconds": round(seconds, 1), "peak_memory_bytes": peak * 1024}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5_000_000)
    parser.add_argument("--keys", type=int, default=10_000_000)
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    keys = measured([sys.executable, "-c", KEYS.format(pairs=arguments.keys)])
    with tempfile.TemporaryDirectory() as folder:
        zipped, root = Path(folder) / "de-en.txt.zip", Path(folder) / "root"
        release(zipped, arguments.pairs)
        words = ["data=files", f"data.root={root}", "data.parallel=[made]", "data.languages=[de]"]
        words += [f"prepare.path={zipped}", "prepare.max_pairs=null", "trainer.progress=false"]
        prepared = measured([sys.executable, "-m", "mlalign.data.prepare", *words])
        manifest = json.loads((root / "parallel" / "made" / "manifest.json").read_text())
    entry = manifest["files"]["en-de.tsv.gz"]
    assert entry["rows_in"] == arguments.pairs
    from machine import machine  # imports torch: a process begins with its parent's peak

    from mlalign.reporting.results import commit, versions

    outcome = {
        "command": "python benchmarks/prepare_memory.py",
        "prepared": prepared
        | {
            "pairs": arguments.pairs,
            "pairs_per_second": round(arguments.pairs / prepared["seconds"]),
            "kept": entry["rows"],
            "dropped": entry["dropped"],
            "limit_bytes": int(LIMIT),
        },
        "keys": keys | {"pairs": arguments.keys},
        "machine": machine() | {"load_average": round(os.getloadavg()[0], 1)},
        "versions": versions(),
        "commit": commit(),
    }
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    arguments.results.write_text(json.dumps(outcome, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(outcome["prepared"], indent=1), json.dumps(outcome["keys"], indent=1))
    if prepared["peak_memory_bytes"] > LIMIT:
        sys.exit(f"more than {LIMIT / 2**30:g} GiB")


if __name__ == "__main__":
    main()
