"""What a step of the method costs beside the bare encoder's and beside what people use instead.

    python benchmarks/step_cost.py [--quick]

One encoder of XLM-R base's shape with random weights serves every step: the bare encoder's forward
and backward, a masked-language-model step of Hugging Face's Trainer, a step of
sentence-transformers with MultipleNegativesRankingLoss, and this project's whole step in four
variants. All see the same batches in one run and take turns, in another order each round. Optimizer
steps are left out of all. Malloc keeps freed memory for all of them, which only this project sees
to by itself. Writes ``benchmarks/results/step_cost.json``: seconds, ratios within a round, spreads.
"""

import argparse
import gc
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import checkout  # noqa: F401
from accelerate.state import AcceleratorState, GradientState
from contestants import Step, bare_encoder, hugging_face, ours, sentence_transformers
from machine import RESULTS, measured_with, median_and_spread, write_json
from shapes import (
    SENTENCES_ALONE,
    TINY,
    WHOLE,
    XLMR_BASE,
    Shape,
    assembled,
    made_up_batches,
    made_up_text,
    made_up_tokenizer,
    random_model,
)
from transformers import PreTrainedModel

from mlalign.data.parallel import ParallelBatch
from mlalign.device import choose_attention, keep_freed_memory, peak_memory_bytes

POOLED = "losses.word_distribution.prediction=pooled"
VARIANTS: dict[str, list[str]] = {
    "mixture": [WHOLE],
    "pooled": [WHOLE, POOLED],
    "pooled, active vocabulary": [WHOLE, POOLED, "align.vocabulary=seen"],
    "inter_sentence alone": SENTENCES_ALONE,
}
GOALS = [  # this step, beside that one, costs at most so many times as much
    ("pooled", "bare encoder", 1.7),
    ("pooled, active vocabulary", "bare encoder", 1.35),
    ("pooled", "Hugging Face masked words", 0.4),
    ("pooled", "sentence-transformers", 1.8),
    ("inter_sentence alone", "sentence-transformers", 0.95),
]


def contestants(
    shape: Shape, model: PreTrainedModel, precision: str, folder: Path, batches: int
) -> tuple[dict[str, Step], list[ParallelBatch]]:
    """All steps by name, ready, and the batches that all of them see."""
    tokenizer, text = made_up_tokenizer(shape.vocabulary), made_up_text(shape, batches + 1)
    modules, made = {}, []
    for name, overrides in VARIANTS.items():
        modules[name], data = assembled(shape, overrides, model, tokenizer, text)
        made = made or made_up_batches(data, batches)
    small = replace(TINY, vocabulary=shape.vocabulary, width=2)
    random_model(small).base_model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    steps = {"bare encoder": bare_encoder(model, precision)}
    for name, module in modules.items():
        steps[name] = ours(module, precision, folder, made[0])
    steps["sentence-transformers"] = sentence_transformers(model, precision, folder)
    steps["Hugging Face masked words"] = hugging_face(model, precision, folder)
    model.requires_grad_(True)
    return steps, made


def seconds_of(step: Step, model: PreTrainedModel, batch: ParallelBatch) -> float:
    """One step from no gradients to gradients."""
    model.train()
    gc.collect()
    since = time.perf_counter()
    step(batch)
    seconds = time.perf_counter() - since
    assert model.get_input_embeddings().weight.grad is not None
    model.zero_grad(set_to_none=True)
    return seconds


def rounds(
    steps: Mapping[str, Step],
    model: PreTrainedModel,
    batches: Sequence[ParallelBatch],
    until: float,
) -> list[dict[str, float]]:
    """Seconds of every step, a round per batch; the first warms up and is left out."""
    names, found = list(steps), []
    for number, batch in enumerate(batches):
        since = time.perf_counter()
        order = names[number % len(names) :] + names[: number % len(names)]
        found.append({name: seconds_of(steps[name], model, batch) for name in order})
        lasted = time.perf_counter() - since
        print(f"round {number}: {lasted:.0f} s", flush=True)
        if len(found) > 2 and time.perf_counter() + lasted > until:
            break
    return found[1:]


def goals(found: Sequence[Mapping[str, float]]) -> list[dict[str, Any]]:
    """Each goal beside the ratio of the two steps of a round."""
    reached = []
    for step, beside, most in GOALS:
        if step in found[0]:
            ratio = median_and_spread([one[step] / one[beside] for one in found])
            met = ratio["median"] <= most
            reached.append({"step": step, "beside": beside, "ratio": ratio, "goal": most, "met": met})
    return reached


def measure(shape: Shape, precision: str, repeats: int, budget: float) -> dict[str, Any]:
    """All steps in one precision."""
    until = time.perf_counter() + budget
    AcceleratorState._reset_state(reset_partial_state=True)  # it holds one precision a process
    GradientState._reset_state()
    model = random_model(shape, attention=choose_attention("auto", gpu=False))
    with tempfile.TemporaryDirectory() as folder:
        steps, batches = contestants(shape, model, precision, Path(folder), repeats + 1)
        found = rounds(steps, model, batches, until)
    seconds = {name: median_and_spread([one[name] for one in found]) for name in steps}
    return {
        "precision": precision,
        "rounds": len(found),
        "seconds": seconds,
        "beside_bare_encoder": {
            name: median_and_spread([one[name] / one["bare encoder"] for one in found]) for name in steps
        },
        "goals": goals(found),
    }


def told(one: Mapping[str, Any]) -> None:
    """Seconds and goals of a precision."""
    print(one["precision"])
    for name, seconds in one["seconds"].items():
        beside = one["beside_bare_encoder"][name]["median"]
        print(f"  {name:28}{seconds['median']:8.2f} s  {beside:6.2f}")
    for goal in one["goals"]:
        verdict = "met" if goal["met"] else "missed"
        ratio = f"{goal['ratio']['median']:.2f}, goal {goal['goal']} {verdict}"
        print(f"  {goal['step']} / {goal['beside']}: {ratio}")


def main() -> None:
    """Measure in both precisions and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layers", type=int, default=XLMR_BASE.layers)
    parser.add_argument("--repeats", type=int, default=5, help="rounds behind the first")
    parser.add_argument("--budget", type=float, default=450, help="seconds, of both precisions")
    parser.add_argument("--precisions", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--quick", action="store_true", help="a tiny encoder, to see it work")
    parser.add_argument("--results", type=Path, default=RESULTS / "step_cost.json")
    arguments = parser.parse_args()
    shape = TINY if arguments.quick else replace(XLMR_BASE, layers=arguments.layers)
    keep_freed_memory()
    since = time.perf_counter()
    share = {"float32": 0.7, "bfloat16": 0.3} if len(arguments.precisions) > 1 else {}
    measured = [
        measure(shape, one, arguments.repeats, arguments.budget * share.get(one, 1.0)) for one in arguments.precisions
    ]
    outcome = {
        **measured_with(),
        "quick": arguments.quick,
        "shape": asdict(shape) | {"tokens": shape.tokens},
        "measured": measured,
        "seconds": round(time.perf_counter() - since, 1),
        "peak_memory_bytes": peak_memory_bytes(),
    }
    write_json(arguments.results, outcome)
    for one in measured:
        told(one)


if __name__ == "__main__":
    main()
