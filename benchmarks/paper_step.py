"""What one step of the paper's setting costs on this machine: seconds and operations.

    python benchmarks/paper_step.py --data ROOT

Builds a randomly initialised encoder of XLM-R's or mBERT's shape, trains the default method for a
few steps on real pairs and then the bare encoder as in fine-tuning, and writes
``benchmarks/results/paper_step.json``. The tokenizer is trained on the text, so sentences are about
as long in pieces as with the real one. Operations are counted by torch in the first step; the
seconds are those of the steps behind it. Nearly all grow with the pieces of a batch and not with
its square, so a few pairs tell what 96 cost. Prices take the length of a sentence from it (docs/price.md).
"""

import argparse
import json
import statistics
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import checkout  # noqa: F401
import lightning as L
import torch
from hydra import compose, initialize_config_dir
from machine import machine
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    AutoModel,
    BertConfig,
    BertForMaskedLM,
    XLMRobertaConfig,
    XLMRobertaForMaskedLM,
)

from mlalign.alignment.assembly import Assembly
from mlalign.config.hydra import resolve
from mlalign.models.tiny import train_tokenizer
from mlalign.reporting.results import commit, versions
from mlalign.stages.backbone import Backbone
from mlalign.stages.parallel_text import ParallelText
from mlalign.training.trainer import make_trainer

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "paper_step.json"
CONF = str(ROOT / "conf")
BASE: dict[str, Any] = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12}
PIECES = 32_000  # of the tokenizer: as many as the text gives
FINETUNING = (32, 128)  # sequences and pieces of a batch


class Stopwatch(L.Callback):
    """Operations of the first step, seconds and pieces of every one."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.pieces: list[int] = []
        self.operations = 0

    def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, place: int) -> None:
        """Start counting in the first step, timing in all."""
        if not self.seconds:
            self._counter = FlopCounterMode(display=False)
            self._counter.__enter__()
        self._since = time.perf_counter()

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, place: int) -> None:
        """Note what the step took."""
        self.seconds.append(time.perf_counter() - self._since)
        if len(self.seconds) == 1:
            self._counter.__exit__(None, None, None)
            self.operations = self._counter.get_total_flops()
        self.pieces.append(sum(int(side.subwords.attention_mask.sum()) for side in batch.first))


def random_backbone(name: str, texts: list[str], folder: Path) -> None:
    """Save an encoder of the true shape and a tokenizer; vocabulary as large as the real one."""
    train_tokenizer(texts, PIECES).save_pretrained(folder)
    if name == "xlmr":
        shape = {"vocab_size": 250_002, "max_position_embeddings": 514, "type_vocab_size": 1}
        XLMRobertaForMaskedLM(XLMRobertaConfig(**BASE, **shape)).save_pretrained(folder)
    else:
        BertForMaskedLM(BertConfig(**BASE, vocab_size=119_547)).save_pretrained(folder)


def measure(name: str, data: Path, corpus: str, overrides: list[str], steps: int) -> dict[str, Any]:
    """One setting: the medians of the steps behind the first."""
    with tempfile.TemporaryDirectory() as scratch, initialize_config_dir(CONF, version_base="1.3"):
        setting = [
            f"backbone={name}", "data=files", f"data.root={data}", f"data.parallel=[{corpus}]",
            f"data.cache={scratch}/cache", f"aligned={scratch}/aligned", "trainer.progress=false",
            f"backbone.path={scratch}/backbone", *overrides,
        ]  # fmt: skip
        config = resolve(compose("train", setting))
        parallel = ParallelText(config)
        random_backbone(name, list(parallel.sentences()), Path(scratch) / "backbone")
        model, tokenizer = Backbone(config, parallel).load("eager")
        vocabulary = model.get_input_embeddings().num_embeddings
        module, text = Assembly(config).module(model, tokenizer, parallel.tables(tokenizer), vocabulary)
        watch = Stopwatch()
        make_trainer(
            folder=Path(scratch), accelerator="cpu", precision="32-true", loggers=[],
            callbacks=[watch], bar=None, options={}, max_epochs=1,
            limit_train_batches=steps + 1, limit_val_batches=0,
        ).fit(module, text)  # fmt: skip
    return {
        "backbone": name,
        "stage": "align",
        "overrides": overrides,
        "pairs": config.align.batch_size,
        "pieces_per_step": watch.pieces,
        "seconds_per_step": watch.seconds[1:],
        "median_seconds": statistics.median(watch.seconds[1:]),
        "operations": watch.operations,
        "operations_pieces": watch.pieces[0],
    }


def measure_finetuning(name: str, steps: int) -> dict[str, Any]:
    """The encoder's forward, backward and update on a batch of fine-tuning, all of full length."""
    with tempfile.TemporaryDirectory() as scratch:
        random_backbone(name, ["no text is needed here"], Path(scratch))
        encoder = AutoModel.from_pretrained(scratch, dtype=torch.float32, trust_remote_code=False)
    optimizer = torch.optim.AdamW(encoder.parameters())
    ids = torch.randint(1000, 30_000, FINETUNING)
    seconds, operations = [], 0
    for step in range(steps + 1):
        started = time.perf_counter()
        with FlopCounterMode(display=False) if step == 0 else nullcontext() as counter:
            encoder(ids).last_hidden_state[:, 0].square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()
        if counter is not None:
            operations = counter.get_total_flops()
        seconds.append(time.perf_counter() - started)
    return {
        "backbone": name,
        "stage": "finetune",
        "sequences": FINETUNING[0],
        "pieces_per_sequence": FINETUNING[1],
        "seconds_per_step": seconds[1:],
        "median_seconds": statistics.median(seconds[1:]),
        "operations": operations,
    }


def main() -> None:
    """Measure both backbones of the paper and write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="a root with parallel/<corpus>")
    parser.add_argument("--corpus", default="mozilla")
    parser.add_argument("--pairs", type=int, default=4, help="per batch")
    parser.add_argument("--steps", type=int, default=3, help="timed ones, behind a first")
    arguments = parser.parse_args()
    settings = [
        ("xlmr", []),
        ("xlmr", ["losses.word_distribution.prediction=pooled"]),
        ("xlmr", ["method=mlm"]),
        ("mbert", []),
    ]
    measured = [
        measure(
            name,
            arguments.data,
            arguments.corpus,
            [f"align.batch_size={arguments.pairs}", *overrides],
            arguments.steps,
        )
        for name, overrides in settings
    ]
    measured += [measure_finetuning(name, arguments.steps) for name in ("xlmr", "mbert")]
    result = {
        "machine": machine(),
        "versions": versions(),
        "commit": commit(),
        "measured": measured,
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for one in measured:
        print(
            one["backbone"],
            one["stage"],
            *one.get("overrides", []),
            f"{one['median_seconds']:.1f} s/step",
            f"{one['operations'] / 1e12:.2f} T operations",
        )


if __name__ == "__main__":
    main()
