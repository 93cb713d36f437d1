"""What a configuration must not say: values out of range and contradictions, before anything is loaded."""

import math
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mlalign.config.adapter_validation import adapter_faults
from mlalign.config.corpora import Prepare
from mlalign.config.enums import (
    BILSTM,
    BUILT,
    CUSTOM,
    LASER,
    THIS,
    AdversarySchedule,
    BudgetUnit,
    DataSource,
    FusionForm,
    FusionKeys,
    Pool,
    Representation,
    ShotsOrder,
    Stage,
    Vocabulary,
    WordHead,
)
from mlalign.config.folder import CONF
from mlalign.config.schema import Ablation, Train
from mlalign.config.settings import flattened, leaves, values
from mlalign.config.task_validation import task_faults
from mlalign.data.languages import ENGLISH, canonical, spoken
from mlalign.errors import ConfigError, closest

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

MOST = 2**32 - 1  # of whole numbers: more is a slip of the keyboard
FUSION = "fusion"  # what an ablation can take away besides


def nearest(word: str, choices: Collection[str]) -> str:
    """A guess at what was meant, and the choices."""
    return f"{guess(word, choices)}Choices: {', '.join(choices)}"


def guess(word: str, choices: Collection[str]) -> str:
    """What was probably meant, as a question; empty if nothing is near."""
    close = closest(word, choices)
    return f"Did you mean {close}? " if close else ""


def present(losses: Mapping[str, object]) -> list[str]:
    """Names of the losses that a method has, in the order in which they are added up."""
    return sorted(name for name, settings in losses.items() if settings is not None)


def method_names() -> list[str]:
    """Every method that ``conf/method`` has."""
    return sorted(path.stem for path in (Path(CONF) / "method").glob("*.yaml"))


def part_names(group: str) -> list[str]:
    """Every loss or tuning that ``conf/<group>`` has settings of."""
    texts = [path.read_text(encoding="utf-8") for path in (Path(CONF) / group).glob("*.yaml")]
    return sorted({name for text in texts for name in re.findall(rf"^# @package {group}\.(\w+)", text)})


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
    "enable_checkpointing": "set keep_checkpoints; both stages always write checkpoints to be resumed from",
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
    refuse_out_of_range(config)
    for option, value in config.trainer.options.items():
        _check_option(option, value)
    for key, value in flattened(values(config)).items():
        for number in value if isinstance(value, list) else [value]:
            if isinstance(number, float) and not math.isfinite(number):
                raise ConfigError(f"{key}={value}: expected a finite number")
            if isinstance(number, int) and abs(number) > MOST:
                raise ConfigError(f"{key}={value}: expected at most {MOST}")
        if key == "task.languages" and isinstance(value, list) and any(isinstance(one, bool) for one in value):
            raise ConfigError(f'{key}={value}: YAML reads no as false; write the language in quotes: ["no"]')
    for message in (*task_faults(config.task, config.finetune.epochs), *adapter_faults(config)):
        raise ConfigError(message)
    for wrong, message in _contradictions(config):
        if wrong:
            raise ConfigError(message)


def refuse_out_of_range(settings: "DataclassInstance", prefix: str = "") -> None:
    """Refuse a value that its setting does not allow; null is allowed where the type has it.

    Raises:
        ConfigError: with the full key, what was found and what is expected.
    """
    declared = leaves(type(settings))
    for key, value in values(settings).items():
        allowed = declared[key].allowed
        if allowed is not None and value is not None and not allowed.allows(value):
            raise ConfigError(f"{prefix}{key}={value}: expected {allowed.expected}")


def _check_option(option: str, value: object) -> None:
    key = f"trainer.options.{option}"
    if option in NOT_OPTIONS:
        raise ConfigError(f"{key}={value}: no option here: {NOT_OPTIONS[option]}")
    if option not in TRAINER_OPTIONS:
        raise ConfigError(f"{key}={value}: Lightning's Trainer has no such option. {nearest(option, TRAINER_OPTIONS)}")


def _contradictions(config: Train) -> list[tuple[bool, str]]:
    """What must not hold, and what to say if it does."""
    losses, fusion, adversary = config.losses, config.fusion, config.align.adversary
    languages, prepare, pivot = config.data.languages or [], config.prepare, config.data.pivot
    fused = fusion.form != FusionForm.off
    needs_token = config.finetune.representation in (Representation.self, Representation.mixed)
    leaking = sorted(set(config.task.never_align_on) & set(config.data.parallel))
    resume, stages, chain = config.resume, config.method.stages, f"method.stages={list(map(str, config.method.stages))}"
    aligns, makes_words, swaps = (stage in stages for stage in (Stage.align, Stage.vectors, Stage.swap))
    is_laser = config.backbone.name == LASER
    return [
        (
            config.card.name != THIS and not config.dry_run,
            f"card={config.card.name}: only a dry run is priced on another card; set dry_run=true, or leave card out",
        ),
        (
            config.card.name != THIS and None in (config.card.float32, config.card.bandwidth, config.card.memory),
            f"card={config.card.name}: card.float32, card.bandwidth and card.memory are needed, by its data sheet",
        ),
        (
            makes_words and len(stages) > 1,
            f"{chain}: word vectors start from text alone, and no other stage "
            "starts from them; set method.stages=[vectors]",
        ),
        (
            makes_words and not config.method.language_tokens,
            "method.stages=[vectors] needs method.language_tokens=true: a word's vector is that of its language",
        ),
        (
            swaps and stages.index(Stage.swap) < len(stages) - 1,
            f"{chain}: swap must be the last, for no other stage starts from embeddings of each language's own",
        ),
        (
            swaps and not config.method.language_tokens,
            "method.stages=[swap] needs method.language_tokens=true: a sentence's language token names its embeddings",
        ),
        (
            swaps and (config.align.word_head, config.align.vocabulary) != (WordHead.backbone, Vocabulary.full),
            f"align.word_head={config.align.word_head} align.vocabulary={config.align.vocabulary}: "
            "method.stages=[swap] trains the backbone's own head on all of its words; set align.word_head=backbone "
            "align.vocabulary=full",
        ),
        (
            swaps and config.align.budget.unit != BudgetUnit.steps,
            f"align.budget.unit={config.align.budget.unit}: method.stages=[swap] divides align.steps among the "
            "languages; set align.budget.unit=steps",
        ),
        (
            aligns and not present(losses),
            f"{chain} with method={config.method.name}, which has no losses: "
            "nothing would be aligned; choose losses, or method.stages=[] for the backbone as it comes",
        ),
        (
            bool(present(losses)) and not aligns,
            f"losses={present(losses)} with {chain}: nothing trains with them; "
            "set method.stages=[align], or take the losses away",
        ),
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
        (
            config.align.budget.unit != BudgetUnit.steps and config.align.budget.amount is None,
            f"align.budget.unit={config.align.budget.unit} without align.budget.amount: how many "
            f"{config.align.budget.unit}? Add align.budget.amount=NUMBER",
        ),
        (
            config.method.trials > 0 and config.tuned is None,
            f"method.trials={config.method.trials}: it follows from what tuning chose; set tuned=FOLDER",
        ),
        (
            config.trial is not None and config.finetune.epochs == 0,
            f"trial={config.trial} with task={config.task.name}, which learns nothing: a trial is judged by English "
            "dev; choose a task that is learned",
        ),
        (
            config.trial is not None and config.data.source == DataSource.sample and prepare.seed == Prepare().seed,
            f"trial={config.trial} on the sample that runs are compared on: add data=another_sample",
        ),
        *_wrong_shots(config),
        (
            config.data.source == DataSource.hub
            and config.task.release is not None
            and config.task.release.files.translated_train is not None
            and (config.task.source != ENGLISH or bool(config.finetune.shots)),
            f"task={config.task.name} with data=hub: its train parts of other languages are English train, translated "
            "by machine, so that task.source and finetune.shots have no labels of their own there; put such files "
            "under data.root and set data=files",
        ),
        (
            pivot != ENGLISH and (config.data.source == DataSource.hub or prepare.path is not None),
            f"data.pivot={pivot} with data=hub or prepare.path, which bring pairs with English alone; put the files of "
            f"other pairs under data.root and set data=files",
        ),
        (
            pivot != ENGLISH and config.data.lexicon not in (None, "induced"),
            f"data.pivot={pivot} with data.lexicon={config.data.lexicon}, whose dictionaries translate English; set "
            "data.lexicon=induced, which learns those of the parallel text",
        ),
        (
            config.task.source != ENGLISH and config.finetune.epochs == 0,
            f"task.source={config.task.source} with task={config.task.name}, which learns nothing; leave it out",
        ),
        (
            config.task.source != ENGLISH and config.task.translated_test,
            f"task.translated_test=true with task.source={config.task.source}: translated tests are said in English; "
            "set task.translated_test=false",
        ),
        (not config.data.parallel, "data.parallel=[]: name at least one corpus"),
        (
            len(set(config.data.parallel)) < len(config.data.parallel),
            f"data.parallel={config.data.parallel}: a corpus is named twice",
        ),
        (
            any(spoken(one) == spoken(pivot) for one in languages),
            f"data.languages={languages}: {'English' if pivot == ENGLISH else pivot} is the pivot, one side of every "
            "pair; name the languages of the other sides only",
        ),
        (
            len(set(map(canonical, languages))) < len(languages),
            f"data.languages={languages}: a language is named twice",
        ),
        (
            config.data.languages == [],
            "data.languages=[]: name target languages, or null for all that the corpora hold",
        ),
        (
            bool(leaking) and bool(stages),
            f"data.parallel holds {', '.join(leaking)}, whose sentences are the test text of "
            f"task={config.task.name}; a score on it would mean nothing. Leave it out",
        ),
        (
            fused and stages[-1:] != [Stage.align] and bool(stages),
            f"{chain} with fusion.form={fusion.form}: maps are fitted to vectors "
            "before any fusion; set fusion.form=off or method.stages=[align]",
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
            fused and config.align.cached is not None,
            f"align.cached={config.align.cached} with fusion.form={fusion.form}, which reads more than sentence "
            "vectors: set align.cached=null, or fusion.form=off",
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
            config.backbone.name in BUILT
            and (config.backbone.path is not None or config.backbone.tokenizer is not None),
            f"backbone.path={config.backbone.path} backbone.tokenizer={config.backbone.tokenizer} "
            f"with backbone={config.backbone.name}, which is built here from scratch: choose backbone=custom, or the "
            "backbone whose settings suit that folder, as backbone=xlmr",
        ),
        (
            config.backbone.prune_vocabulary and config.backbone.name in BUILT and config.backbone.path is None,
            f"backbone.prune_vocabulary=true with backbone={config.backbone.name}, whose pieces are made of the run's "
            "text: set it to false",
        ),
        (
            config.backbone.name == CUSTOM and config.backbone.path is None,
            "backbone=custom: which one? Add backbone.path=FOLDER, or backbone.name=ID of the hub",
        ),
        (
            is_laser and config.backbone.path is None,
            "backbone=laser: where are its weights? Add backbone.path=FOLDER, which holds laser2.pt and laser2.spm",
        ),
        (
            is_laser and not set(stages) <= {Stage.centred, Stage.linear_map},
            f"backbone=laser with method={config.method.name}: the released encoder is taken as it is, and its folder "
            "holds nothing to learn words with; choose method=none, centred, linear_map or a tuning, or method=laser "
            "backbone=bilstm for LASER's recipe",
        ),
        (
            is_laser and (config.backbone.pool != Pool.max or config.backbone.tokenizer is not None),
            f"backbone.pool={config.backbone.pool} backbone.tokenizer={config.backbone.tokenizer} with backbone=laser: "
            "its vectors are the largest of each number over all positions, of its own pieces; set backbone.pool=max "
            "backbone.tokenizer=null",
        ),
        (
            config.backbone.name == BILSTM and config.backbone.width % 2 != 0,
            f"backbone.width={config.backbone.width}: backbone=bilstm needs an even number, half for each direction",
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


def _wrong_shots(config: Train) -> Iterator[tuple[bool, str]]:
    """The same of a few labels in target languages."""
    finetune = config.finetune
    shots, order, source = finetune.shots, finetune.shots_order, config.task.source
    yield (
        bool(shots) and finetune.epochs == 0,
        f"finetune.shots={shots} with task={config.task.name}, which learns nothing: choose a task that is learned",
    )
    yield (
        any(canonical(one) == source for one in shots),
        f"finetune.shots={shots}: {source} is the source, whose labels are learned anyway; name target languages only",
    )
    yield (len(set(map(canonical, shots))) < len(shots), f"finetune.shots={shots}: a language is named twice")
    yield (
        order == ShotsOrder.after and not shots,
        "finetune.shots_order=after without finetune.shots: how many labels of which language? Add "
        "'finetune.shots={de: 10}'",
    )
    given = {"shots_epochs": finetune.shots_epochs, "shots_learning_rate": finetune.shots_learning_rate}
    for key, value in given.items():
        yield (
            value is not None and order != ShotsOrder.after,
            f"finetune.{key}={value} with finetune.shots_order={order}: these labels have a stage of their own with "
            "finetune.shots_order=after alone",
        )
