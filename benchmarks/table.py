"""Writes the tables of ``docs/speed.md`` from the committed results; no number is typed by hand.

    python benchmarks/table.py [--check]

Each table stands between two comments that name it. A result that is not there is said to be not
measured. With ``--check`` nothing is written, and it fails where the page differs.
"""

import argparse
import json
import re
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "speed.md"
RESULTS = ROOT / "benchmarks" / "results"
GIB = 2**30
WIDTH = 120  # of the page's lines
Outcome = dict[str, Any]


def rows(header: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A table of Markdown, numbers to the right."""
    line = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, line, *body))


def spread(found: dict[str, float], digits: int = 2) -> str:
    """The median, and the least and most in brackets."""
    numbers = (found[key] for key in ("median", "least", "most"))
    median, least, most = (f"{number:.{digits}f}" for number in numbers)
    return f"{median} ({least}-{most})"


def origin(outcome: Outcome) -> str:
    """Machine, versions and commit in a sentence."""
    machine, versions = outcome["machine"], outcome["versions"]
    where = machine.get("gpu") or machine["processor"]
    commit = (outcome["commit"] or "unknown")[:8]
    command = f"`{outcome['command']}`" if "command" in outcome else "Measured"
    load = machine.get("load_average", "unknown")
    said = (
        f"{command} on {where}, {machine['cores']} cores, {machine['threads']} "
        f"threads, load {load}; torch {versions['torch']}, transformers "
        f"{versions['transformers']}; commit {commit}."
    )
    return wrapped(said)


def wrapped(text: str) -> str:
    """Lines no longer than the page's."""
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def step_cost(outcome: Outcome) -> str:
    """Seconds of every step, then the goals."""
    shape, parts = outcome["shape"], []
    for one in outcome["measured"]:
        body = [
            [name, spread(seconds), spread(one["beside_bare_encoder"][name])]
            for name, seconds in one["seconds"].items()
        ]
        parts.append(rows([f"{one['precision']}, {one['rounds']} rounds", "s", "x bare"], body))
    body = [
        [
            f"{goal['step']} / {goal['beside']}, {one['precision']}",
            spread(goal["ratio"]),
            f"{goal['goal']:g}",
            "met" if goal["met"] else f"missed by {goal['ratio']['median'] / goal['goal'] - 1:.0%}",
        ]
        for one in outcome["measured"]
        for goal in one["goals"]
    ]
    parts.append(rows(["ratio", "measured", "goal, at most", ""], body))
    size = (
        f"{shape['layers']} layers, width {shape['width']}, {shape['vocabulary']:,} words, "
        f"{shape['tokens']:,} tokens; peak memory {outcome['peak_memory_bytes'] / GIB:.1f} GiB."
    )
    return "\n\n".join([*parts, size, origin(outcome)])


def cost_model(outcome: Outcome) -> str:
    """Predicted ratios beside measured ones, and what the model says of the paper's shape."""
    body = []
    for one in outcome["compared"]:
        shape = one["shape"]
        size = f"{shape['layers']} x {shape['width']}, {shape['vocabulary']:,} words"
        size += f", {shape['pairs']} x {shape['length']}"
        for name, row in one["steps"].items():
            if name != "bare encoder":
                exact = "equal" if row["operations"] == row["operations_predicted"] else "differ"
                numbers = [f"{row[key]:.2f}" for key in ("ratio", "ratio_predicted")]
                body.append([f"{size}: {name}", exact, *numbers, f"{row['error']:+.0%}"])
    compared = rows(["step", "operations", "x bare", "predicted", "error"], body)
    kept = sum(one["kept_bytes"] == one["kept_bytes_predicted"] for one in outcome["compared"])
    errors = (
        f"Error of the predicted ratios: median {outcome['median_error']:.0%}, largest "
        f"{outcome['largest_error']:.0%}. What autograd keeps of the encoder equals the model in "
        f"{kept} of {len(outcome['compared'])} shapes."
    )
    return "\n\n".join([compared, wrapped(errors), paper(outcome["on_paper"]["paper"]), origin(outcome)])


def paper(figures: Outcome) -> str:
    """The model's figures for the paper's shape."""
    body = []
    for form in ("pooled", "mixture"):
        operations, memory = figures[form]["operations"], figures[form]["memory_bytes"]
        total = sum(operations.values())
        share = operations["encoder"] / total
        body.append([form, f"{total / 1e12:.1f}", f"{share:.0%}", f"{memory / GIB:.1f}"])
    table = rows(["paper's shape, by the model", "T operations", "encoder's share", "GiB"], body)
    sent = [
        [
            ranks,
            f"{bytes_['gradients'] / GIB:.2f}",
            f"{bytes_['gathered sentence vectors'] / GIB:.4f}",
        ]
        for ranks, bytes_ in figures["sent_bytes"].items()
    ]
    return table + "\n\n" + rows(["ranks", "gradients, GiB sent", "sentence vectors, GiB"], sent)


def gpu_check(outcome: Outcome) -> str:
    """Steps at the paper's shape, the goals, the error in bfloat16."""
    header = ["bfloat16", "s", "x bare", "x masked LM", "GiB", "of the matrix rate", "syncs"]
    forms = {"x_bare": ".2f", "x_masked": ".2f", "share": ".0%", "synchronisations": ".0f"}
    body = []
    for kind, one in outcome["steps"].items():
        cells = {key: format(one[key], form) for key, form in forms.items() if key in one}
        memory = one["peak_memory_bytes"]
        cells["GiB"] = "" if memory is None else f"{memory / GIB:.1f}"
        keys = ("x_bare", "x_masked", "GiB", "share", "synchronisations")
        body.append([kind, f"{one['seconds']:.4f}", *(cells.get(key, "") for key in keys)])
    reached = [
        [
            goal["name"],
            "not measured" if goal["found"] is None else f"{goal['found']:.2f}",
            f"at {'least' if goal['at_least'] else 'most'} {goal['goal']:g}",
            {None: "", True: "met", False: "missed"}[goal["met"]],
        ]
        for goal in outcome["goals"]
    ]
    goals = rows(["goal", "measured", "limit", ""], reached)
    missing = "\n".join(f"* Not measured: {one}" for one in outcome["not_measured"])
    return "\n\n".join(filter(None, [rows(header, body), goals, missing, origin(outcome)]))


def vocabulary_head(outcome: Outcome) -> str:
    """Memory and seconds of the word losses beside the dense equations."""
    body = []
    for name, one in outcome["measured"].items():
        numbers = [f"{one['bytes'] / 2**20:.0f}", f"{one['seconds']:.2f}"]
        ratios = ["", ""]
        if "against" in one:
            keys = ("bytes_ratio", "seconds_ratio")
            ratios = [f"{one[key]:.2f} of {one['against']}" for key in keys]
        body.append([name, *numbers, *ratios])
    shape = outcome["shape"]
    size = ", ".join(f"{value:,} {key}" for key, value in shape.items())
    header = ["word losses", "MiB", "s", "memory", "time"]
    return "\n\n".join([rows(header, body), f"Shape: {size}.", origin(outcome)])


def loader(outcome: Outcome) -> str:
    """Pairs a second that the loader gives."""
    body = []
    for one in outcome["read"]:
        for rate in one["rates"]:
            name = f"{one['pairs_in_table']:,} pairs, mask rate {rate['mask_rate']:g}"
            keys = ("pairs_per_second", "pairs_per_processor_second")
            body.append([name, *(f"{rate[key]:,}" for key in keys)])
    goal = f"Goal: {outcome['goal_pairs_per_second']:,} pairs a second on one core."
    header = ["read from the cache", "pairs/s", "pairs/s of the processor"]
    return "\n\n".join([rows(header, body), goal, origin(outcome)])


def finetuning(outcome: Outcome) -> str:
    """Examples a second of fine-tuning and scoring beside Trainer's."""
    body = []
    for name, ratios in outcome["ratios"].items():
        body += [[name, f"{against.removeprefix('against_')}", f"{ratio:.2f}"]
                 for against, ratio in ratios.items()]  # fmt: skip
    goal = f"Goal: {outcome['goal']:g} times the examples/s of Trainer with its defaults."
    table = rows(["stage and precision", "beside", "times the examples/s"], body)
    return "\n\n".join([table, goal, origin(outcome)])


def pruned_vocabulary(outcome: Outcome) -> str:
    """Seconds and memory of a step with all rows of the embeddings and with those that text uses."""
    body = []
    for one in outcome["measured"]:
        whole, pruned = one["whole"], one["pruned"]
        memory = [f"{size['peak_memory_bytes'] / GIB:.1f}" for size in (whole, pruned)]
        body.append(
            [one["step"], *(spread(size["seconds"]) for size in (whole, pruned)), f"{one['saved']:.0%}", *memory]
        )
    first, shape = outcome["measured"][0], outcome["shape"]
    header = [
        "step",
        *(f"{first[size]['rows']:,} rows, s of the processor" for size in ("whole", "pruned")),
        "saved",
        "GiB",
        "GiB, pruned",
    ]
    size = f"{shape['layers']} layers, width {shape['width']}, {shape['pairs']} pairs or examples of {shape['length']}"
    return "\n\n".join([rows(header, body), f"{size} positions at most.", origin(outcome)])


def attention(outcome: Outcome) -> str:
    """Attention written out and the fused one, forward and backward."""
    body = []
    for one in outcome["measured"]:
        name = f"{one['dtype']}, {one['heads']} heads, width {one['width']}, length {one['length']}"
        name += f", dropout {one['dropout']:g}"
        numbers = [f"{one[key]:.2f}" for key in ("eager_ms", "sdpa_ms", "sdpa_over_eager")]
        body.append([name, *numbers])
    header = ["attention", "written out, ms", "fused, ms", "fused / written out"]
    return "\n\n".join([rows(header, body), origin(outcome)])


def adapters(outcome: Outcome) -> str:
    """Updates with an adapter beside those of all weights."""
    whole = outcome["measured"]["all weights"]
    body = []
    for name, one in outcome["measured"].items():
        share = one["trained"] / one["parameters"]
        cells = [f"{one['trained']:,} ({share:.1%})", spread(one["seconds"], 3)]
        cells.append(f"{one['seconds']['median'] / whole['seconds']['median']:.2f}")
        cells += [f"{one[key] / 2**20:.0f}" for key in ("memory_bytes", "checkpoint_bytes")]
        body.append([name, *cells])
    header = ["what learns", "parameters", "s an update", "x all weights", "peak MiB", "checkpoint, MiB"]
    shape = outcome["shape"]
    size = (
        f"{shape['layers']} layers, width {shape['width']}, {shape['vocabulary']:,} words, {shape['tokens']:,} tokens."
    )
    return "\n\n".join([rows(header, body), size, origin(outcome)])


TABLES: dict[str, Callable[[Outcome], str]] = {
    "step_cost": step_cost,
    "cost_model": cost_model,
    "gpu_check": gpu_check,
    "vocabulary_head": vocabulary_head,
    "input": loader,
    "finetuning": finetuning,
    "pruned_vocabulary": pruned_vocabulary,
    "attention": attention,
    "adapters": adapters,
}


def table(name: str, results: Path) -> str:
    """One table, or that there is none."""
    path = results / f"{name}.json"
    if not path.is_file():
        return f"Not measured yet: `python benchmarks/{name}.py` measures it."
    return TABLES[name](json.loads(path.read_text(encoding="utf-8")))


def page(text: str, results: Path) -> str:
    """The page with its tables made anew."""

    def made(match: re.Match[str]) -> str:
        return f"{match[1]}\n{table(match[2], results)}\n{match[3]}"

    return re.sub(r"(<!-- table (\w+) -->).*?(<!-- end -->)", made, text, flags=re.DOTALL)


def main() -> None:
    """Write the page, or compare it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail if it differs")
    check = parser.parse_args().check
    before = PAGE.read_text(encoding="utf-8")
    after = page(before, RESULTS)
    if check and before != after:
        sys.exit(f"{PAGE} is not what the results give; run python benchmarks/table.py")
    if not check:
        PAGE.write_text(after, encoding="utf-8")


if __name__ == "__main__":
    main()
