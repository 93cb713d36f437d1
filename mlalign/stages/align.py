"""The alignment stage: from a backbone and parallel text to the folder of an aligned encoder."""

import json
import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities.types import STEP_OUTPUT

from mlalign.alignment.assembly import Assembly
from mlalign.alignment.budget import spent_by, steps_within
from mlalign.alignment.module import AlignmentModule
from mlalign.config.enums import Stage
from mlalign.config.frozen import freeze
from mlalign.config.identity import alignment_recipe, fingerprint
from mlalign.config.schema import Train
from mlalign.data.lexicon import Lexicon
from mlalign.data.parallel import ParallelBatch, ParallelDataModule
from mlalign.distributed import broadcast_object, is_rank_zero, on_rank_zero
from mlalign.files import JsonObject, write_whole
from mlalign.models.backbone import vocabulary_size
from mlalign.models.encoder import Encoder
from mlalign.reporting.curves import CURVES, write_curves
from mlalign.stages.dictionary import lexicon_of
from mlalign.stages.stage import EncoderStage, files_of
from mlalign.training.trainer import require_finished

log = logging.getLogger(__name__)

COMPUTING = "computing.json"  # of an unfinished alignment
CHECKPOINT = "last"
CHECKPOINTS = 20  # of an alignment at most, for resuming
SAVING_SHARE = 0.05  # of the time, at most, goes into writing them


class AlignmentStage(EncoderStage):
    """Makes the aligned encoder that a configuration describes; a resumed alignment keeps its precision."""

    name = Stage.align

    @cached_property
    def config(self) -> Train:
        """With the number of steps that the budget allows.

        Raises:
            ConfigError: it allows none.
        """
        align = self.asked.align
        if align.budget.amount is None:
            return self.asked
        module, data, _ = self._assembled(replace(self.asked, align=replace(align, steps=1)), self.attention)
        steps = steps_within(align, module, data)
        log.info("A budget of %g %s allows %d steps", align.budget.amount, align.budget.unit, steps)
        return freeze(replace(self.asked, align=replace(align, steps=steps)))

    def _assembled(self, config: Train, attention: str) -> tuple[AlignmentModule, ParallelDataModule, Any]:
        """What is trained, on what, and the tokenizer."""
        model, tokenizer = self.backbone.load(attention)
        vocabulary, tables = vocabulary_size(tokenizer), self.tables(tokenizer)
        return *Assembly(config, self.lexicon).module(model, tokenizer, tables, vocabulary), tokenizer

    @cached_property
    def recipe(self) -> JsonObject:
        """Everything that the aligned encoder follows from."""
        recipe = alignment_recipe(self.config, backbone=self.backbone.identity, text=self.text.identity)
        return recipe | ({} if self.lexicon is None else {"lexicon": fingerprint(self.lexicon)})

    @cached_property
    def lexicon(self) -> Lexicon | None:
        """The dictionaries, where an objective reads them."""
        is_read = any(one.lexicon for one in Assembly(self.asked).needs)
        return lexicon_of(self.asked, self.text) if is_read else None

    def make(self, folder: Path, resume_from: Path) -> None:
        """Align and fill a folder.

        Raises:
            TrainingError: the alignment ended early or its weights are non-finite; nothing is saved.
        """
        config = self.config
        computing = self._computing(folder, resume_from)
        module, data, tokenizer = self._assembled(config, computing["attention"])
        self.configure_training(module.encoder.backbone)
        pairs = sum(map(len, data.tables.values()))
        log.info("Aligning %d languages (%s pairs) for %d steps", len(data.tables), f"{pairs:,}", config.align.steps)
        seconds = align(
            module,
            data,
            folder=folder,
            validations=config.align.validations,
            prototype_sentences=config.align.prototype_sentences,
            trainer=partial(self.trainer, precision=computing["precision"]),
            resume_from=resume_from,
        )
        self.save(
            module.encoder,
            tokenizer,
            folder,
            seconds=seconds,
            files=files_of(data.tables),
            computing=computing,
            budget=asdict(spent_by(config.align, module, data)),
            warnings=list(module.diagnostics.warnings.values()),
        )
        on_rank_zero((folder / COMPUTING).unlink)()

    def _computing(self, folder: Path, resume_from: Path) -> dict[str, str]:
        """Precision and attention: as this alignment began, on whatever machine, or as chosen here."""
        chosen = {"precision": self.precision, "attention": self.attention}
        begun = resume_from / COMPUTING
        if begun.is_file():
            before: dict[str, str] = json.loads(begun.read_text(encoding="utf-8"))
            if before != chosen:
                log.info("This alignment began with %s and resumes with the same", before)
            chosen = before
        on_rank_zero(write_whole)(folder / COMPUTING, json.dumps(chosen))
        return chosen


class BetweenUpdates(ModelCheckpoint):
    """Saves only where no gradient is waiting for the rest of its window: it would be lost.

    The first mark is saved, a later one if saving has not cost more than its share of the time: a
    large encoder's checkpoint takes longer to write than many steps.
    """

    _due = 0.0

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: Any, outputs: STEP_OUTPUT, batch: ParallelBatch, batch_idx: int
    ) -> None:
        """Lightning asks only whether the step is one to save, also of the batches before it."""
        between = (batch.place + 1) % pl_module.optimisation.accumulate == 0
        marked = trainer.global_step % self._every_n_train_steps == 0
        if between and marked and broadcast_object(time.perf_counter() >= self._due):
            super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)

    def _save_checkpoint(self, trainer: L.Trainer, filepath: str) -> None:
        started = time.perf_counter()
        super()._save_checkpoint(trainer, filepath)
        ended = time.perf_counter()
        self._due = ended + (ended - started) / SAVING_SHARE


def align(
    module: AlignmentModule,
    data: ParallelDataModule,
    *,
    folder: Path,
    validations: int,
    prototype_sentences: int,
    trainer: Callable[..., L.Trainer],
    resume_from: Path,
) -> float:
    """Train, then set the prototypes exactly; returns the seconds that it took.

    The whole run is one epoch, so that a batch's index in it is all there is to resume from.

    Raises:
        TrainingError: a loss or gradient was non-finite, or not all updates were made.
    """
    started = time.perf_counter()
    steps = module.optimisation.updates
    checkpoints = BetweenUpdates(
        dirpath=folder / "checkpoints",
        filename=CHECKPOINT,
        every_n_train_steps=max(1, steps // CHECKPOINTS),
        enable_version_counter=False,
    )
    loop = trainer(
        folder=folder,
        callbacks=[checkpoints],
        max_epochs=1,
        val_check_interval=max(1, data.batches // validations),
    )
    last = resume_from / "checkpoints" / f"{CHECKPOINT}.ckpt"
    if last.is_file():
        log.info("Resuming from %s", last)
    loop.fit(module, data, ckpt_path=str(last) if last.is_file() else None, weights_only=True)
    require_finished("align", loop, steps)
    module.divergence.check()
    module.encoder.to(loop.strategy.root_device)  # which Lightning takes it off after the last step
    finalise_prototypes(module.encoder, data, prototype_sentences, loop)
    if is_rank_zero():
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
        write_curves(folder / CURVES, "align", folder / f"{CURVES}.csv")
    return time.perf_counter() - started


@torch.inference_mode()
def finalise_prototypes(encoder: Encoder, data: ParallelDataModule, sentences: int, trainer: L.Trainer) -> None:
    """Set every language's prototype to the mean of its language vectors in clean text."""
    if encoder.prototypes is None:
        return
    encoder.eval()
    sums: dict[str, torch.Tensor] = {}
    counts: dict[str, int] = {}
    with trainer.precision_plugin.forward_context():
        for language, subwords in data.sentences(sentences):
            moved = trainer.strategy.batch_to_device(subwords, encoder.device)
            vectors = encoder(moved)[:, 1].float()
            sums[language] = sums.get(language, 0) + vectors.sum(0)
            counts[language] = counts.get(language, 0) + len(vectors)
    for language, total in sums.items():
        encoder.prototypes.finalise(language, total / counts[language])
