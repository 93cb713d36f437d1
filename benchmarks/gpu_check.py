"""Whether everything runs on this machine's GPU, and what a step costs there.

    python benchmarks/gpu_check.py [--minutes 5] [--profile]

Needs a checkout and the dependencies; what is not installed is not compared with. Every stage runs
once through ``train.py``'s own path on tiny shapes: both precisions, compiled, with activations
computed again, killed and resumed. Then the step at the paper's shape (96 pairs of 128 positions,
XLM-R base with random weights, bfloat16, dropout on, Adam included) beside the bare encoder's,
sentence-transformers' and transformers' masked-language model's, in rounds that take turns; memory,
the share of the matrix rate, host synchronisations; the error of the products with the vocabulary.
A part that fails, hangs or ends its process costs no other. Writes
``benchmarks/results/gpu_check.json`` as it goes. Without a GPU tiny shapes run through the same
lines into ``gpu_not_measured.json``, and it says what was not measured.
"""

import argparse
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import checkout  # noqa: F401
import torch
from gpu_smoke import SMOKES, rescored, resumed, smoke
from gpu_steps import (
    BARE,
    KINDS,
    MASKED,
    OURS,
    SENTENCES,
    block,
    matrix_rate,
    profile,
    shape_for,
    vocabulary_error,
)
from machine import RESULTS, measured_with, write_json
from worker import Worker, WorkFailedError

GIB = 2**30
ROUNDS = 3
FIRST = [BARE, MASKED, SENTENCES, "pooled", "inter_sentence alone"]
RATE, ERROR, PROFILE = "matrix rate", "error of the vocabulary's products", "profile"
GOALS: list[tuple[str, str, str | None, float]] = [  # of what, which figure, beside what, at most
    ("pooled", "seconds", BARE, 1.5),
    ("pooled", "seconds", MASKED, 0.4),
    ("inter_sentence alone", "seconds", SENTENCES, 1.0),
    ("pooled", "peak_memory_bytes", BARE, 1.25),
    ("mixture", "peak_memory_bytes", BARE, 1.6),
    ("pooled", "share", None, 0.30),  # at least
]
NAMES = {"seconds": "step", "peak_memory_bytes": "peak memory", "share": "share of matrix rate"}


@dataclass(frozen=True)
class Part:
    """Something to be done in the other process; ``least`` seconds must be left to begin it."""

    name: str
    work: Callable[[], dict[str, Any]]
    least: float = 5.0


def all_parts(device: str, steps: int, folder: Path, *, profiled: bool) -> list[Part]:
    """In the order of their importance."""
    least = {"pooled, compiled": 40.0}

    def smokes(names: Sequence[str]) -> list[Part]:
        slow = {"compile": 40.0}
        return [Part(f"smoke: {name}", partial(smoke, name, folder, device), slow.get(name, 10.0)) for name in names]

    def steps_of(kinds: Sequence[str], number: int) -> list[Part]:
        if number not in rounds:
            return []
        return [
            Part(
                f"round {number}: {kind}",
                partial(block, kind, device, steps, first=number == 1),
                least.get(kind, 10.0) if number == 1 else 5.0,
            )
            for kind in kinds
        ]

    rounds = range(1, (ROUNDS if device == "cuda" else 1) + 1)  # tiny shapes only prove they run
    quick, *rest = [name for name in SMOKES if name != "compile"]
    slow = "pooled, compiled"
    later = [kind for kind in KINDS if kind not in (*FIRST, slow)]
    return [
        Part(RATE, partial(matrix_rate, device)),
        *smokes([quick]),
        *steps_of(FIRST, 1),
        *([Part(PROFILE, partial(profile, device, steps))] if profiled else []),
        *steps_of(later, 1),
        *steps_of(FIRST, 2),
        Part(ERROR, partial(vocabulary_error, device)),
        *smokes(rest),
        Part("smoke: rescoring", partial(rescored, folder, device), 10.0),
        Part("smoke: resume after a kill", partial(resumed, folder, device), 20.0),
        *steps_of([slow], 1),
        *steps_of([*later, slow], 2),
        *smokes(["compile"]),
        *[part for number in rounds[2:] for part in steps_of(KINDS, number)],
    ]


def missing(device: str) -> dict[str, str]:
    """Parts that cannot be had here, and why."""
    if find_spec("sentence_transformers") is None:
        return {
            f"round {number}: {SENTENCES}": "sentence-transformers is not installed" for number in range(1, ROUNDS + 1)
        }
    return {}


def attempted(worker: Worker, part: Part, until: float) -> dict[str, Any]:
    """What came of a part: its result, or in a word why there is none."""
    left = until - time.monotonic()
    if left < part.least:
        return {"skipped": f"{max(0.0, left):.0f} s left"}
    try:
        return worker.call(part.work, left)
    except WorkFailedError as error:
        return {"failed": str(error)}


def collected(parts: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Each kind of step over all its rounds."""
    steps: dict[str, dict[str, Any]] = {}
    rate = parts.get(RATE, {}).get("operations_per_second")
    for kind in KINDS:
        rounds = [parts.get(f"round {number}: {kind}", {}) for number in range(1, ROUNDS + 1)]
        rounds = [one for one in rounds if "seconds" in one]
        if not rounds:
            continue
        seconds = [value for one in rounds for value in one["seconds"]]
        kept = {key: one[key] for one in reversed(rounds) for key in one if key != "seconds"}
        steps[kind] = kept | {
            "rounds": len(rounds),
            "seconds": statistics.median(seconds),
            "mean_seconds": statistics.mean(seconds),
            "least": min(seconds),
            "most": max(seconds),
        }
    for kind, one in steps.items():
        plain = steps.get(OURS[kind][0] if kind in OURS and OURS[kind][2] else kind, {})
        if rate and "operations" in plain:
            one["share"] = plain["operations"] / one["seconds"] / rate
        for name, beside in (("x_bare", BARE), ("x_masked", MASKED), ("x_sentences", SENTENCES)):
            if beside in steps:
                one[name] = one["seconds"] / steps[beside]["seconds"]
    return steps


def goals(steps: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Each goal beside what was found."""
    found = []
    for kind, key, beside, goal in GOALS:
        value = steps.get(kind, {}).get(key)
        if beside is not None and value is not None:
            other = steps.get(beside, {}).get(key)
            value = None if other is None else value / other
        at_least = key == "share"
        met = None if value is None else (value >= goal if at_least else value <= goal)
        name = f"{kind}: {NAMES[key]}" + ("" if beside is None else f" / {beside}'s")
        found.append({"name": name, "goal": goal, "at_least": at_least, "found": value, "met": met})
    return found


def told(name: str, found: dict[str, Any]) -> str:
    """A line on a part."""
    for why in ("failed", "skipped"):
        if why in found:
            return f"{name:44} {why.upper()}: {found[why]}"
    if "operations_per_second" in found:
        return f"{name:44} {found['operations_per_second'] / 1e12:.2f} T operations/s in bfloat16"
    if name == ERROR:
        errors = [f"{form} {found[form]['loss']:.1e}" for form in ("masked", "pooled", "mixture")]
        return f"{name:44} of the loss: {', '.join(errors)}"
    if name == PROFILE:
        return f"{name:44} {found['total_ms']:.1f} ms"
    seconds = found["seconds"]
    if isinstance(seconds, list):
        return f"{name:44} {statistics.median(seconds):.4f} s a step"
    return f"{name:44} ok, {seconds:.1f} s, {found['precision']} on {found['device']}"


def table(outcome: dict[str, Any]) -> str:
    """All that was found on steps, the goals, the errors, and what is missing."""
    lines = [
        f"{'step':24}{'s':>9}{'x bare':>8}{'x MLM':>8}{'x s-t':>8}{'GiB':>8}{'share':>8}{'syncs':>7}{'dropouts':>10}"
    ]

    def cell(one: dict[str, Any], key: str, form: str, scale: float = 1.0) -> str:
        value = one.get(key)
        return "-" if value is None else format(value / scale, form)

    for kind, one in outcome["steps"].items():
        lines.append(
            f"{kind:24}{one['seconds']:9.4f}{cell(one, 'x_bare', '.2f'):>8}"
            f"{cell(one, 'x_masked', '.2f'):>8}{cell(one, 'x_sentences', '.2f'):>8}"
            f"{cell(one, 'peak_memory_bytes', '.1f', GIB):>8}{cell(one, 'share', '.0%'):>8}"
            f"{cell(one, 'synchronisations', '.0f'):>7}"
            f"{one['dropouts_active']:>6} of {one['dropouts']}"
        )
    for one in outcome["goals"]:
        limit = f"{'at least' if one['at_least'] else 'at most'} {one['goal']:g}"
        verdict = {None: "not measured", True: "met", False: "missed"}[one["met"]]
        value = "-" if one["found"] is None else f"{one['found']:.2f}"
        lines.append(f"{one['name']:56}{value:>6}, goal {limit}: {verdict}")
    for name, one in outcome["steps"].items():
        for place, number in one.get("synchronising", {}).items():
            lines.append(f"the host waits, {name}: {number} x {place}")
    error = outcome["parts"].get(ERROR, {})
    for form in ("masked", "pooled", "mixture"):
        if form in error:
            values = ", ".join(f"{name} {value:.1e}" for name, value in error[form].items())
            lines.append(f"relative error in bfloat16, {form}: {values}")
    if "kernels" in outcome["parts"].get(PROFILE, {}):
        found = outcome["parts"][PROFILE]
        lines.append(f"one pooled step, {found['total_ms']:.2f} ms in all:")
        lines += [f"{one['ms']:10.3f} ms{one['calls']:7} x  {one['name'][:110]}" for one in found["kernels"]]
        lines.append(found["operators"])
    lines += [f"not measured: {one}" for one in outcome["not_measured"]]
    return "\n".join(lines)


def not_measured(parts: dict[str, dict[str, Any]], *, gpu: bool) -> list[str]:
    """What is missing, and why."""
    found = []
    if not gpu:
        found.append(
            "anything on a GPU: there is none here, or it was not asked for; seconds are of tiny "
            "shapes on a CPU, peak memory and host synchronisations are unknown"
        )
    for name, one in parts.items():
        found += [f"{name}: {one[why]}" for why in ("failed", "skipped") if why in one]
    return found


def check(parts: Sequence[Part], output: Path, device: str, minutes: float) -> dict[str, Any]:
    """Do all parts one after another, and write down what came of them behind each."""
    until = time.monotonic() + 60 * minutes
    absent = missing(device)
    found: dict[str, dict[str, Any]] = {}
    worker = Worker()
    outcome: dict[str, Any] = {}
    try:
        for part in parts:
            if part.name in absent:
                found[part.name] = {"skipped": absent[part.name]}
            else:
                found[part.name] = attempted(worker, part, until)
            print(told(part.name, found[part.name]), flush=True)
            steps = collected(found)
            outcome = {
                **measured_with(),
                "measured_on_a_gpu": device == "cuda",
                "shape": asdict(shape_for(device)),
                "steps": steps,
                "goals": goals(steps if device == "cuda" else {}),
                "parts": found,
                "not_measured": not_measured(found, gpu=device == "cuda"),
            }
            write_json(output, outcome)
    finally:
        worker.close()
    return outcome


def main() -> None:
    """Check, write and show."""
    since = time.monotonic()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5, help="for all of it")
    parser.add_argument("--profile", action="store_true", help="the kernels of a pooled step")
    parser.add_argument("--only", nargs="+", metavar="PATTERN", help="parts of such names")
    parser.add_argument("--steps", type=int, default=6, help="timed ones of a round")
    parser.add_argument("--device", choices=("auto", "cuda", "cpu"), default="auto")
    parser.add_argument("--output", type=Path, default=None)
    arguments = parser.parse_args()
    gpu = torch.cuda.is_available() and arguments.device != "cpu"
    device = "cuda" if gpu else "cpu"
    output = arguments.output or RESULTS / f"gpu_{'check' if gpu else 'not_measured'}.json"
    with tempfile.TemporaryDirectory() as folder:
        parts = all_parts(device, arguments.steps, Path(folder), profiled=arguments.profile)
        if arguments.only:
            parts = [one for one in parts if any(re.search(word, one.name) for word in arguments.only)]
        minutes = arguments.minutes - (time.monotonic() - since) / 60
        outcome = check(parts, output, device, minutes)
    print(f"\n{table(outcome)}\n\nwritten to {output}")


if __name__ == "__main__":
    main()
