"""What a configuration must not say: values out of range and contradictions, before anything is loaded."""

import logging
import math
from collections.abc import Collection
from pathlib import Path
from typing import Any

from mlalign.config.enums import (
    CUSTOM,
    TINY,
    AdversarySchedule,
    Confusion,
    DataSource,
    FusionForm,
    FusionKeys,
    Representation,
    WeightingForm,
)
from mlalign.config.schema import Ablation, Losses, Train
from mlalign.config.settings import POSITIVE, SHARE, at_least, flattened, leaves, values
from mlalign.config.task_validation import task_faults
from mlalign.data.languages import ENGLISH
from mlalign.errors import ConfigError, closest

log = logging.getLogger(__name__)

LOSSES = tuple(Losses.__dataclass_fields__)
FUSION = "fusion"  # what an ablation can take away besides


def nearest(word: str, choices: Collection[str]) -> str:
    """A guess at what was meant, and the choices."""
    close = closest(word, choices)
    guess = f"Did you mean {close}? " if close else ""
    return f"{guess}Choices: {', '.join(choices)}"


def present(losses: Losses) -> list[str]:
    """Names of the losses that a method has."""
    return [name for name in LOSSES if getattr(losses, name) is not None]


def apply_ablation(config: Train) -> None:
    """Take away what the chosen ablations name, and name them jointly, in alphabetical order.

    Raises:
        ConfigError: the method does not have it, two of them take away the same, or nothing is
            left.
    """
    ablation = config.ablation
    if ablation != Ablation(parts=ablation.parts):
        raise ConfigError(
            "ablation.name, ablation.without and ablation.fusion follow from ablation.parts; "
            "give what is to be taken away as +ablation.parts.NAME=[LOSS], with a name of your own"
        )
    ablation.name = "+".join(sorted(ablation.parts)) or "none"
    taken = _taken(ablation)
    had = present(config.losses)
    for name in taken:
        if name in LOSSES and name not in had:
            raise ConfigError(
                f"ablation={ablation.name} takes away {name}, which "
                f"method={config.method.name} does not have (it has: {', '.join(had) or 'none'}); "
                "choose ablation=none or another method"
            )
    if FUSION in taken:
        if config.fusion.form == FusionForm.off:
            raise ConfigError(
                f"ablation={ablation.name} takes away the fusion, which "
                f"method={config.method.name} does not have; choose ablation=none"
            )
        config.fusion.form = FusionForm.off
    ablation.without = [name for name in LOSSES if name in taken]
    ablation.fusion = FUSION not in taken
    for name in ablation.without:
        setattr(config.losses, name, None)
    if had and not present(config.losses):
        raise ConfigError(
            f"ablation={ablation.name} takes away all that method={config.method.name} has; "
            "the run without alignment is method=none"
        )


def _taken(ablation: Ablation) -> dict[str, str]:
    """What is taken away -> the chosen ablation that names it."""
    taken: dict[str, str] = {}
    for choice, names in sorted(ablation.parts.items()):
        for name in names:
            if name not in (*LOSSES, FUSION):
                raise ConfigError(f"ablation.parts.{choice}: {name!r} is no loss. {nearest(name, (*LOSSES, FUSION))}")
            if name in taken:
                raise ConfigError(
                    f"ablation={ablation.name}: {taken[name]} and {choice} both take away {name}; leave out one of them"
                )
            taken[name] = choice
    return taken


TASK_RANGES = {"task.train_size": at_least(1)}
LOSS_RANGES = {
    "losses.adversarial.smoothing": SHARE,
    "losses.inter_sentence.temperature": POSITIVE,
    "losses.intra_sentence.temperature": POSITIVE,
    "losses.masked_words.chunk_size": at_least(1),
    "losses.word_distribution.chunk_size": at_least(1),
    "losses.word_distribution.smoothing_mass": SHARE,
}
TRAINER_OPTIONS = (  # of Lightning's Trainer; none of them changes what is learned, but for rounding
    "benchmark",
    "detect_anomaly",
    "deterministic",
    "enable_autolog_hparams",
    "inference_mode",
    "log_every_n_steps",
    "profiler",
)
NOT_OPTIONS = {  # options of Lightning's Trainer -> what says the same here, or why it is refused
    "accelerator": "set trainer.accelerator",
    "accumulate_grad_batches": "set align.accumulate",
    "barebones": "curves and checkpoints are needed",
    "callbacks": "none can be added",
    "check_val_every_n_epoch": "set align.validations and finetune.evaluations",
    "default_root_dir": "set output",
    "devices": "set trainer.devices",
    "enable_checkpointing": "set keep_checkpoints; an alignment always writes checkpoints to be resumed from",
    "enable_model_summary": "it is off",
    "enable_progress_bar": "set trainer.progress",
    "fast_dev_run": "set align.steps and finetune.epochs",
    "gradient_clip_algorithm": "gradients are clipped by their norm",
    "gradient_clip_val": "set align.max_grad_norm and finetune.max_grad_norm",
    "limit_predict_batches": "all of every test part is scored",
    "limit_test_batches": "all of every test part is scored",
    "limit_train_batches": "set align.steps and finetune.epochs",
    "limit_val_batches": "all of English dev is scored",
    "logger": "set logger",
    "max_epochs": "set finetune.epochs",
    "max_steps": "set align.steps",
    "max_time": "an alignment that a clock ends is not reproducible; set align.steps and finetune.epochs",
    "min_epochs": "set finetune.epochs",
    "min_steps": "set align.steps",
    "model_registry": "set output",
    "num_nodes": "torchrun or SLURM start the same command on every machine",
    "num_sanity_val_steps": "it is off",
    "overfit_batches": "set data.max_pairs and task.train_size",
    "plugins": "none can be added; set trainer.precision and trainer.devices",
    "precision": "set trainer.precision",
    "reload_dataloaders_every_n_epochs": "the order of batches follows from the seed alone",
    "strategy": "set trainer.devices; a model is not split as by fsdp (docs/devices.md says why)",
    "sync_batchnorm": "no encoder has a batch norm",
    "use_distributed_sampler": "batches are sliced by rank already",
    "val_check_interval": "set align.validations and finetune.evaluations",
}


def check(config: Train) -> None:
    """Refuse values out of range and settings that contradict each other.

    Raises:
        ConfigError: with the full key, what was found and what to do.
    """
    found = values(config)
    allowed = {key: leaf.allowed for key, leaf in leaves(Train).items()} | TASK_RANGES | LOSS_RANGES
    for key, value in found.items():
        allowed_here = allowed.get(key)
        if allowed_here is not None and value is not None and not allowed_here.allows(value):
            raise ConfigError(f"{key}={value}: expected {allowed_here.expected}")
    for option, value in config.trainer.options.items():
        _check_option(option, value)
    for key, value in flattened(found).items():
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"{key}={value}: expected a finite number")
    for message in task_faults(config.task, config.finetune.epochs):
        raise ConfigError(message)
    for wrong, message in _contradictions(config):
        if wrong:
            raise ConfigError(message)
    if config.losses.intra_sentence and not config.losses.inter_sentence:
        log.warning(
            "losses.intra_sentence without losses.inter_sentence has a trivial minimum, all "
            "sentence vectors equal: watch held_out"
        )


def _check_option(option: str, value: Any) -> None:
    key = f"trainer.options.{option}"
    if option in NOT_OPTIONS:
        raise ConfigError(f"{key}={value}: no option here: {NOT_OPTIONS[option]}")
    if option not in TRAINER_OPTIONS:
        raise ConfigError(f"{key}={value}: Lightning's Trainer has no such option. {nearest(option, TRAINER_OPTIONS)}")


def _contradictions(config: Train) -> list[tuple[bool, str]]:
    """What must not hold, and what to say if it does."""
    losses, fusion, adversary = config.losses, config.fusion, config.align.adversary
    languages, prepare = config.data.languages or [], config.prepare
    fused = fusion.form != FusionForm.off
    learned = config.weighting.form != WeightingForm.fixed
    needs_token = config.finetune.representation in (Representation.self, Representation.mixed)
    leaking = sorted(set(config.task.never_align_on) & set(config.data.parallel))
    resume = config.resume
    return [
        (
            prepare.path is not None and config.data.source == DataSource.sample,
            f"prepare.path={prepare.path} with data=sample, which is generated: add "
            "data=files data.root=FOLDER for what is prepared",
        ),
        (
            len(prepare.columns) not in (0, 2) or "0" in map(str, prepare.columns),
            f"prepare.columns={prepare.columns}: expected two, that of English first; names, or numbers from 1",
        ),
        (
            prepare.min_characters > prepare.max_characters,
            f"prepare.min_characters={prepare.min_characters} is more than "
            f"prepare.max_characters={prepare.max_characters}",
        ),
        (not config.data.parallel, "data.parallel=[]: name at least one corpus"),
        (
            len(set(config.data.parallel)) < len(config.data.parallel),
            f"data.parallel={config.data.parallel}: a corpus is named twice",
        ),
        (
            ENGLISH in languages,
            f"data.languages={languages}: English is the source; name target languages only",
        ),
        (
            len(set(languages)) < len(languages),
            f"data.languages={languages}: a language is named twice",
        ),
        (
            config.data.languages == [],
            "data.languages=[]: name target languages, or null for all that the corpora hold",
        ),
        (
            bool(leaking) and bool(present(losses)),
            f"data.parallel holds {', '.join(leaking)}, whose sentences are the test text of "
            f"task={config.task.name}; a score on it would mean nothing. Leave it out",
        ),
        (
            fused and not config.method.language_tokens,
            f"fusion.form={fusion.form} needs method.language_tokens=true: the fusion attends to "
            "the vectors of language tokens",
        ),
        (
            fused and not present(losses),
            f"fusion.form={fusion.form} with method={config.method.name}: nothing trains the "
            "fusion; choose a method with losses, or fusion.form=off",
        ),
        (
            needs_token and not fused,
            f"finetune.representation={config.finetune.representation} needs a fusion, and there "
            "is none; choose representation=backbone, or a method with fusion.form=gated",
        ),
        (
            adversary.weighted
            and learned
            and losses.adversarial is not None
            and losses.adversarial.form == Confusion.minimax,
            "losses.adversarial.form=minimax with align.adversary.weighted=true: its value is "
            "negative, and a learned weight would grow without bound; choose form=flip or uniform",
        ),
        (
            adversary.weighted and learned and losses.adversarial is not None and adversary.warmup > 0,
            f"align.adversary.warmup={adversary.warmup} with align.adversary.weighted=true: the "
            "learned weight would run away while the reward is 0; set align.adversary.warmup=0",
        ),
        (
            losses.adversarial is not None and adversary.input == "language" and not config.method.language_tokens,
            "align.adversary.input=language needs method.language_tokens=true",
        ),
        (
            adversary.discriminator_steps > 1 and adversary.schedule == AdversarySchedule.joint,
            f"align.adversary.discriminator_steps={adversary.discriminator_steps} needs "
            "align.adversary.schedule=alternate: under joint both players step once",
        ),
        (
            fused and fusion.keys == FusionKeys.pair and fusion.partner_drop > 0,
            f"fusion.keys=pair with fusion.partner_drop={fusion.partner_drop}: the paper's keys "
            "always see the pair; set fusion.partner_drop=0",
        ),
        (
            config.backbone.name == TINY
            and (config.backbone.path is not None or config.backbone.tokenizer is not None),
            f"backbone.path={config.backbone.path} backbone.tokenizer={config.backbone.tokenizer} "
            "with backbone=tiny, which is built here from scratch: choose backbone=custom, or the "
            "backbone whose settings suit that folder, as backbone=xlmr",
        ),
        (
            config.backbone.name == CUSTOM and config.backbone.path is None,
            "backbone=custom: which one? Add backbone.path=FOLDER, or backbone.name=ID of the hub",
        ),
        (
            config.backbone.width % config.backbone.heads != 0,
            f"backbone.width={config.backbone.width} is no multiple of backbone.heads={config.backbone.heads}",
        ),
        (
            not isinstance(resume, bool) and not (Path(str(resume)) / "checkpoints" / "last.ckpt").is_file(),
            f"resume={resume}: expected true, false or the folder of an unfinished alignment "
            "with a checkpoint in it (outputs/aligned/*.partial)",
        ),
    ]
