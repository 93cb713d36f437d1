"""Training steps without their optimizers: this project's and those that people use instead.

Every step is a function of a batch that leaves gradients in one and the same encoder.
"""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from shapes import Batches
from transformers import PreTrainedModel, Trainer, TrainingArguments

from mlalign.alignment.module import AlignmentModule
from mlalign.data.parallel import ParallelBatch, Side, regrouped
from mlalign.training.trainer import make_trainer

Step = Callable[[ParallelBatch], None]
LIGHTNING = {"float32": "32-true", "bfloat16": "bf16-mixed"}


def joined(batch: ParallelBatch) -> dict[str, torch.Tensor]:
    """Both languages as one batch of sequences, as others would be given it."""
    sides = batch.first
    original = torch.cat([side.original for side in sides])
    masked = torch.cat([side.masked for side in sides])
    return {
        "input_ids": torch.cat([side.subwords.input_ids for side in sides]),
        "attention_mask": torch.cat([side.subwords.attention_mask for side in sides]),
        "labels": original.masked_fill(~masked, -100),
    }


def bare_encoder(model: PreTrainedModel, precision: str) -> Step:
    """Forward and backward of the encoder alone, all sequences in one pass."""

    def step(batch: ParallelBatch) -> None:
        inputs = joined(batch)
        del inputs["labels"]
        autocast = torch.autocast("cpu", torch.bfloat16)
        with autocast if precision == "bfloat16" else nullcontext():
            states = model.base_model(**inputs).last_hidden_state
        states.float().mean().backward()

    return step


def hugging_face(model: PreTrainedModel, precision: str, folder: Path) -> Step:
    """A masked-language-model step of Hugging Face's Trainer."""
    trainer = Trainer(model, arguments(TrainingArguments, precision, folder))
    return step_of(trainer, joined)


def multiple_negatives(model: PreTrainedModel, folder: Path, device: str) -> tuple[Any, Any]:
    """The encoder as sentence-transformers has it, and its usual loss for translations.

    Args:
        model: takes the place of the folder's encoder.
        folder: of a small encoder with a tokenizer.
        device: where it learns.
    """
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.losses import MultipleNegativesRankingLoss
    from sentence_transformers.models import Pooling, Transformer

    transformer = Transformer(str(folder))
    transformer.model = model.base_model
    pooling = Pooling(model.config.hidden_size, pooling_mode="mean")
    sentences = SentenceTransformer(modules=[transformer, pooling], device=device)
    return sentences, MultipleNegativesRankingLoss(sentences)


def sentence_transformers(model: PreTrainedModel, precision: str, folder: Path) -> Step:
    """A step of sentence-transformers' trainer with its usual loss for translations."""
    from sentence_transformers import (
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )

    sentences, loss = multiple_negatives(model, folder, "cpu")
    trainer = SentenceTransformerTrainer(
        sentences, arguments(SentenceTransformerTrainingArguments, precision, folder), loss=loss
    )

    def inputs(batch: ParallelBatch) -> dict[str, torch.Tensor]:
        return {
            f"{name}_{key}": getattr(side.subwords, key)
            for name, side in zip(("anchor", "positive"), batch.first, strict=True)
            for key in ("input_ids", "attention_mask")
        }

    return step_of(trainer, inputs)


def arguments(kind: type[Any], precision: str, folder: Path) -> Any:
    """A trainer's settings: its defaults on the processor, in a precision."""
    bf16 = precision == "bfloat16"
    return kind(output_dir=str(folder), use_cpu=True, bf16=bf16, report_to="none")


def step_of(trainer: Any, inputs: Callable[[ParallelBatch], dict[str, torch.Tensor]]) -> Step:
    """The trainer's own training step, made ready as its ``train`` does."""
    trainer.model_wrapped = trainer.accelerator.prepare(trainer.model)
    trainer.current_gradient_accumulation_steps = 1
    return lambda batch: trainer.training_step(trainer.model_wrapped, inputs(batch))


def two_pairs(batch: ParallelBatch) -> ParallelBatch:
    """The first two, which cost next to nothing."""

    def cut(side: Side) -> Side:
        return Side(side.subwords.rows(slice(2)), *(None if one is None else one[:2] for one in side[1:]))

    views = {name: regrouped(map(cut, sides)) for name, sides in batch.views.items()}
    return batch._replace(views=views, same=batch.same[:2, :2])


def ours(module: AlignmentModule, precision: str, folder: Path, first: ParallelBatch) -> Step:
    """This project's training step under Lightning, which two pairs of a batch make ready."""
    module.step_players = lambda: None  # type: ignore[method-assign]  # no optimizers
    loop = make_trainer(
        folder=folder, accelerator="cpu", precision=LIGHTNING[precision], loggers=[], callbacks=[],
        bar=None, options={}, max_epochs=1, limit_val_batches=0,
    )  # fmt: skip
    loop.fit(module, Batches([two_pairs(first)]))
    module.train()
    return lambda batch: loop.strategy.training_step(batch, batch.place)
