"""What a configuration must not say: ranges and contradictions, before anything is loaded."""

import difflib
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from mlalign.config.corpora import prepare_contradictions
from mlalign.config.enums import (
    CUSTOM,
    TINY,
    AdversarySchedule,
    FusionForm,
    FusionKeys,
    Representation,
)
from mlalign.config.folder import CONF
from mlalign.config.schema import Ablation, Train
from mlalign.config.task_validation import task_faults
from mlalign.errors import ConfigError
from mlalign.reporting.strict_json import not_finite

FUSION = "fusion"  # what an ablation can take away besides


def nearest(word: str, choices: Collection[str]) -> str:
    """A guess at what was meant, and the choices."""
    return f"{guess(word, choices)}Choices: {', '.join(choices)}"


def guess(word: str, choices: Collection[str]) -> str:
    """What was probably meant, as a question; empty if nothing is near."""
    close = difflib.get_close_matches(word, list(choices), n=1)
    return f"Did you mean {close[0]}? " if close else ""


def present(losses: Mapping[str, Any]) -> list[str]:
    """Names of the losses that a method has, in the order in which they are added up."""
    return sorted(name for name, settings in losses.items() if settings is not None)


def loss_names() -> list[str]:
    """Every loss that ``conf/losses`` has settings of."""
    texts = [path.read_text(encoding="utf-8") for path in (Path(CONF) / "losses").glob("*.yaml")]
    return sorted({name for text in texts for name in re.findall(r"^# @package losses\.(\w+)", text)})


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
        if name not in (*had, FUSION):
            raise ConfigError(
                f"ablation={ablation.name} takes away {name}, which "
                f"method={config.method.name} does not have (it has: {', '.join(had) or 'none'}). "
                f"{guess(name, (*had, FUSION))}Choose ablation=none or another method"
            )
    if FUSION in taken:
        if config.fusion.form == FusionForm.off:
            raise ConfigError(
                f"ablation={ablation.name} takes away the fusion, which "
                f"method={config.method.name} does not have; choose ablation=none"
            )
        config.fusion.form = FusionForm.off
    ablation.without = sorted(name for name in taken if name != FUSION)
    ablation.fusion = FUSION not in taken
    config.losses = {name: config.losses[name] for name in had if name not in taken}
    if had and not config.losses:
        raise ConfigError(
            f"ablation={ablation.name} takes away all that method={config.method.name} has; "
            "the run without alignment is method=none"
        )


def _taken(ablation: Ablation) -> dict[str, str]:
    """What is taken away -> the chosen ablation that names it."""
    taken: dict[str, str] = {}
    for choice, names in sorted(ablation.parts.items()):
        for name in names:
            if name in taken:
                raise ConfigError(
                    f"ablation={ablation.name}: {taken[name]} and {choice} both take away {name}; leave out one of them"
                )
            taken[name] = choice
    return taken


Range = tuple[Callable[[Any], bool], str]  # of a value; what is expected


def _at_least(least: float) -> Range:
    return (lambda value: value >= least), f"at least {least:g}"


POSITIVE: Range = (lambda value: value > 0), "above 0"
SHARE: Range = (lambda value: 0 <= value < 1), "a share in [0, 1)"
AT_LEAST_ONE = _at_least(1)
CLOSED_SHARE = (lambda value: 0 <= value <= 1), "a share in [0, 1]"

RANGES: dict[str, Range] = {
    "align.steps": _at_least(1),
    "align.pairs": _at_least(2),
    "align.max_length": _at_least(8),
    "align.accumulate": _at_least(1),
    "align.max_grad_norm": POSITIVE,
    "align.warmup": SHARE,
    "align.word_distribution_every": _at_least(1),
    "align.head_warmup": _at_least(0),
    "align.mask_rate": ((lambda value: 0 < value < 1), "a share in (0, 1)"),
    "align.prototype_momentum": SHARE,
    "align.prototype_sentences": _at_least(1),
    "align.curves": _at_least(1),
    "align.learning_rate.backbone": _at_least(0),
    "align.learning_rate.embeddings": _at_least(0),
    "align.learning_rate.heads": _at_least(0),
    "align.learning_rate.discriminator": _at_least(0),
    "align.learning_rate.weights": _at_least(0),
    "align.adversary.hidden": _at_least(1),
    "align.adversary.dropout": SHARE,
    "align.adversary.discriminator_steps": _at_least(1),
    "align.adversary.weight": _at_least(0),
    "align.adversary.warmup": SHARE,
    "align.adversary.ramp": SHARE,
    "backbone.dropout": SHARE,
    "backbone.layers": _at_least(1),
    "backbone.heads": _at_least(1),
    "backbone.vocabulary_size": _at_least(100),
    "data.max_pairs": _at_least(2),
    "data.held_out": _at_least(0),
    "data.min_words": _at_least(1),
    "data.max_ratio": _at_least(1),
    "data.sampling_exponent": CLOSED_SHARE,
    "finetune.epochs": _at_least(0),
    "finetune.batch_size": _at_least(1),
    "finetune.learning_rate": _at_least(0),
    "finetune.head_learning_rate": _at_least(0),
    "finetune.warmup": SHARE,
    "finetune.weight_decay": _at_least(0),
    "finetune.max_grad_norm": POSITIVE,
    "finetune.dropout": SHARE,
    "finetune.max_length": _at_least(8),
    "finetune.evaluations": _at_least(1),
    "fusion.temperature": POSITIVE,
    "fusion.partner_drop": CLOSED_SHARE,
    "logger.rows": _at_least(0),
    "task.train_size": _at_least(1),
    "trainer.devices": ((lambda n: n == "auto" or (type(n) is int and n > 0)), "auto or a number"),
    "trainer.threads": _at_least(1),
    "trainer.tokens": _at_least(1),
    "trainer.workers": _at_least(0),
    "weighting.bound": POSITIVE,
}
OURS = {  # options of Lightning's Trainer that have keys of their own here
    "accelerator": "trainer.accelerator",
    "precision": "trainer.precision",
    "max_steps": "align.steps",
    "max_epochs": "finetune.epochs",
    "gradient_clip_val": "align.max_grad_norm and finetune.max_grad_norm",
    "accumulate_grad_batches": "align.accumulate",
    "logger": "logger",
    "callbacks": "none",
    "enable_progress_bar": "trainer.progress",
    "use_distributed_sampler": "none: batches are sliced by rank already",
    "val_check_interval": "align.curves and finetune.evaluations",
    "default_root_dir": "output",
    "devices": "trainer.devices",
    "num_nodes": "none: torchrun or SLURM start the same command on every machine",
    "strategy": "trainer.devices; a model is not split as by fsdp (docs/devices.md says why)",
    "enable_model_summary": "none: it is off",
    "num_sanity_val_steps": "none: it is off",
    "fast_dev_run": "align.steps and finetune.epochs",
    "limit_train_batches": "align.steps and finetune.epochs",
    "limit_val_batches": "none: all of English dev is scored",
    "limit_predict_batches": "none: all of every test part is scored",
    "overfit_batches": "data.max_pairs and task.train_size",
}


def check(config: Train) -> None:
    """Refuse values out of range and settings that contradict each other.

    Raises:
        ConfigError: with the full key, what was found and what to do.
    """
    plain = OmegaConf.structured(config)
    for key, (allowed, expected) in RANGES.items():
        value = OmegaConf.select(plain, key)
        if value is not None and not allowed(value):
            raise ConfigError(f"{key}={value}: expected {expected}")
    for key, value in config.trainer.options.items():
        known = _trainer_options()
        if key in OURS:
            raise ConfigError(f"trainer.options.{key}: set it through {OURS[key]}")
        if key not in known:
            raise ConfigError(
                f"trainer.options.{key}={value}: Lightning's Trainer has no such option. {nearest(key, known)}"
            )
    infinite = ", ".join(not_finite(OmegaConf.to_container(plain)))
    if infinite:
        raise ConfigError(f"{infinite}: expected a finite number")
    for message in task_faults(config.task, config.finetune.epochs):
        raise ConfigError(message)
    for wrong, message in _contradictions(config):
        if wrong:
            raise ConfigError(message)


def _trainer_options() -> list[str]:
    """What Lightning's Trainer takes besides what has a key of its own here."""
    import inspect

    import lightning as L

    return [name for name in inspect.signature(L.Trainer).parameters if name not in OURS]


def _contradictions(config: Train) -> list[tuple[bool, str]]:
    """What must not hold, and what to say if it does."""
    losses, fusion, adversary = config.losses, config.fusion, config.align.adversary
    languages = config.data.languages or []
    fused = fusion.form != FusionForm.off
    needs_token = config.finetune.representation in (Representation.self, Representation.mixed)
    leaking = sorted(set(config.task.never_align_on) & set(config.data.parallel))
    resume = config.resume
    return [
        (
            config.data.source not in ("sample", "files", "hub"),
            f"data.source={config.data.source}: expected sample, files or hub",
        ),
        *prepare_contradictions(config.prepare, config.data.source),
        (not config.data.parallel, "data.parallel=[]: name at least one corpus"),
        (
            len(set(config.data.parallel)) < len(config.data.parallel),
            f"data.parallel={config.data.parallel}: a corpus is named twice",
        ),
        (
            "en" in languages,
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
