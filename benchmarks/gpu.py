"""The step at the paper's shape on a GPU: seconds, matrix rate, memory, recompilations.

    python benchmarks/gpu.py [--device cpu]

96 pairs of 128 positions through an encoder of XLM-R base's shape with random weights, in bfloat16,
optimizer steps (Adam) included, with both forms of the word distribution: as they are, compiled,
and with activations computed again. Operations are counted by torch in the first step and by the
cost model. Without a GPU, or with ``--device cpu``, tiny shapes run through the same lines, and
the file says that nothing was measured on a GPU. Writes ``benchmarks/results/gpu.json``, or
``gpu_not_measured.json`` where there was no GPU.
"""

import argparse
import gc
import statistics
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import lightning as L
import torch
from contestants import LIGHTNING
from cost import memory_bytes, step_operations
from cost_model import counter, method_of
from machine import RESULTS, measured_with, write_json
from shapes import (
    PAPER,
    TINY,
    Batches,
    Shape,
    assembled,
    made_up_batches,
    made_up_text,
    made_up_tokenizer,
    random_model,
)
from torch._dynamo.utils import counters

from mlalign.models.learning import set_up_learning
from mlalign.pipeline import make_trainer

GIB = 2**30
GOALS = {"share of the matrix rate": 0.4, "pooled GiB": 24, "mixture GiB": 40}
FORMS = ("pooled", "mixture")
WAYS = {
    "plain": {},
    "compiled": {"compiled": True},
    "checkpointing": {"gradient_checkpointing": True},
}
WARM = 4  # steps before the timed ones: kernels are chosen, graphs compiled


class Watch(L.Callback):
    """Operations of the first step, seconds of each, recompilations behind the warm ones."""

    def __init__(self, device: str, *, counts: bool) -> None:
        self.device, self.counts = device, counts
        self.seconds: list[float] = []
        self.graphs: list[int] = []
        self.operations: int | None = None
        self.tensor_memory = 0

    def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, place: int) -> None:
        """Count in the first step, time from here."""
        if place == 0 and self.counts:
            self.counter = counter()
            self.counter.__enter__()
        synchronise(self.device)
        self.since = time.perf_counter()

    def on_train_batch_end(
        self, trainer: Any, module: Any, outputs: Any, batch: Any, place: int
    ) -> None:
        """Note what the step took."""
        synchronise(self.device)
        self.seconds.append(time.perf_counter() - self.since)
        self.graphs.append(counters["stats"]["unique_graphs"])
        if place == 0 and self.counts:
            self.counter.__exit__(None, None, None)
            self.operations = self.counter.get_total_flops()
            if self.device == "cuda":
                torch.cuda.reset_peak_memory_stats()


def synchronise(device: str) -> None:
    """Wait until the device has done all it was told."""
    if device == "cuda":
        torch.cuda.synchronize()


def matrix_rate(device: str, size: int) -> float:
    """Operations a second of a product of square bfloat16 matrices: the best of ten."""
    one, two = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    found = []
    for _ in range(13):
        synchronise(device)
        since = time.perf_counter()
        one @ two
        synchronise(device)
        found.append(time.perf_counter() - since)
    return 2 * size**3 / min(found[3:])


def measure(form: str, way: str, shape: Shape, device: str, steps: int, text: Any) -> dict:
    """One setting, from a fresh encoder."""
    model, tokenizer = random_model(shape), made_up_tokenizer(shape.vocabulary)
    setting = [f"losses.word_distribution.prediction={form}"]
    module, data = assembled(shape, setting, model, tokenizer, text)
    set_up_learning(model, **{"gradient_checkpointing": False, "compiled": False, **WAYS[way]})
    batches = made_up_batches(data, WARM + steps)
    torch._dynamo.reset()
    counters.clear()
    watch = Watch(device, counts=way == "plain")
    with tempfile.TemporaryDirectory() as folder:
        make_trainer(
            folder=Path(folder), accelerator="gpu" if device == "cuda" else "cpu",
            precision=LIGHTNING["bfloat16"], loggers=[], callbacks=[watch], bar=None, options={},
            max_epochs=1, limit_val_batches=0, enable_checkpointing=False,
        ).fit(module, Batches(batches))  # fmt: skip
    optimizer: Any = module.optimizers()
    first = optimizer[0] if isinstance(optimizer, list) else optimizer
    peak = torch.cuda.max_memory_allocated() if device == "cuda" else None
    predicted = step_operations(shape, method_of(form, shape), fused=device == "cuda")
    return {
        "form": form,
        "way": way,
        "seconds": statistics.median(watch.seconds[WARM:]),
        "least": min(watch.seconds[WARM:]),
        "most": max(watch.seconds[WARM:]),
        "first_step_seconds": watch.seconds[0],
        "operations": watch.operations,
        "operations_predicted": sum(predicted.values()),
        "peak_memory_bytes": peak,
        "memory_predicted": sum(
            memory_bytes(shape, method_of(form, shape), bfloat16=True, fused=True).values()
        ),
        "graphs": watch.graphs[-1],
        "recompiled_after_warm_up": watch.graphs[-1] - watch.graphs[WARM - 1],
        "fused_adam": bool(first.optimizer.defaults.get("fused")),
    }


def attempted(work: Callable[[], dict], form: str, way: str) -> dict[str, Any]:
    """A measurement, or what went wrong with it: one setting does not cost the others."""
    try:
        return work()
    except Exception as error:
        traceback.print_exc()
        return {"form": form, "way": way, "failed": f"{type(error).__name__}: {error}"[:500]}
    finally:
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def shares(measured: list[dict[str, Any]], rate: float) -> None:
    """Each setting's share of the matrix rate, over what the plain step computes."""
    for one in measured:
        plain = [two for two in measured if two["form"] == one["form"] and two.get("operations")]
        if "failed" not in one and plain:
            one["share_of_matrix_rate"] = plain[0]["operations"] / one["seconds"] / rate
            one["share_by_the_model"] = one["operations_predicted"] / one["seconds"] / rate


def told(measured: list[dict[str, Any]]) -> None:
    """A line for each setting."""
    for one in measured:
        if "failed" in one:
            print(one["form"], one["way"], "FAILED", one["failed"])
            continue
        peak = one["peak_memory_bytes"]
        print(
            f"{one['form']:8} {one['way']:14} {one['seconds']:.4f} s "
            f"share {one.get('share_of_matrix_rate', 0):.0%} "
            f"peak {'-' if peak is None else f'{peak / GIB:.1f} GiB'} "
            f"recompiled {one['recompiled_after_warm_up']} fused Adam {one['fused_adam']}",
            flush=True,
        )


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("auto", "cuda", "cpu"), default="auto")
    parser.add_argument("--steps", type=int, default=10, help="timed ones")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=None)
    parser.add_argument("--quick", action="store_true", help="as without a GPU, not compiled")
    parser.add_argument("--results", type=Path, default=None)
    arguments = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() and arguments.device != "cpu" else "cpu"
    if arguments.quick or arguments.device == "cpu":
        device = "cpu"
    gpu = device == "cuda"
    shape = PAPER if gpu else TINY
    ways = arguments.ways or (["plain", "checkpointing"] if arguments.quick else list(WAYS))
    name = "gpu.json" if gpu else "gpu_not_measured.json"
    rate = matrix_rate(device, 8192 if gpu else 256)
    print(f"{device}: {rate / 1e12:.2f} T operations a second in bfloat16", flush=True)
    text = made_up_text(shape, WARM + arguments.steps + 1)
    measured: list[dict[str, Any]] = []
    for form in FORMS:
        for way in ways:

            def work(form: str = form, way: str = way) -> dict:
                return measure(form, way, shape, device, arguments.steps, text)

            measured.append(attempted(work, form, way))
            shares(measured, rate)
            told(measured[-1:])
            outcome = {
                **measured_with(),
                "measured_on_a_gpu": gpu,
                "shape": asdict(shape),
                "matrix_rate": rate,
                "goals": GOALS,
                "measured": measured,
            }
            write_json(arguments.results or RESULTS / name, outcome)


if __name__ == "__main__":
    main()
