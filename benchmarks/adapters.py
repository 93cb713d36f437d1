"""What an alignment with an adapter costs beside one in which all weights learn.

    python benchmarks/adapters.py [--quick]

The same encoder with random weights, the same batches, and whole updates, optimizer included, under
Lightning as ``train.py`` builds them. Each runs in a process of its own, whose highest resident
memory counts above what it held before the encoder was built, one after another. Then the size of a
checkpoint to resume from. Writes ``benchmarks/results/adapters.json``.
"""

import argparse
import tempfile
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import checkout  # noqa: F401
import lightning as L
from machine import RESULTS, measured_with, median_and_spread, write_json
from shapes import TINY, Batches, Shape, assembled, made_up_batches, made_up_text, made_up_tokenizer, random_model
from worker import Worker

from mlalign.device import choose_attention, keep_freed_memory, peak_memory_bytes
from mlalign.training.trainer import make_trainer

SMALL = Shape(layers=6, width=384, heads=6, vocabulary=30_000, pairs=16, length=32)
FORMS = {
    "all weights": [],
    "lora": ["backbone.adapter.form=lora"],
    "bottleneck": ["backbone.adapter.form=bottleneck"],
}
FIRST = 2  # updates that warm up
PATIENCE = 300.0  # seconds


class Clock(L.Callback):
    """Seconds of every update."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_train_batch_start(self, *_: object) -> None:
        """It begins."""
        self.since = time.perf_counter()

    def on_train_batch_end(self, *_: object) -> None:
        """It is over."""
        self.seconds.append(time.perf_counter() - self.since)


def measured(overrides: list[str], shape: Shape, updates: int) -> dict[str, Any]:
    """One contestant, in this process."""
    keep_freed_memory()
    tokenizer, text = made_up_tokenizer(shape.vocabulary), made_up_text(shape, updates + FIRST + 1)
    before = peak_memory_bytes()
    model = random_model(shape, attention=choose_attention("auto", gpu=False))
    module, data = assembled(shape, ["method=inter_sentence", *overrides], model, tokenizer, text)
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        loop = make_trainer(
            folder=Path(folder), accelerator="cpu", precision="32-true", loggers=[], callbacks=[clock],
            bar=None, options={}, max_epochs=1, limit_val_batches=0, enable_checkpointing=False,
        )  # fmt: skip
        loop.fit(module, Batches(made_up_batches(data, updates + FIRST)))
        memory = peak_memory_bytes() - before
        checkpoint = Path(folder) / "last.ckpt"
        loop.save_checkpoint(checkpoint)
        size = checkpoint.stat().st_size
    parameters = list(module.encoder.parameters())
    return {
        "seconds": median_and_spread(clock.seconds[FIRST:]),
        "memory_bytes": memory,
        "checkpoint_bytes": size,
        "parameters": sum(one.numel() for one in parameters),
        "trained": sum(one.numel() for one in parameters if one.requires_grad),
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--updates", type=int, default=15, help="that are timed")
    parser.add_argument("--quick", action="store_true", help="a tiny encoder, to see it work")
    parser.add_argument("--results", type=Path, default=RESULTS / "adapters.json")
    arguments = parser.parse_args()
    shape = TINY if arguments.quick else SMALL
    found = {}
    for name, overrides in FORMS.items():
        worker = Worker()
        found[name] = worker.call(partial(measured, overrides, shape, arguments.updates), PATIENCE)
        worker.close()
    outcome = {**measured_with(), "shape": asdict(shape) | {"tokens": shape.tokens}, "measured": found}
    write_json(arguments.results, outcome)
    for name, one in found.items():
        print(f"{name:12} {one['seconds']['median']:.3f} s  {one['memory_bytes'] / 2**20:.0f} MiB")


if __name__ == "__main__":
    main()
