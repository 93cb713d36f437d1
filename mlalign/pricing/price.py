"""The price of one run: what it would be refused for is refused, and what it would do is counted or measured."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import lightning as L
import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from mlalign.alignment.budget import dear_words
from mlalign.config.enums import THIS, AdapterStage, Freeze, Keep, Links, ShotsOrder, Stage
from mlalign.config.frozen import freeze
from mlalign.config.identity import affects_nothing, alignment_settings, fingerprint
from mlalign.config.schema import Train
from mlalign.config.settings import values
from mlalign.data.sequences import SequenceBuilder
from mlalign.data.token_cache import Tokenised
from mlalign.device import Computing, choose_tokens, peak_memory_bytes
from mlalign.errors import ConfigError
from mlalign.finetuning.validation import tuning_settings
from mlalign.models.adapters import merge_adapter
from mlalign.models.io import RECIPE
from mlalign.models.vocabulary_head import unused_head
from mlalign.pipeline import chained, of_few_labels
from mlalign.pricing.backbone import StandIn
from mlalign.pricing.device import Device, memory_here, sheet_of
from mlalign.pricing.gather import Here, gather
from mlalign.pricing.making import PRICED, links_price, stage_price, teacher_price
from mlalign.pricing.model import FLOAT, Computed, Shape
from mlalign.pricing.stages import Pricing, StagePrice, alignment_price, batches_of, finetuning_price, scoring_price
from mlalign.pricing.steps import Rate, alignment_rate, encoder_rate
from mlalign.pricing.task import TaskLengths, declared_lengths, lengths_here
from mlalign.pricing.text import MadeUpText, SampledText
from mlalign.pricing.words import counted, size
from mlalign.stages.align import AlignmentStage
from mlalign.stages.backbone import Backbone
from mlalign.stages.run_folder import is_finished, run_folder
from mlalign.training.adapting import adapt
from mlalign.training.computing import attention, set_up

PAIR = 24  # bytes of a pair in the cache of tokens, besides 4 for each token
PREDICTION = 250  # bytes
READ = ("align.", "data.", "method.stages", "backbone.tokenizer", "backbone.prune_vocabulary")  # by an alignment


@dataclass(frozen=True)
class Price:
    """Of a run."""

    run: Path  # its folder
    device: Device  # that it is priced on
    stages: list[StagePrice]  # what it would train and score; none where it is finished
    longest: float | None  # seconds, were all sentences as long as they may be; None where their length is known
    kept: float  # bytes on the disk when it is over
    most: float  # likewise, while it lasts
    reads: list[str]  # what it reads, for people
    missing: list[str]  # what is not here
    left_out: list[str]  # what it would do that has no price here
    notes: list[str]  # what else is to be known
    alignment: str  # the same for runs that share one

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
    """The model that is fine-tuned, and what making it costs."""

    model: PreTrainedModel  # the backbone, as it comes or ready to be aligned
    tokenizer: PreTrainedTokenizerBase  # its own
    price: StagePrice | None = None  # of the alignment; None where there is none, or it is found
    others: tuple[StagePrice, ...] = ()  # of what else makes it, none where it is found
    longest: float | None = None  # seconds of it with the longest sentences, where their length is not known
    cache: float = 0.0  # bytes of its tokens on the disk
    reads: tuple[str, ...] = ()  # what it reads
    left_out: tuple[str, ...] = ()  # stages that make it and have no price here
    notes: tuple[str, ...] = ()  # what is to be said of it

    @property
    def made(self) -> list[StagePrice]:
        """What makes it; links and a teacher's vectors are read in front of the alignment."""
        return [*self.others, *([] if self.price is None else [self.price])]


class On:
    """The device that everything is priced on: a card by its data sheet, or this machine by measured steps."""

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
    def at_once(self) -> int:
        """Tokens that go through an encoder at a time."""
        return choose_tokens(self.config.trainer.tokens, gpu=self.is_gpu)

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
        self._last = Device(self.computing.device, memory, rate.median, computed, error=error, resident=self.resident)
        return self._last

    def pricing(self, model: PreTrainedModel, batch: int, longest: int) -> Pricing:
        """Of a model by itself, measured where it is this machine.

        Args:
            batch: tokens of one, which go through the model in parts where they are many.
            longest: tokens of a sequence.
        """
        positions = min(self.at_once, batch)
        device = self.by(lambda computing: encoder_rate(model.base_model, positions, longest, computing, self.config))
        return Pricing(model, device, self.at_once)


@cache
def _resident() -> float:
    """What this process held when the first run was priced: nothing but libraries."""
    return peak_memory_bytes()


def price(config: Train, scratch: Path) -> Price:
    """What a run would cost.

    Args:
        scratch: a folder that is deleted, for all that is written; several prices may share it.

    Raises:
        UserError: what the run would be refused for. Of ``data=hub`` what is not here yet is no such thing.
    """
    on, folder, here = On(config), run_folder(config), gather(config, scratch)
    nothing = Price(folder, on.device, [], None, 0.0, 0.0, [], here.missing, [], [], alignment_name(config))
    if _is_finished(config, here, folder):
        note = "found: this run is finished, and costs nothing; resume=false recomputes it"
        return replace(nothing, notes=[note])
    if Stage.vectors in config.method.stages:
        return replace(nothing, left_out=["all of it: method.stages=[vectors] learns on the CPU without a backbone"])
    encoder = _encoder(config, here, scratch, on)
    lengths, reads = _task(config, here, encoder)
    learned = _learning(config, encoder, lengths, on)
    stages, longest = [*encoder.made, *learned], encoder.longest
    if longest is not None:
        longest += sum(one.seconds for one in stages if one.name != "align")
    kept, most = _disk(config, encoder, lengths, stages)
    return Price(
        run=folder,
        device=on.device,
        stages=stages,
        longest=longest,
        kept=kept,
        most=most,
        reads=[*encoder.reads, *reads],
        missing=here.missing,
        left_out=[*encoder.left_out, *_left_out(config, lengths, {one.name for one in encoder.made})],
        notes=[*encoder.notes, *_notes(config, stages, on.device)],
        alignment=nothing.alignment,
    )


def alignment_name(config: Train) -> str:
    """The same for runs that find one alignment; those that differ in what their alignments may read have two."""
    read = {key: one for key, one in values(config).items() if key.startswith(READ) and not affects_nothing(key)}
    adapter = config.backbone.adapter if config.backbone.adapter.learns_in(AdapterStage.align) else None
    return fingerprint([alignment_settings(config), config.backbone.path, read, adapter])


def _is_finished(config: Train, here: Here, folder: Path) -> bool:
    """Whether the same command would find its results."""
    corpus = here.corpus
    if config.resume is False or corpus is None:
        return False
    return is_finished(config, folder, corpus.scored.languages, corpus.text)


def _encoder(config: Train, here: Here, scratch: Path, on: On) -> Encoder:
    """What is fine-tuned, and the price of the alignment that makes it."""
    names, text, notes = config.method.stages, here.text, list[str]()
    others = [str(one) for one in names if one != Stage.align]
    left_out = (f"what method.stages={others} takes",) if others else ()
    found_note = "found: the aligned encoder is there, and costs nothing; resume=false makes it again"
    if Stage.align not in names or text is None:
        alone = Encoder(*here.backbone.load(attention(config)), left_out=left_out)
        if not names or not isinstance(text, SampledText) or not isinstance(here.backbone, Backbone):
            return alone
        if _is_made(config, here):
            return replace(alone, left_out=(), notes=(found_note,))
        by_others = _made_otherwise(here.config, text, alone, on)
        return replace(alone, others=by_others, left_out=left_out if len(by_others) < len(names) else ())

    def stage_of(of: SampledText | MadeUpText) -> AlignmentStage:
        asked = of.config
        if isinstance(here.backbone, StandIn):  # whose embeddings have no values that language tokens could start from
            asked = replace(asked, method=replace(asked.method, language_tokens=False))
        if isinstance(of, MadeUpText):  # which nothing can be learned from
            asked = replace(asked, data=replace(asked.data, links=Links.none, teacher=None))
        stage = AlignmentStage(freeze(asked), of, here.backbone, _no_trainer, precision="32-true")
        if isinstance(of, MadeUpText):
            stage.lexicon = {language: {} for language in of.languages}
        return stage

    stage = stage_of(text)
    module, data, tokenizer = stage.assembled(stage.config, stage.attention)
    steps, model = stage.config.align.steps, module.encoder.backbone
    pairs = text.pairs(data.tables) if isinstance(text, SampledText) else {}
    reads = f"parallel text: {counted(pairs)} pairs" if pairs else f"parallel text: {', '.join(text.languages)}"
    batches = batches_of(module, data, steps)
    tokens = batches.mean.tokens / max(1, batches.mean.pairs)
    cache = sum(pairs.values()) * (PAIR + FLOAT * tokens)
    found = Encoder(model, tokenizer, cache=cache, reads=(reads,), left_out=left_out)
    if _is_made(config, here):
        return replace(found, left_out=(), notes=(found_note,))
    device = on.by(lambda computing: alignment_rate(stage, batches.mean.flops, computing, scratch))
    if hint := dear_words(module, data):
        notes.append(hint)
    longest, seconds = batches.most, None
    if here.longer is not None:
        other = stage_of(here.longer)
        whole = batches_of(*other.assembled(other.config, other.attention)[:2], steps)
        longest, seconds = whole.most, alignment_price(other.config.align, module, whole, whole.most, device).seconds
    made = alignment_price(stage.config.align, module, batches, longest, device)
    before = _read_before(config, stage, data.tables, pairs, Pricing(model, device, on.at_once))
    return replace(found, price=made, others=before, longest=seconds, notes=tuple(notes))


def _made_otherwise(config: Train, text: SampledText, encoder: Encoder, on: On) -> tuple[StagePrice, ...]:
    """What makes an encoder without an alignment, as far as it has a price."""
    names = [name for name in config.method.stages if name in PRICED]
    if not names:
        return ()
    longest = config.align.max_length
    of = on.pricing(encoder.model, config.align.batch_size * longest, longest)
    return tuple(stage_price(name, config, text, encoder.tokenizer, of) for name in names)


def _read_before(
    config: Train, stage: AlignmentStage, tables: Mapping[str, Tokenised], pairs: Mapping[str, int], of: Pricing
) -> tuple[StagePrice, ...]:
    """What an alignment reads of another encoder, and of its own before it learns; of text that is here."""
    found = []
    if pairs and stage.teacher is not None:
        found.append(teacher_price(stage.teacher, tables, pairs, of))
    if pairs and config.data.links == Links.encoder:
        model, _ = stage.backbone.load(stage.attention)
        found.append(links_price(tables, pairs, replace(of, model=model)))
    return tuple(found)


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
    tests = {language: len(one) for language, one in lengths.tests.items()}
    reads = [f"{config.scored}: {counted(tests)}"] if tests else []
    if len(lengths.shots):
        reads.insert(0, f"train: {counted(config.finetune.shots)}")
    if lengths.train is not None and lengths.dev is not None:
        reads.insert(0, f"{config.task.source}: train {len(lengths.train):,}, dev {len(lengths.dev):,}")
    return lengths, [f"{config.task.name}: {one}" for one in reads]


def _learning(config: Train, encoder: Encoder, lengths: TaskLengths, on: On) -> list[StagePrice]:
    """Fine-tuning and scoring."""
    known = [one for one in (lengths.train, *lengths.tests.values()) if one is not None and len(one)]
    if not known:
        return []
    settings = config.finetune
    _set_learned(config, encoder.model)
    longest = min(settings.max_length, max(1, int(max(one.max() for one in known))))
    of = on.pricing(encoder.model, settings.batch_size * settings.max_length, longest)
    found = []
    if lengths.train is not None and lengths.dev is not None:
        parts = [("fine-tune", settings, np.concatenate([lengths.train, lengths.shots]))]
        if settings.shots_order == ShotsOrder.after:
            parts = [("fine-tune", settings, lengths.train), ("shots", of_few_labels(settings), lengths.shots)]
        passes, views = _beside(config)
        beside = [(passes, views), (1.0, 1)]  # a few labels after it are learned without tunings
        found = [
            finetuning_price(of, *part, lengths.dev, passes=often, views=held)
            for part, (often, held) in zip(parts, beside, strict=False)
        ]
    tests = [one for one in lengths.tests.values() if len(one)]
    return [*found, *([scoring_price(of, tests)] if tests else [])]


def _beside(config: Train) -> tuple[float, int]:
    """Passes of an update with its tunings, as far as they are known, and views that are held at the same time."""
    chosen = tuning_settings(config).values()
    extra = sum((settings.passes(config.finetune.epochs) or 1.0) - 1 for _, settings in chosen)
    return 1 + extra, max((kind.views for kind, _ in chosen), default=1)


def _set_learned(config: Train, model: PreTrainedModel) -> None:
    """As fine-tuning has it: all weights but the masked-word head learn, an adapter instead, or what is not frozen."""
    adapter = config.backbone.adapter
    merge_adapter(model)
    model.requires_grad_(True)
    if adapter.learns_in(AdapterStage.finetune):
        adapt(model, adapter, config.finetune.own_seed)
    unused_head(model)
    if config.finetune.freeze == Freeze.encoder:
        model.requires_grad_(False)
    elif config.finetune.freeze == Freeze.embeddings:
        model.get_input_embeddings().requires_grad_(False)


def _disk(config: Train, encoder: Encoder, lengths: TaskLengths, stages: list[StagePrice]) -> tuple[float, float]:
    """Bytes that stay, and most of all while it runs: a checkpoint is written beside the last one."""
    weights = FLOAT * Shape.of(encoder.model).parameters
    folders = {Keep.none: 0, Keep.tested: 1, Keep.best_and_last: 2, Keep.all: config.finetune.evaluations}
    learned = 0 if lengths.train is None else folders[config.keep_checkpoints]
    aligned = sum(one.name in list(Stage) for one in encoder.made)
    kept = encoder.cache + (aligned + learned) * weights + PREDICTION * sum(map(len, lengths.tests.values()))
    source = learned * weights * (config.finetune.shots_order == ShotsOrder.after)  # of the stage before, until the end
    return kept, kept + source + 2 * max((stage.checkpoint for stage in stages), default=0.0)


def _left_out(config: Train, lengths: TaskLengths, priced: set[str]) -> list[str]:
    """What a run does besides; ``priced`` names stages that have a price."""
    notes = []
    if lengths.unknown:
        notes.append(f"conf/task does not say how many there are: {', '.join(lengths.unknown)}")
    unknown = [name for name, (_, own) in tuning_settings(config).items() if own.passes(config.finetune.epochs) is None]
    if unknown:
        notes.append(f"what tuning={','.join(unknown)} reads and predicts besides labels")
    reading = {"teacher": config.data.teacher is not None, "links": config.data.links != Links.none}
    return notes + [f"what data.{key} takes once" for key, is_read in reading.items() if is_read and key not in priced]


def _notes(config: Train, stages: list[StagePrice], device: Device) -> list[str]:
    """How to read the price, and what to do where it does not fit."""
    notes = []
    if config.trainer.devices != 1:
        notes.append(f"trainer.devices={config.trainer.devices}: the price is that of one device")
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
