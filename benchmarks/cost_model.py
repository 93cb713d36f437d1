"""The cost model against measurements: operations exactly, kept bytes exactly, ratios of seconds.

    python benchmarks/cost_model.py [--quick]

For several small shapes it counts what torch multiplies in a step and what autograd keeps, and
compares both with ``cost.py``; then it predicts what the steps take beside the bare encoder's, from
this machine's rate of products and speed of memory measured just before, and measures that. Writes
``benchmarks/results/cost_model.json``, with the model's figures for the paper's shape.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import checkout  # noqa: F401
import torch
from contestants import Step, bare_encoder, joined, ours
from cost import (
    Method,
    encoder_operations,
    kept_bytes,
    masked_model_operations,
    memory_bytes,
    moved_bytes,
    parameters,
    seconds,
    sent_bytes,
    step_operations,
)
from machine import RESULTS, measured_with, write_json
from shapes import (
    OVERHEAD,
    PAPER,
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
from torch.utils.flop_counter import FlopCounterMode

from mlalign.data.parallel import ParallelBatch
from mlalign.device import keep_freed_memory

POOLED = "losses.word_distribution.prediction=pooled"
METHODS = {"inter_sentence": SENTENCES_ALONE, "mlm": ["method=mlm"], "pooled": [WHOLE, POOLED],
           "mixture": [WHOLE]}  # fmt: skip
MASK_RATE = 0.15
SHAPES = [
    Shape(layers=2, width=128, heads=4, vocabulary=12_000, pairs=16, length=32),
    Shape(layers=4, width=256, heads=4, vocabulary=12_000, pairs=16, length=32),
    Shape(layers=4, width=256, heads=4, vocabulary=60_000, pairs=16, length=32),
    Shape(layers=4, width=256, heads=4, vocabulary=12_000, pairs=8, length=128),
    Shape(layers=2, width=512, heads=8, vocabulary=30_000, pairs=32, length=16),
]
QUICK = [TINY, TINY.batch(pairs=6, length=24)]
DENSE_GRADIENTS = {"inter_sentence": 2, "mlm": 3, "pooled": 3, "mixture": 3, "masked model": 2}
LANGUAGE_TOKENS = 3  # en, de, unk: rows of the matrix that transformers' head scores too
SENT_BY = (2, 8)  # ranks


def method_of(name: str, shape: Shape) -> Method:
    """What a step of this name computes on batches of full length."""
    each = max(1, round(MASK_RATE * (shape.length - OVERHEAD)))
    masked = 0 if name == "inter_sentence" else 2 * shape.pairs * each
    words = shape.words if name in ("pooled", "mixture") else 0
    levels = name in ("pooled", "mixture")
    sentences = 2 if levels else int(name == "inter_sentence")
    return Method(masked, words, name == "pooled", sentences, levels)


def masked_model(model: Any) -> Step:
    """Transformers' masked-language model as it comes."""

    def step(batch: ParallelBatch) -> None:
        model(**joined(batch)).loss.backward()

    return step


def counter() -> FlopCounterMode:
    """Torch's counter, which by itself leaves a product in place out."""

    def in_place(_: Any, one: Any, two: Any, **__: Any) -> int:
        return 2 * one[0] * one[1] * two[1]

    mapping = {torch.ops.aten.addmm_: in_place}
    return FlopCounterMode(display=False, custom_mapping=mapping)


def counted(step: Step, batch: ParallelBatch) -> int:
    """Operations of a step."""
    with counter() as counts:
        step(batch)
    return counts.get_total_flops()


def counted_kept_bytes(model: Any, batch: ParallelBatch) -> int:
    """What autograd keeps of the encoder's forward, weights not counted."""
    inputs = joined(batch)
    del inputs["labels"]
    kept: dict[int, torch.Tensor] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        return kept.setdefault(tensor.untyped_storage().data_ptr(), tensor)

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model.base_model(**inputs)
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    inputs_and_weights = weights | {one.untyped_storage().data_ptr() for one in inputs.values()}
    return sum(tensor.untyped_storage().nbytes() for place, tensor in kept.items() if place not in inputs_and_weights)


def steps_of(shape: Shape, folder: Path, batches: int) -> tuple[Any, dict[str, Step], list[Any]]:
    """A model, all steps on it and the batches they see."""
    model, tokenizer = random_model(shape), made_up_tokenizer(shape.vocabulary)
    text = made_up_text(shape, batches + 1)
    modules, made = {}, []
    for name in reversed(METHODS):  # the whole method first: its batches have language tokens
        modules[name], data = assembled(shape, METHODS[name], model, tokenizer, text)
        made = made or made_up_batches(data, batches)
    steps = {"bare encoder": bare_encoder(model, "float32"), "masked model": masked_model(model)}
    steps |= {name: ours(module, "float32", folder, made[0]) for name, module in modules.items()}
    model.requires_grad_(True)
    return model, steps, made


def rates(shape: Shape) -> tuple[float, float]:
    """Operations a second of the encoder's largest product, bytes a second of an addition."""
    one = torch.randn(shape.tokens, shape.width)
    two, large = torch.randn(shape.width, 4 * shape.width), torch.randn(2**24)
    product = _best(lambda: one @ two)
    addition = _best(lambda: large.add_(1.0))
    operations = 2 * shape.tokens * shape.width * 4 * shape.width
    return operations / product, 2 * large.nbytes / addition


def _best(work: Callable[[], Any], times: int = 10) -> float:
    found = []
    for _ in range(times):
        since = time.perf_counter()
        work()
        found.append(time.perf_counter() - since)
    return min(found)


def predicted_operations(name: str, shape: Shape) -> int:
    """By the model."""
    if name == "bare encoder":
        return encoder_operations(shape)
    if name == "masked model":
        return masked_model_operations(replace(shape, vocabulary=shape.vocabulary + LANGUAGE_TOKENS))
    return sum(step_operations(shape, method_of(name, shape)).values())


def predicted_seconds(name: str, shape: Shape, rate: float, bandwidth: float) -> float:
    """By the model, from the machine's two speeds."""
    method = Method(masked=shape.tokens) if name == "masked model" else Method()
    if name not in ("bare encoder", "masked model"):
        method = method_of(name, shape)
    moved = moved_bytes(shape, method, dense_gradients=DENSE_GRADIENTS.get(name, 1))
    return seconds(predicted_operations(name, shape), moved, rate=rate, bandwidth=bandwidth)


def compare(shape: Shape, repeats: int) -> dict[str, Any]:
    """All of it for one shape."""
    with tempfile.TemporaryDirectory() as folder:
        model, steps, batches = steps_of(shape, Path(folder), repeats + 1)
        clocked: dict[str, list[float]] = {name: [] for name in steps}
        operations = {name: counted(step, batches[0]) for name, step in steps.items()}
        for batch in batches[1:]:
            for name, step in steps.items():
                model.zero_grad(set_to_none=True)
                model.train()
                since = time.perf_counter()
                step(batch)
                clocked[name].append(time.perf_counter() - since)
        kept = counted_kept_bytes(model, batches[0])
    rate, bandwidth = rates(shape)
    bare = predicted_seconds("bare encoder", shape, rate, bandwidth)
    rows = {}
    for name in steps:
        ratios = [one / two for one, two in zip(clocked[name], clocked["bare encoder"], strict=True)]
        predicted, measured = (
            predicted_seconds(name, shape, rate, bandwidth) / bare,
            statistics.median(ratios),
        )
        rows[name] = {
            "operations": operations[name],
            "operations_predicted": predicted_operations(name, shape),
            "seconds": statistics.median(clocked[name]),
            "ratio": measured,
            "ratio_predicted": predicted,
            "error": predicted / measured - 1,
        }
    return {
        "shape": asdict(shape),
        "rate": rate,
        "bandwidth": bandwidth,
        "kept_bytes": kept,
        "kept_bytes_predicted": kept_bytes(shape),
        "steps": rows,
    }


def on_paper(shape: Shape) -> dict[str, Any]:
    """The model's figures where nothing was measured."""
    figures: dict[str, Any] = {"shape": asdict(shape), "parameters": parameters(shape)}
    for name in ("pooled", "mixture"):
        method = method_of(name, shape)
        figures[name] = {
            "operations": step_operations(shape, method, fused=True),
            "memory_bytes": memory_bytes(shape, method, bfloat16=True, fused=True),
        }
    return figures | {"sent_bytes": {ranks: sent_bytes(shape, ranks) for ranks in SENT_BY}}


def main() -> None:
    """Compare and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="tiny encoders, to see it work")
    parser.add_argument("--results", type=Path, default=RESULTS / "cost_model.json")
    arguments = parser.parse_args()
    keep_freed_memory()
    shapes = QUICK if arguments.quick else SHAPES
    compared = [compare(shape, arguments.repeats) for shape in shapes]
    errors = [abs(row["error"]) for one in compared for row in one["steps"].values()]
    outcome = {
        **measured_with(),
        "quick": arguments.quick,
        "compared": compared,
        "median_error": statistics.median(errors),
        "largest_error": max(errors),
        "on_paper": {"step_cost": on_paper(XLMR_BASE), "paper": on_paper(PAPER)},
    }
    write_json(arguments.results, outcome)
    for one in compared:
        print(one["shape"], f"kept {one['kept_bytes']:,} predicted {one['kept_bytes_predicted']:,}")
        for name, row in one["steps"].items():
            print(
                f"  {name:16}{row['operations']:16,}{row['operations_predicted']:16,}"
                f"{row['ratio']:8.2f}{row['ratio_predicted']:8.2f}{row['error']:+8.0%}"
            )
    print(f"error of the ratios: median {outcome['median_error']:.0%}, "
          f"largest {outcome['largest_error']:.0%}")  # fmt: skip


if __name__ == "__main__":
    main()
