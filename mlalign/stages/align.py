"""The alignment stage: from a backbone and parallel text to the folder of an aligned encoder."""

import json
import logging
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import cached_property, partial
from pathlib import Path

import lightning as L
import torch
from transformers import PreTrainedTokenizerBase

from mlalign import stopping
from mlalign.alignment.assembly import Assembly
from mlalign.alignment.budget import dear_words, spent_by, steps_within
from mlalign.alignment.module import AlignmentModule
from mlalign.alignment.objectives import read_by
from mlalign.config.enums import AdapterStage, Links, Stage
from mlalign.config.frozen import freeze
from mlalign.config.identity import alignment_settings, fingerprint, recipe_of
from mlalign.config.plain import plain
from mlalign.config.schema import Align, Train
from mlalign.data.lexicon import Lexicon
from mlalign.data.parallel import ParallelDataModule
from mlalign.distributed import is_rank_zero, on_rank_zero, rank_zero_first
from mlalign.files import CHECKPOINT, JsonObject, remove, write_whole
from mlalign.models.adapters import share_that_learns
from mlalign.models.backbone import vocabulary_size
from mlalign.models.encoder import Encoder
from mlalign.models.io import RECIPE
from mlalign.reporting.curves import CURVES, write_curves
from mlalign.stages.dictionary import lexicon_of
from mlalign.stages.encoder_links import linked_by, linking_cost
from mlalign.stages.stage import EncoderStage, files_of
from mlalign.stages.teacher import Teacher
from mlalign.training.checkpoints import StageCheckpoints, fit
from mlalign.training.elapsed import Elapsed
from mlalign.training.trainer import require_finished, validation_interval
from mlalign.wording import plural

log = logging.getLogger(__name__)

COMPUTING = "computing.json"  # of an unfinished alignment


class AlignmentStage(EncoderStage):
    """Makes the aligned encoder that a configuration describes; a resumed alignment keeps its precision."""

    name, resumes = Stage.align, True

    @cached_property
    def config(self) -> Train:
        """With the number of steps that the budget allows."""
        align = self.asked.align
        if align.budget.amount is None:
            return self.asked
        module, data, _ = self.assembled(replace(self.asked, align=replace(align, steps=1)), self.attention)
        steps = steps_within(align.budget, module, data)
        log.info("A budget of %g %s allows %s", align.budget.amount, align.budget.unit, plural(steps, "step"))
        return freeze(replace(self.asked, align=replace(align, steps=steps)))

    def assembled(
        self, config: Train, attention: str
    ) -> tuple[AlignmentModule, ParallelDataModule, PreTrainedTokenizerBase]:
        """What is trained, on what, and the tokenizer."""
        model, tokenizer = self.backbone.load(attention)
        vocabulary, tables = vocabulary_size(tokenizer), self.tables(tokenizer)
        if config.data.links == Links.encoder:
            with rank_zero_first():
                tables = linked_by(config, model, tokenizer, tables, self.backbone.identity)
        vectors = None if self.teacher is None else self.teacher.vectors(tables)
        return *Assembly(config, self.lexicon, vectors).module(model, tokenizer, tables, vocabulary), tokenizer

    @cached_property
    def recipe(self) -> JsonObject:
        """Everything that the aligned encoder follows from."""
        read = {"backbone": self.backbone.identity, "text": self.text.identity}
        recipe = recipe_of(alignment_settings(self.config), **read)
        recipe |= {} if self.lexicon is None else {"lexicon": fingerprint(self.lexicon)}
        if self.adapts:
            recipe["adapter"] = {key: one for key, one in plain(self.asked.backbone.adapter).items() if key != "stages"}
        return recipe | ({} if self.teacher is None else {"teacher": self.teacher.identity})

    @property
    def adapts(self) -> bool:
        """Whether an adapter learns instead of the backbone's weights."""
        return self.asked.backbone.adapter.learns_in(AdapterStage.align)

    @cached_property
    def lexicon(self) -> Lexicon | None:
        """The dictionaries, where an objective reads them."""
        is_read = any(one.lexicon for one in Assembly(self.asked).needs)
        return lexicon_of(self.asked, self.text) if is_read else None

    @cached_property
    def teacher(self) -> Teacher | None:
        """What gives vectors of English, where an objective reads them and it is not the backbone."""
        is_read = any(one.teacher for one in Assembly(self.asked).needs)
        return Teacher(self.asked, self.text) if is_read and self.asked.data.teacher is not None else None

    def make(self, folder: Path, resume_from: Path) -> None:
        """Align and fill a folder; its checkpoint goes when the encoder in it was found to be whole."""
        has_checkpoint = (folder / CHECKPOINT).is_file()
        if has_checkpoint or not (folder / RECIPE).is_file():
            with stopping.deferred():
                self._align(folder, folder if has_checkpoint else resume_from)
        if is_rank_zero():
            remove((folder / CHECKPOINT).parent)
            remove(folder / COMPUTING)

    def _align(self, folder: Path, resume_from: Path) -> None:
        config = self.config
        computing = self._computing(folder, resume_from)
        module, data, tokenizer = self.assembled(config, computing["attention"])
        self.configure_training(module.encoder.backbone)
        if config.data.links == Links.encoder and self.backbone.is_built:
            module.diagnostics.warn(
                "links",
                f"data.links=encoder with backbone={config.backbone.name}, which is built here from scratch: its links "
                "are chance; start from a pretrained backbone, or set data.links=ibm1",
            )
        languages, pairs = plural(len(data.tables), "language"), plural(sum(map(len, data.tables.values())), "pair")
        log.info("Aligning %s (%s) for %s", languages, pairs, plural(config.align.steps, "step"))
        if hint := dear_words(module, data):
            log.info("%s", hint)
        trainer, minutes = partial(self.trainer, precision=computing["precision"]), config.trainer.checkpoint_minutes
        places = {"folder": folder, "resume_from": resume_from}
        seconds = align(module, data, config.align, trainer=trainer, minutes=minutes, **places)
        facts: JsonObject = {"computing": computing, "budget": asdict(spent_by(module, data))}
        facts |= {"warnings": list(module.diagnostics.warnings.values()), **self._resources(module, data)}
        self.save(module.encoder, tokenizer, folder, seconds=seconds, files=files_of(data.tables), **facts)

    def _resources(self, module: AlignmentModule, data: ParallelDataModule) -> JsonObject:
        """What was read, what of it was made once at what cost, and what of the encoder learned."""
        found: JsonObject = {"costs": {}, "reads": sorted(read_by(self.config)), "notes": []}
        if self.config.data.links == Links.encoder:
            found["costs"]["links"] = asdict(linking_cost(module.encoder, data))
        if self.teacher is not None:
            found["costs"]["teacher"] = asdict(self.teacher.cost(data.tables))
            found["reads"].append(f"a teacher: {self.teacher.folder.name}")
        if self.adapts:
            form = self.asked.backbone.adapter.form
            found["notes"].append(f"align with {form}: {share_that_learns(module.encoder)}")
        if self.lexicon is not None and (lacking := [one for one in data.tables if not self.lexicon.get(one)]):
            choice = self.config.data.lexicon
            found["notes"].append(f"align: data.lexicon={choice} has no words of {', '.join(lacking)}")
        return found

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


def align(
    module: AlignmentModule,
    data: ParallelDataModule,
    settings: Align,
    *,
    trainer: Callable[..., L.Trainer],
    folder: Path,
    resume_from: Path,
    minutes: float,
) -> float:
    """Train, then set the prototypes exactly; returns the seconds that it took, those before it was resumed included.

    The whole run is one epoch, so that a batch's index in it is all there is to resume from.

    Raises:
        TrainingError: a loss or gradient was non-finite, or not all updates were made.
    """
    elapsed = Elapsed()
    steps = module.optimisation.updates
    loop = trainer(
        folder=folder,
        callbacks=[StageCheckpoints(folder / CHECKPOINT, steps=steps, minutes=minutes), elapsed],
        max_epochs=1,
        val_check_interval=validation_interval(data.batches, settings.validations),
        enable_checkpointing=False,
    )
    fit(loop, module, data, resume_from / CHECKPOINT)
    require_finished("align", loop, steps)
    module.divergence.check()
    module.encoder.to(loop.strategy.root_device)  # which Lightning takes it off after the last step
    finalise_prototypes(module.encoder, data, settings.prototype_sentences, loop)
    if is_rank_zero():
        write_curves(folder / CURVES, "align", folder / f"{CURVES}.csv")
    return elapsed.seconds


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
