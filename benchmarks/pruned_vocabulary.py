"""What rows of the embeddings that no text uses cost a step, Adam included.

    python benchmarks/pruned_vocabulary.py [--quick]

A random encoder of multilingual-e5-small's shape, 12 layers of width 384, has 250,002 rows, as XLM-R's vocabulary, or
the 30,000 that a text uses. Batches are the same. Ours are trained as train.py trains them, each in a process of its
own, in turns: the default alignment over the seen vocabulary, contrasts of sentences alone, and tagging of the
generated sample with every weight learned. ``benchmarks/results/pruned_vocabulary.json`` has the seconds of the
processor that a step takes, all threads together, which a busy machine changes less than those of the clock, and the
most memory of the process.
"""

import argparse
import json
import multiprocessing
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import checkout  # noqa: F401
import lightning as L
from machine import RESULTS, measured_with, median_and_spread, write_json
from shapes import (
    OCCURRING,
    TINY,
    XLMR_BASE,
    Batches,
    Shape,
    assembled,
    made_up_batches,
    made_up_text,
    made_up_tokenizer,
    random_model,
)

from mlalign.config.schema import Finetune
from mlalign.data.readers import task_formats
from mlalign.data.sample.write import write_sample
from mlalign.data.sequences import SequenceBuilder
from mlalign.data.task_files import TaskFiles, TaskRelease
from mlalign.device import choose_attention, keep_freed_memory, peak_memory_bytes
from mlalign.finetuning.module import FinetuningModule
from mlalign.models.encoder import Encoder
from mlalign.models.tiny import train_tokenizer
from mlalign.tasks.data import TaskDataModule
from mlalign.tasks.tagging import Tagging
from mlalign.training.trainer import make_trainer

E5_SMALL = replace(XLMR_BASE, width=384, pairs=32)
TAGS = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"]
ALIGNMENTS = {
    "alignment, seen vocabulary": ["losses.word_distribution.prediction=pooled", "align.vocabulary=seen"],
    "alignment, sentences alone": ["method=inter_sentence"],
}
FINETUNING = "fine-tuning"
WARM = 1  # steps in front of those that are timed


class Marks(L.Callback):
    """The processor's time at which each step starts."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_train_batch_start(self, *_: Any) -> None:
        """As a loop of Lightning's calls it."""
        self.times.append(time.process_time())


def alignment(shape: Shape, overrides: list[str], steps: int) -> tuple[L.LightningModule, L.LightningDataModule]:
    """What train.py aligns, on made-up text."""
    model = random_model(shape, attention=choose_attention("auto", gpu=False))
    text = made_up_text(shape, steps + 1)
    module, data = assembled(shape, overrides, model, made_up_tokenizer(shape.vocabulary), text)
    return module, Batches(made_up_batches(data, steps))


def finetuning(shape: Shape, folder: Path) -> tuple[L.LightningModule, L.LightningDataModule]:
    """What train.py learns of tags, on the sample's."""
    write_sample(folder, seed=1, pairs=60, documents=(40, 12, 12), paraphrases=(40, 12, 12), questions=(40, 12, 12))
    files = TaskFiles(TaskRelease(folder / "tasks" / "panx", task_formats()["entities"], TAGS), ["en"])
    texts = [" ".join(one.words) for one in files.read("en", "train").examples]
    tokenizer = train_tokenizer(texts, min(12_000, shape.vocabulary))
    data = TaskDataModule(
        Tagging(TAGS), files, SequenceBuilder(tokenizer, {}, max_length=128), batch_size=shape.pairs, seed=1
    )
    encoder = Encoder(random_model(shape, attention=choose_attention("auto", gpu=False)), pool="mean")
    return FinetuningModule(encoder, Tagging(TAGS), Finetune(seed=1), steps=data.batches), data


def run(name: str, shape: Shape, steps: int) -> dict[str, Any]:
    """The processor's seconds of each step of one kind, and the most memory."""
    keep_freed_memory()
    marks = Marks()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if name == FINETUNING:
            module, data = finetuning(shape, folder / "sample")
        else:
            module, data = alignment(shape, ALIGNMENTS[name], WARM + steps + 1)
        loop = make_trainer(
            folder=folder, accelerator="cpu", precision="32-true", loggers=[], callbacks=[marks], bar=None,
            options={}, max_epochs=1, limit_train_batches=WARM + steps + 1, limit_val_batches=0,
            enable_checkpointing=False,
        )  # fmt: skip
        loop.fit(module, data)
    found = [after - before for before, after in zip(marks.times[WARM:], marks.times[WARM + 1 :], strict=False)]
    return {"seconds": found, "peak_memory_bytes": peak_memory_bytes()}


def measured(name: str, shape: Shape, steps: int, rounds: int) -> dict[str, Any]:
    """Both vocabularies in turns."""
    sizes = {"whole": shape.vocabulary, "pruned": min(OCCURRING, shape.vocabulary // 2)}
    found: dict[str, list[dict[str, Any]]] = {size: [] for size in sizes}
    for _ in range(rounds):
        for size, rows in sizes.items():
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                found[size].append(pool.apply(run, (name, replace(shape, vocabulary=rows), steps)))
    outcome: dict[str, Any] = {
        size: {
            "rows": rows,
            "seconds": median_and_spread([second for one in found[size] for second in one["seconds"]]),
            "peak_memory_bytes": max(one["peak_memory_bytes"] for one in found[size]),
        }
        for size, rows in sizes.items()
    }
    middle = {size: outcome[size]["seconds"]["median"] for size in sizes}
    print(name, json.dumps(outcome), flush=True)
    return {"step": name, **outcome, "saved": round(1 - middle["pruned"] / middle["whole"], 3)}


def main() -> None:
    """Measure all kinds of steps and write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layers", type=int, default=E5_SMALL.layers)
    parser.add_argument("--steps", type=int, default=6, help="that are timed, of each kind in each round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="a tiny encoder, to see it work")
    parser.add_argument("--results", type=Path, default=RESULTS / "pruned_vocabulary.json")
    arguments = parser.parse_args()
    shape = TINY if arguments.quick else replace(E5_SMALL, layers=arguments.layers)
    outcome: dict[str, Any] = {**measured_with(), "shape": asdict(shape), "measured": []}
    for name in (*ALIGNMENTS, FINETUNING):
        outcome["measured"].append(measured(name, shape, arguments.steps, arguments.rounds))
        write_json(arguments.results, outcome)  # what there is, should the next one be stopped


if __name__ == "__main__":
    main()
