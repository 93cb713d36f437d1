"""The price of one run: what it would be refused for is refused, and what it would do is counted or measured."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import lightning as L
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from mlalign.alignment.budget import dear_words
from mlalign.config.enums import THIS, Keep, Links, Stage
from mlalign.config.frozen import freeze
from mlalign.config.identity import alignment_settings, fingerprint
from mlalign.config.schema import Train
from mlalign.data.sequences import SequenceBuilder
from mlalign.device import Computing, choose_tokens, peak_memory_bytes
from mlalign.errors import ConfigError
from mlalign.models.io import RECIPE
from mlalign.pipeline import chained
from mlalign.pricing.backbone import StandIn
from mlalign.pricing.device import Device, Measured, memory_here, sheet_of
from mlalign.pricing.gather import Here, gather
from mlalign.pricing.model import FLOAT, Computed, Shape
from mlalign.pricing.stages import StagePrice, alignment_price, batches_of, finetuning_price, scoring_price
from mlalign.pricing.steps import Rate, alignment_rate, encoder_rate
from mlalign.pricing.task import TaskLengths, declared_lengths, lengths_here
from mlalign.pricing.text import SampledText
from mlalign.pricing.words import counted, size
from mlalign.stages.align import AlignmentStage
from mlalign.stages.backbone import Backbone
from mlalign.stages.finished import is_finished, run_folder
from mlalign.training.computing import set_up

PAIR = 24  # bytes of a pair in the cache of tokens, besides 4 for each token
PREDICTION = 250  # bytes
ADAM = 3  # weights and two moments: what a checkpoint holds of each parameter


@dataclass(frozen=True)
class Price:
    """Of a run.

    Attributes:
        run: its folder.
        device: that it is priced on.
        stages: what it would train and score; none where it is finished.
        longest: seconds, were all sentences as long as they may be; None where their length is known.
        kept: bytes on the disk when it is over.
        most: likewise, while it lasts.
        reads: what it reads, for people.
        missing: what is not here.
        notes: what else is to be known.
        alignment: the same for runs that share one.
    """

    run: Path
    device: Device
    stages: list[StagePrice]
    longest: float | None
    kept: float
    most: float
    reads: list[str]
    missing: list[str]
    notes: list[str]
    alignment: str

    @property
    def seconds(self) -> float:
        """Of all stages."""
        return sum(stage.seconds for stage in self.stages)

    @property
    def memory(self) -> float:
        """Of the stage that needs most, and what a process holds without a model."""
        return max((stage.memory + self.device.resident for stage in self.stages), default=0.0)


@dataclass(frozen=True)
class Encoder:
    """The model that is fine-tuned, and what making it costs.

    Attributes:
        model: the backbone, as it comes or ready to be aligned.
        tokenizer: its own.
        price: of the alignment; None where there is none, or it is found.
        longest: seconds of it with the longest sentences, where their length is not known.
        cache: bytes of its tokens on the disk.
        reads: what it reads.
        notes: what is to be said of it.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    price: StagePrice | None = None
    longest: float | None = None
    cache: float = 0.0
    reads: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class On:
    """The device that everything is priced on: a card by its data sheet, or this machine once its steps are measured.

    Args:
        config: checked.
    """

    def __init__(self, config: Train) -> None:
        self.config = config
        self.computing: Computing | None = None
        self.resident = 0.0
        self._last: Device | None = None
        if config.card.name == THIS:
            self.computing = set_up(config)
            self.resident = 0.0 if self.computing.gpu else _resident()
        else:
            self._last = sheet_of(config)

    @property
    def is_gpu(self) -> bool:
        """Whether it is one."""
        return self.computing is None or self.computing.gpu

    @property
    def device(self) -> Device:
        """The device, whether anything was measured on it or not."""
        return self._last or self.by(lambda _: Rate(1.0, 0.0))

    def by(self, measure: Callable[[Computing], Rate]) -> Device:
        """The device, where it is this machine by the rate that a function measures.

        Raises:
            ConfigError: a step does not fit into its memory.
        """
        if self.computing is None:
            return self.device
        try:
            rate, before = measure(self.computing), self._last
        except torch.OutOfMemoryError as error:
            raise ConfigError(
                f"a step does not fit into the memory of {self.computing.device}; set "
                "backbone.gradient_checkpointing=true, or lower align.batch_size and trainer.tokens"
            ) from error
        bfloat16, fused = self.computing.precision == "bf16-mixed", self.computing.attention != "eager"
        computed = Computed(bfloat16, fused, self.config.backbone.gradient_checkpointing)
        error = max(rate.spread, before.error if before else 0.0)
        memory = memory_here(gpu=self.is_gpu)
        self._last = Measured(self.computing.device, memory, rate.median, computed, error, self.resident)
        return self._last


@cache
def _resident() -> float:
    """What this process held when the first run was priced: nothing but libraries."""
    return peak_memory_bytes()


def price(config: Train, scratch: Path) -> Price:
    """What a run would cost.

    Args:
        config: checked.
        scratch: a folder that is deleted, for all that is written; several prices may share it.

    Raises:
        UserError: what the run would be refused for. Of ``data=hub`` what is not here yet is no such thing.
    """
    on, folder, here = On(config), run_folder(config), gather(config, scratch)
    alignment = fingerprint([alignment_settings(config), list(map(str, config.method.stages)), config.data.parallel])
    if _is_finished(config, here, folder):
        note = "found: this run is finished, and costs nothing; resume=false recomputes it"
        return Price(folder, on.device, [], None, 0.0, 0.0, [], here.missing, [note], alignment)
    if Stage.vectors in config.method.stages:
        note = "method.stages=[vectors] learns word vectors on the CPU and needs no backbone: it has no price here"
        return Price(folder, on.device, [], None, 0.0, 0.0, [], here.missing, [note], alignment)
    encoder = _encoder(config, here, scratch, on)
    lengths, reads = _task(config, here, encoder)
    stages = [] if encoder.price is None else [encoder.price]
    stages += _learning(config, encoder, lengths, on)
    kept, most = _disk(config, encoder, lengths)
    longest = None
    if encoder.longest is not None and encoder.price is not None:
        longest = encoder.longest + sum(one.seconds for one in stages[1:])
    notes = [*encoder.notes, *_notes(config, lengths, stages, on.device)]
    read = [*encoder.reads, *reads]
    return Price(folder, on.device, stages, longest, kept, most, read, here.missing, notes, alignment)


def _is_finished(config: Train, here: Here, folder: Path) -> bool:
    """Whether the same command would find its results."""
    corpus = here.corpus
    if config.resume is False or corpus is None:
        return False
    return is_finished(config, folder, corpus.scored.languages, corpus.text)


def _encoder(config: Train, here: Here, scratch: Path, on: On) -> Encoder:
    """What is fine-tuned, and the price of the alignment that makes it."""
    names = config.method.stages
    others = [str(one) for one in names if one != Stage.align]
    notes = [f"not in the price: what method.stages={others} takes"] if others else []
    text = here.text
    if Stage.align not in names or text is None:
        return Encoder(*here.backbone.load("eager"), notes=tuple(notes))

    def stage_of(of: Any) -> AlignmentStage:
        asked = of.config
        if isinstance(here.backbone, StandIn):  # whose embeddings have no values that language tokens could start from
            method = replace(asked.method, language_tokens=False)
            asked = freeze(replace(asked, method=method))
        return AlignmentStage(asked, of, here.backbone, _no_trainer, precision="32-true")

    stage = stage_of(text)
    module, data, tokenizer = stage.assembled(stage.config, stage.attention)
    steps, model = stage.config.align.steps, module.encoder.backbone
    pairs = text.pairs(data.tables) if isinstance(text, SampledText) else {}
    reads = f"parallel text: {counted(pairs)} pairs" if pairs else f"parallel text: {', '.join(text.languages)}"
    batches = batches_of(stage.config.align, module, data, steps)
    tokens = batches.mean.tokens / max(1, batches.mean.pairs)
    cache = sum(pairs.values()) * (PAIR + FLOAT * tokens)
    found = Encoder(model, tokenizer, cache=cache, reads=(reads,))
    if _is_made(config, here):
        note = "found: the aligned encoder is there, and costs nothing; resume=false makes it again"
        return replace(found, notes=(*notes, note))
    device = on.by(lambda computing: alignment_rate(stage, batches.mean.flops, computing, scratch))
    if hint := dear_words(stage.config.align, module, data):
        notes.append(hint)
    longest, seconds = batches.most, None
    if here.longer is not None:
        other = stage_of(here.longer)
        whole = batches_of(other.config.align, *other.assembled(other.config, other.attention)[:2], steps)
        longest, seconds = whole.most, alignment_price(other.config, module, whole, whole.most, device).seconds
    made = alignment_price(stage.config, module, batches, longest, device)
    return replace(found, price=made, longest=seconds, notes=tuple(notes))


def _no_trainer(**_: object) -> L.Trainer:
    raise AssertionError("a price trains nothing")


def _is_made(config: Train, here: Here) -> bool:
    """Whether the encoder is found again. One of a budget is known by steps that only the whole text tells."""
    is_known = isinstance(here.text, SampledText) and isinstance(here.backbone, Backbone)
    if config.resume is False or not is_known or config.align.budget.amount is not None:
        return False
    assert here.text is not None
    assert isinstance(here.backbone, Backbone)
    stages = chained(here.config, here.text, here.backbone, lambda _: _no_trainer, precision="32-true")
    return all((Path(config.aligned) / fingerprint(stage.recipe) / RECIPE).is_file() for stage in stages)


def _task(config: Train, here: Here, encoder: Encoder) -> tuple[TaskLengths, list[str]]:
    """How long the task's texts are, and what is read of them."""
    if here.corpus is None or isinstance(here.backbone, StandIn):
        lengths = declared_lengths(config)
    else:
        layout = SequenceBuilder(encoder.tokenizer, {}, max_length=config.finetune.max_length)
        lengths = lengths_here(config, here.corpus.task, here.corpus.scored, layout)
    reads = [f"test: {counted({language: len(one) for language, one in lengths.tests.items()})}"]
    if lengths.train is not None and lengths.dev is not None:
        reads.insert(0, f"{config.task.source}: train {len(lengths.train):,}, dev {len(lengths.dev):,}")
    return lengths, [f"{config.task.name}: {one}" for one in reads]


def _learning(config: Train, encoder: Encoder, lengths: TaskLengths, on: On) -> list[StagePrice]:
    """Fine-tuning and scoring."""
    at_once, model = choose_tokens(config.trainer.tokens, gpu=on.is_gpu), encoder.model
    known = [one for one in (lengths.train, *lengths.tests.values()) if one is not None and len(one)]
    if not known:
        return []
    longest = max(1, int(max(one.max() for one in known)))
    at_least = min(at_once, config.finetune.batch_size * config.finetune.max_length)
    device = on.by(lambda computing: encoder_rate(model.base_model, at_least, longest, computing, config))
    found = []
    if lengths.train is not None and lengths.dev is not None:
        found.append(finetuning_price(config, model, lengths.train, lengths.dev, at_once, device))
    return [*found, scoring_price(model, list(lengths.tests.values()), at_once, device)]


def _disk(config: Train, encoder: Encoder, lengths: TaskLengths) -> tuple[float, float]:
    """Bytes that stay, and most of all while it runs: a checkpoint is written beside the last one."""
    weights = FLOAT * Shape.of(encoder.model).parameters
    folders = {Keep.none: 0, Keep.tested: 1, Keep.best_and_last: 2, Keep.all: config.finetune.evaluations}
    learned = 0 if lengths.train is None else folders[config.keep_checkpoints]
    aligned = 0 if encoder.price is None else 1
    kept = encoder.cache + (aligned + learned) * weights + PREDICTION * sum(map(len, lengths.tests.values()))
    trains = encoder.price is not None or lengths.train is not None
    return kept, kept + 2 * ADAM * weights * trains


def _notes(config: Train, lengths: TaskLengths, stages: list[StagePrice], device: Device) -> list[str]:
    """What is not in the price, and what to do where it does not fit."""
    notes = []
    if lengths.unknown:
        notes.append(f"not in the price: conf/task does not say how many there are: {', '.join(lengths.unknown)}")
    if config.trainer.devices != 1:
        notes.append(f"trainer.devices={config.trainer.devices}: the price is that of one device")
    if config.finetune.shots:
        notes.append("not in the price: the few labels of finetune.shots")
    if config.tuning:
        notes.append(f"not in the price: what tuning={','.join(config.tuning)} reads besides English labels")
    reading = {"data.teacher": config.data.teacher is not None, "data.links": config.data.links != Links.none}
    notes += [f"not in the price: what {key} takes once" for key, is_read in reading.items() if is_read]
    for stage in stages:
        if stage.memory + device.resident > device.memory:
            notes.append(
                f"{stage.name} does not fit: it needs {size(stage.memory)} of {size(device.memory)}; "
                f"{_cure(config, stage)}"
            )
    return notes


def _cure(config: Train, stage: StagePrice) -> str:
    """What makes a stage smaller."""
    if not config.backbone.gradient_checkpointing:
        return "set backbone.gradient_checkpointing=true (a third more operations)"
    if stage.name == "align":
        return "halve align.batch_size and double align.accumulate (each sentence then has half as many negatives)"
    return "lower trainer.tokens"
