"""Fine-tuning and scoring against Hugging Face's Trainer: the same encoder, examples and optimizer.

    python benchmarks/finetuning.py [--data ROOT]

A small XLM-R from scratch tags English words: WikiANN's of ``ROOT/tasks/panx``, or the generated
sample's. Trainer has its defaults (float32, random batches padded to their longest, scaled dot
product attention; eight examples a batch in scoring), but for batches of 32 in training, as here.
Ours runs in float32 and in what ``auto`` chooses. Runs take turns. First both learn from the same
batches without dropout, and their logits are compared. ``benchmarks/results/finetuning.json``.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import checkout  # noqa: F401
import torch
from machine import machine
from transformers import (
    DataCollatorForTokenClassification,
    Trainer,
    TrainingArguments,
    XLMRobertaConfig,
    XLMRobertaForMaskedLM,
    XLMRobertaForTokenClassification,
)

from mlalign.config.enums import Partner, Representation
from mlalign.config.schema import Finetune
from mlalign.data.readers import task_formats
from mlalign.data.sample.write import write_sample
from mlalign.data.sequences import SequenceBuilder
from mlalign.data.task_files import TaskFiles, TaskRelease
from mlalign.device import choose_attention, choose_precision, keep_freed_memory
from mlalign.finetuning.module import FinetuningModule
from mlalign.models.encoder import Encoder
from mlalign.models.tiny import train_tokenizer
from mlalign.reporting.results import commit, versions
from mlalign.tasks.data import TaskDataModule
from mlalign.tasks.tagging import Tagging
from mlalign.training.trainer import make_trainer

RESULTS = Path(__file__).parent / "results" / "finetuning.json"
TAGS = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"]
BATCH, RATE, GOAL = 32, 5e-5, 1.3
CLOSE = 5e-3  # between logits behind an epoch of the same updates in float32


class InOrder(Trainer):
    """Takes the examples as they come, to learn from the same batches as ours."""

    def _get_train_sampler(self, *_: Any) -> Any:
        return torch.utils.data.SequentialSampler(self.train_dataset)


class Comparison:
    """Both sides from one initialisation.

    Args:
        data: English train and dev of a tagging task.
        folder: for what Trainer writes.
    """

    def __init__(self, data: TaskDataModule, folder: Path) -> None:
        self.data, self.folder = data, folder
        self.tokenizer = data.layout.tokenizer
        self.learned, self.scored = rows(data._train), rows(data._dev)

    def config(self, dropout: float) -> XLMRobertaConfig:
        """Four layers of a third of XLM-R's width."""
        return XLMRobertaConfig(
            vocab_size=len(self.tokenizer), hidden_size=256, num_hidden_layers=4,
            num_attention_heads=4, intermediate_size=1024, max_position_embeddings=514,
            type_vocab_size=1, hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout,
            num_labels=len(TAGS), pad_token_id=1, bos_token_id=0, eos_token_id=2,
        )  # fmt: skip

    def ours(self, dropout: float, attention: str) -> FinetuningModule:
        """The module as train.py builds it."""
        torch.manual_seed(1)
        config = self.config(dropout)
        config._attn_implementation = attention
        return FinetuningModule(
            Encoder(XLMRobertaForMaskedLM(config), pool="mean"), Tagging(TAGS),
            Finetune(
                representation=Representation.backbone, partner=Partner.mean, learning_rate=RATE,
                dropout=dropout, seed=1,
            ),
            steps=self.data.batches,
        )  # fmt: skip

    def theirs(self, dropout: float) -> XLMRobertaForTokenClassification:
        """Hugging Face's model with the same first values."""
        module = self.ours(dropout, "sdpa")
        model = XLMRobertaForTokenClassification(self.config(dropout))
        model.roberta.load_state_dict(module.encoder.backbone.roberta.state_dict())
        model.classifier.load_state_dict(module.head.state_dict())
        return model

    def trainer(self, model: Any, kind: type[Trainer], examples: Any, **changes: Any) -> Trainer:
        """Trainer with its defaults."""
        settings = {"per_device_train_batch_size": BATCH, "num_train_epochs": 1} | changes
        arguments = TrainingArguments(
            str(self.folder), report_to="none", disable_tqdm=True, save_strategy="no",
            logging_strategy="no", use_cpu=True, **settings,
        )  # fmt: skip
        return kind(
            model, arguments, train_dataset=examples,
            data_collator=DataCollatorForTokenClassification(self.tokenizer),
        )  # fmt: skip

    def loop(self, precision: str) -> Any:
        """Lightning's trainer as train.py makes it, without dev and checkpoints."""
        return make_trainer(
            folder=self.folder, accelerator="cpu", precision=precision, loggers=[], callbacks=[],
            bar=None, options={}, max_epochs=1, limit_val_batches=0, enable_checkpointing=False,
        )  # fmt: skip

    def logits(self, model: Any) -> torch.Tensor:
        """Of all words of dev, in file order, by Trainer's own prediction."""
        found = self.trainer(model, Trainer, None).predict(self.scored)
        return torch.cat([
            torch.tensor(row[: len(one["labels"])])
            for row, one in zip(found.predictions, self.scored, strict=True)
        ])  # fmt: skip

    def our_logits(self, module: FinetuningModule) -> torch.Tensor:
        """The same from our batches, sorted by length."""
        kept: dict[int, torch.Tensor] = {}
        module.eval()
        with torch.inference_mode():
            places = self.data.val_dataloader()
            for rows_, batch in zip(places.sampler, places, strict=True):
                lengths = batch.subwords.attention_mask.sum(1)
                for row, one, length in zip(rows_, module(batch), lengths, strict=True):
                    kept[row] = one[:length]
        return torch.cat([kept[row] for row in range(len(kept))])

    def difference(self) -> dict[str, float]:
        """Largest distance of logits before any update, and behind an epoch of the same ones."""
        module, model = self.ours(0.0, "eager"), self.theirs(0.0)
        before = (self.our_logits(module) - self.logits(model)).abs().max()
        sampler = self.data.train_dataloader().sampler
        order = [int(row) for key in sampler for row in key.rows]
        self.trainer(model, InOrder, [self.learned[row] for row in order]).train()
        self.loop("32-true").fit(module, self.data)
        after = (self.our_logits(module) - self.logits(model)).abs().max()
        assert before < CLOSE, f"not the same model: {before}"
        assert after < CLOSE, f"not the same updates: {after}"
        return {"before": float(before), "after_an_epoch": float(after), "limit": CLOSE}

    def races(self) -> dict[str, Callable[[], int]]:
        """What is timed, by name; each returns how many examples it did."""
        eager = choose_attention("auto", gpu=False)
        auto = choose_precision("auto", gpu=False)
        scoring = {p: (self.ours(0.1, eager), self.loop(p)) for p in {"32-true", auto}}
        model = self.theirs(0.1)

        def fit(precision: str) -> Callable[[], int]:
            module, loop = self.ours(0.1, eager), self.loop(precision)
            return lambda: loop.fit(module, self.data) or len(self.learned)

        def score(precision: str) -> int:
            module, loop = scoring[precision]
            loop.predict(module, self.data.val_dataloader())
            return len(self.scored)

        def predict(**changes: Any) -> Callable[[], int]:
            trainer = self.trainer(model, Trainer, None, **changes)
            return lambda: len(trainer.predict(self.scored).predictions)

        def train() -> Callable[[], int]:
            trainer = self.trainer(self.theirs(0.1), Trainer, self.learned)
            return lambda: trainer.train() and len(self.learned)

        return {
            "finetune/trainer": train(),
            "finetune/ours_float32": fit("32-true"),
            "finetune/ours_auto": fit(auto),
            "score/trainer": predict(),
            "score/trainer_128_a_batch": predict(per_device_eval_batch_size=128),
            "score/ours_float32": lambda: score("32-true"),
            "score/ours_auto": lambda: score(auto),
        }


def rows(prepared: list[Any]) -> list[dict[str, list[int]]]:
    """Prepared sequences as Trainer takes them."""
    return [
        {
            "input_ids": one.sequence.ids,
            "attention_mask": [1] * len(one.sequence.ids),
            "labels": one.labels,
        }
        for one in prepared
    ]


def speeds(comparison: Comparison, rounds: int) -> dict[str, dict[str, Any]]:
    """Examples per second of every contestant, in turns."""
    found: dict[str, dict[str, list[float]]] = {}
    for _ in range(rounds):
        for name, race in comparison.races().items():
            started, since = time.perf_counter(), time.process_time()
            examples = race()
            one = found.setdefault(name, {"wall": [], "processor": []})
            one["wall"].append(examples / (time.perf_counter() - started))
            one["processor"].append(examples / (time.process_time() - since))
    return {
        name: {
            "examples_per_second": round(statistics.median(one["wall"]), 1),
            "examples_per_processor_second": round(statistics.median(one["processor"]), 1),
            "all": [round(value, 1) for value in one["wall"]],
        }
        for name, one in found.items()
    }


def main() -> None:
    """Compare, time and write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a root with tasks/panx/en; default: the sample")
    parser.add_argument("--examples", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as scratch:
        root = arguments.data or Path(scratch) / "sample"
        if not arguments.data:
            write_sample(root, seed=1)
        files = TaskFiles(TaskRelease(root / "tasks" / "panx", task_formats()["entities"], TAGS), ["en"])
        texts = [" ".join(one.words) for one in files.read("en", "train").examples]
        layout = SequenceBuilder(train_tokenizer(texts, 12_000), {}, max_length=128)
        data = TaskDataModule(Tagging(TAGS), files, layout, batch_size=BATCH, seed=1)
        data._train, data._dev = (part[: arguments.examples] for part in (data._train, data._dev))
        comparison = Comparison(data, Path(scratch) / "trainer")
        difference = comparison.difference()
        found = speeds(comparison, arguments.rounds)
    ratios = {
        f"{stage}/{ours}": {
            f"against_{base}": round(
                found[f"{stage}/{ours}"]["examples_per_second"] / found[f"{stage}/{base}"]["examples_per_second"],
                2,
            )
            for base in ("trainer", "trainer_128_a_batch")
            if f"{stage}/{base}" in found
        }
        for stage in ("finetune", "score")
        for ours in ("ours_float32", "ours_auto")
    }
    result = {
        "command": "python benchmarks/finetuning.py",
        "text": "panx of --data" if arguments.data else "the generated sample's panx",
        "examples": {"train": len(comparison.learned), "dev": len(comparison.scored)},
        "goal": GOAL,
        "ratios": ratios,
        "largest_difference_of_logits": difference,
        "speeds": found,
        "precision_auto": choose_precision("auto", gpu=False),
        "machine": machine() | {"load_average": round(os.getloadavg()[0], 1)},
        "versions": versions(),
        "commit": commit(),
    }
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    arguments.results.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({key: result[key] for key in ("ratios", "speeds")}, indent=1))


if __name__ == "__main__":
    main()
