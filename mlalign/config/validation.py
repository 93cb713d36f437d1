"""What a configuration must not say: values out of range and contradictions, before anything is loaded."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path

from mlalign.config.corpora import Prepare
from mlalign.config.enums import (
    BILSTM,
    BUILT,
    CUSTOM,
    LASER,
    THIS,
    AdapterForm,
    AdapterStage,
    AdversarySchedule,
    BudgetUnit,
    DataSource,
    Freeze,
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
from mlalign.config.schema import Adapter, Train
from mlalign.config.settings import Faults, flattened, refuse, told, values, wrong_values
from mlalign.config.task import Task
from mlalign.data.languages import ENGLISH, canonical, spoken
from mlalign.errors import ConfigError, nearest
from mlalign.files import CHECKPOINT
from mlalign.metrics.tasks import task_metrics

MOST = 2**32 - 1  # of whole numbers: more is a slip of the keyboard
ALL_LEARN = (Stage.parse, Stage.swap)  # stages that train every weight
MAPS = {Stage.centred, Stage.linear_map}  # stages that train nothing
TABLE = "table"  # the format whose columns the task itself names


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


TRAINER_OPTIONS = (  # of Lightning's Trainer; none of them changes what is learned, but for rounding
    *("benchmark", "detect_anomaly", "deterministic", "enable_autolog_hparams", "inference_mode"),
    *("log_every_n_steps", "profiler"),
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
    """Refuse values out of range and settings that contradict each other."""
    refuse(wrong_values(config))
    refuse(_wrong_options(config.trainer.options))
    for key, value in flattened(values(config)).items():
        for number in value if isinstance(value, list) else [value]:
            if isinstance(number, float) and not math.isfinite(number):
                raise ConfigError(f"{key}={value}: expected a finite number")
            if isinstance(number, int) and abs(number) > MOST:
                raise ConfigError(f"{key}={value}: expected at most {MOST}")
        if key == "task.languages" and isinstance(value, list) and any(isinstance(one, bool) for one in value):
            raise ConfigError(f'{key}={value}: YAML reads no as false; write the language in quotes: ["no"]')
    refuse(task_faults(config.task, config.finetune.epochs))
    for faults in (_of_adapter, _of_stages, _of_text, _of_labels, _of_fusion, _of_backbone, _of_the_run):
        refuse(told(faults(config)))


def task_faults(task: Task, epochs: int) -> Iterator[str]:
    """What the settings of a task must not say."""
    scored_by = {name: metric for metric in task_metrics().values() for name in metric.formats}
    metric, known, has_table = scored_by.get(task.format), sorted(scored_by), task.format == TABLE
    if metric is None:
        yield f"task.format={task.format}: no such format. {nearest(task.format, known)}"
        return
    texts = [columns.texts for columns in task.table.columns] if task.table is not None else []
    faults = {
        f"task.metric={task.metric}: task.format={task.format} is scored by {metric.name}": task.metric != metric.name,
        f"task.format={task.format} with task.table={'set' if task.table else 'null'}: format table needs task.table, "
        "which says what its columns are, and no other format has it": has_table != (task.table is not None),
        "task.files=null: format table needs the names of its files": has_table and task.files is None,
        **{
            f"task.table.columns: texts={one}: expected one column, or two for pairs of texts": len(one) not in (1, 2)
            for one in texts
        },
        f"finetune.epochs={epochs}: task={task.name} compares sentence vectors as they are and learns nothing; set "
        "finetune.epochs=0": epochs > 0 and not metric.is_learned,
        f"finetune.epochs=0: task={task.name} is learned; expected at least 1": metric.is_learned and not epochs,
    }
    yield from chain(told(faults), metric.label_faults(task.labels, task.name))


def _wrong_options(options: Mapping[str, object]) -> Iterator[str]:
    for option, value in options.items():
        key = f"trainer.options.{option}={value}"
        if option in NOT_OPTIONS:
            yield f"{key}: no option here: {NOT_OPTIONS[option]}"
        elif option not in TRAINER_OPTIONS:
            yield f"{key}: Lightning's Trainer has no such option. {nearest(option, TRAINER_OPTIONS)}"


def _of_stages(config: Train) -> Faults:
    method, align, unit, losses = config.method, config.align, config.align.budget.unit, present(config.losses)
    stages, chain = method.stages, f"method.stages={list(map(str, method.stages))}"
    aligns, makes_words, swaps = (stage in stages for stage in (Stage.align, Stage.vectors, Stage.swap))
    has_own_head = (align.word_head, align.vocabulary) != (WordHead.backbone, Vocabulary.full)
    goes_on, is_unknown = Stage.swap in stages[:-1], unit != BudgetUnit.steps and align.budget.amount is None
    return {
        f"{chain}: word vectors start from text alone, and no other stage starts from them; set "
        "method.stages=[vectors]": makes_words and len(stages) > 1,
        "method.stages=[vectors] needs method.language_tokens=true: a word's vector is that of its "
        "language": makes_words and not method.language_tokens,
        f"{chain}: swap must be the last, for no other stage starts from embeddings of each language's own": goes_on,
        "method.stages=[swap] needs method.language_tokens=true: a sentence's language token names its "
        "embeddings": swaps and not method.language_tokens,
        f"align.word_head={align.word_head} align.vocabulary={align.vocabulary}: method.stages=[swap] trains the "
        "backbone's own head on all of its words; set align.word_head=backbone "
        "align.vocabulary=full": swaps and has_own_head,
        f"align.budget.unit={unit}: method.stages=[swap] divides align.steps among the languages; set "
        "align.budget.unit=steps": swaps and unit != BudgetUnit.steps,
        f"{chain} with method={method.name}, which has no losses: nothing would be aligned; choose losses, or "
        "method.stages=[] for the backbone as it comes": aligns and not losses,
        f"losses={losses} with {chain}: nothing trains with them; set method.stages=[align], or take the losses "
        "away": bool(losses) and not aligns,
        f"align.budget.unit={unit} without align.budget.amount: how many {unit}? Add "
        "align.budget.amount=NUMBER": is_unknown,
    }


def _of_text(config: Train) -> Faults:
    data, prepare, pivot, corpora = config.data, config.prepare, config.data.pivot, config.data.parallel
    languages, least, most = data.languages or [], prepare.min_characters, prepare.max_characters
    is_one_side = any(spoken(one) == spoken(pivot) for one in languages)
    leaking = sorted(set(config.task.never_align_on) & set(corpora))
    has_no_pair = len(prepare.columns) not in (0, 2) or "0" in map(str, prepare.columns)
    has_english_alone = data.source == DataSource.hub or prepare.path is not None
    return {
        f"prepare.path={prepare.path} with data=sample, which is generated: add data=files data.root=FOLDER for "
        "what is prepared": prepare.path is not None and data.source == DataSource.sample,
        f"prepare.columns={prepare.columns}: expected two, that of English first; names, or numbers from "
        "1": has_no_pair,
        f"prepare.min_characters={least} is more than prepare.max_characters={most}": least > most,
        f"data.pivot={pivot} with data=hub or prepare.path, which bring pairs with English alone; put the files of "
        "other pairs under data.root and set data=files": pivot != ENGLISH and has_english_alone,
        f"data.pivot={pivot} with data.lexicon={data.lexicon}, whose dictionaries translate English; set "
        "data.lexicon=induced, which learns those of the parallel "
        "text": pivot != ENGLISH and data.lexicon not in (None, "induced"),
        "data.parallel=[]: name at least one corpus": not corpora,
        f"data.parallel={corpora}: a corpus is named twice": len(set(corpora)) < len(corpora),
        f"data.languages={languages}: {'English' if pivot == ENGLISH else pivot} is the pivot, one side of every pair; "
        "name the languages of the other sides only": is_one_side,
        f"data.languages={languages}: a language is named twice": has_twice(languages),
        "data.languages=[]: name target languages, or null for all that the corpora hold": data.languages == [],
        f"data.parallel holds {', '.join(leaking)}, whose sentences are the test text of task={config.task.name}; a "
        "score on it would mean nothing. Leave it out": bool(leaking) and bool(config.method.stages),
    }


def _of_labels(config: Train) -> Faults:
    """Of what is learned, and of trials, which are judged by it."""
    task, finetune, trial, data = config.task, config.finetune, config.trial, config.data
    shots, order, source, is_learned = finetune.shots, finetune.shots_order, task.source, finetune.epochs > 0
    is_compared = data.source == DataSource.sample and config.prepare.seed == Prepare().seed and trial is not None
    has_idle_shots, has_idle_source = bool(shots) and not is_learned, source != ENGLISH and not is_learned
    files = None if task.release is None or data.source != DataSource.hub else task.release.files
    is_translated = files is not None and files.translated_train is not None
    of_later = {"shots_epochs": finetune.shots_epochs, "shots_learning_rate": finetune.shots_learning_rate}
    return {
        f"method.trials={config.method.trials}: it follows from what tuning chose; set "
        "tuned=FOLDER": config.method.trials > 0 and config.tuned is None,
        f"trial={trial} with task={task.name}, which learns nothing: a trial is judged by English dev; choose a task "
        "that is learned": trial is not None and not is_learned,
        f"trial={trial} on the sample that runs are compared on: add data=another_sample": is_compared,
        f"finetune.shots={shots} with task={task.name}, which learns nothing: choose a task that is "
        "learned": has_idle_shots,
        f"finetune.shots={shots}: {source} is the source, whose labels are learned anyway; name target languages "
        "only": any(canonical(one) == source for one in shots),
        f"finetune.shots={shots}: a language is named twice": has_twice(shots),
        "finetune.shots_order=after without finetune.shots: how many labels of which language? Add "
        "'finetune.shots={de: 10}'": order == ShotsOrder.after and not shots,
        **{
            f"finetune.{key}={value} with finetune.shots_order={order}: these labels have a stage of their own with "
            "finetune.shots_order=after alone": value is not None and order != ShotsOrder.after
            for key, value in of_later.items()
        },
        f"task={task.name} with data=hub: its train parts of other languages are English train, translated by machine, "
        "so that task.source and finetune.shots have no labels of their own there; put such files under data.root and "
        "set data=files": is_translated and (source != ENGLISH or bool(shots)),
        f"task.source={source} with task={task.name}, which learns nothing; leave it out": has_idle_source,
        f"task.translated_test=true with task.source={source}: translated tests are said in English; set "
        "task.translated_test=false": source != ENGLISH and task.translated_test,
    }


def _of_fusion(config: Train) -> Faults:
    """Of the fusion, and of the adversary."""
    fusion, align, method, adversary = config.fusion, config.align, config.method, config.align.adversary
    form, stages, seen = f"fusion.form={fusion.form}", list(map(str, method.stages)), config.finetune.representation
    fused = fusion.form != FusionForm.off
    has_no_tokens = fused and not method.language_tokens
    is_before_maps = fused and stages[-1:] not in ([], [Stage.align])
    has_idle_player = adversary.discriminator_steps > 1 and adversary.schedule == AdversarySchedule.joint
    return {
        f"method.stages={stages} with {form}: maps are fitted to vectors before any fusion; set fusion.form=off or "
        "method.stages=[align]": is_before_maps,
        f"{form} needs method.language_tokens=true: the fusion attends to the vectors of language "
        "tokens": has_no_tokens,
        f"{form} with method={method.name}: nothing trains the fusion; choose a method with losses, or "
        "fusion.form=off": fused and not present(config.losses),
        f"align.cached={align.cached} with {form}, which reads more than sentence vectors: set align.cached=null, or "
        "fusion.form=off": fused and align.cached is not None,
        f"finetune.representation={seen} needs a fusion, and there is none; choose representation=backbone, or a "
        "method with fusion.form=gated": not fused and seen in (Representation.self, Representation.mixed),
        f"align.adversary.discriminator_steps={adversary.discriminator_steps} needs "
        "align.adversary.schedule=alternate: under joint both players step once": has_idle_player,
        f"fusion.keys=pair with fusion.partner_drop={fusion.partner_drop}: the paper's keys always see the pair; set "
        "fusion.partner_drop=0": fused and fusion.keys == FusionKeys.pair and fusion.partner_drop > 0,
    }


def _of_backbone(config: Train) -> Faults:
    backbone, name, is_given = config.backbone, config.backbone.name, config.backbone.path is not None
    is_built, is_laser, width, heads = name in BUILT, name == LASER, backbone.width, backbone.heads
    is_unnamed, has_no_half = name == CUSTOM and not is_given, name == BILSTM and width % 2 != 0
    given = f"backbone.path={backbone.path} backbone.tokenizer={backbone.tokenizer} with backbone={name}"
    return {
        f"{given}, which is built here from scratch: choose backbone=custom, or the backbone whose settings suit that "
        "folder, as backbone=xlmr": is_built and (is_given or backbone.tokenizer is not None),
        f"backbone.prune_vocabulary=true with backbone={name}, whose pieces are made of the run's text: set it to "
        "false": is_built and backbone.prune_vocabulary and not is_given,
        "backbone=custom: which one? Add backbone.path=FOLDER, or backbone.name=ID of the hub": is_unnamed,
        "backbone=laser: where are its weights? Add backbone.path=FOLDER, which holds laser2.pt and "
        "laser2.spm": is_laser and not is_given,
        f"backbone=laser with method={config.method.name}: the released encoder is taken as it is, and its folder "
        "holds nothing to learn words with; choose method=none, centred, linear_map or a tuning, or method=laser "
        "backbone=bilstm for LASER's recipe": is_laser and not set(config.method.stages) <= MAPS,
        f"backbone.pool={backbone.pool} backbone.tokenizer={backbone.tokenizer} with backbone=laser: its vectors are "
        "the largest of each number over all positions, of its own pieces; set backbone.pool=max "
        "backbone.tokenizer=null": is_laser and (backbone.pool != Pool.max or backbone.tokenizer is not None),
        f"backbone.width={width}: backbone=bilstm needs an even number, half for each direction": has_no_half,
        f"backbone.width={width} is no multiple of backbone.heads={heads}": width % heads != 0,
    }


def _of_adapter(config: Train) -> Faults:
    adapter, name, frozen = config.backbone.adapter, config.backbone.name, config.finetune.freeze
    if adapter.form is None:
        message = "has settings and no form; add backbone.adapter=lora or backbone.adapter=bottleneck"
        return {f"backbone.adapter {message}": adapter != Adapter()}
    layers, said, stages = adapter.layers or [], list(map(str, adapter.stages)), config.method.stages
    chosen, chain = f"backbone.adapter.form={adapter.form}", f"method.stages={list(map(str, stages))}"
    of_lora = f"backbone.adapter.alpha={adapter.alpha} backbone.adapter.dropout={adapter.dropout}"
    in_align, in_finetune = (adapter.learns_in(stage) for stage in AdapterStage)
    has_lora = adapter.alpha is not None or adapter.dropout > 0
    return {
        f"{chosen} with backbone={name} {chain}: adapters are parts of a transformer's layers; choose a transformer, "
        "as backbone=xlmr, or backbone.adapter=null": name in (BILSTM, LASER) or Stage.vectors in stages,
        f"backbone.adapter.stages={said}: expected align, finetune or both; for none set "
        "backbone.adapter=null": not said or len(set(said)) < len(said),
        f"backbone.adapter.layers={layers}: a layer is named twice": len(set(layers)) < len(layers),
        f"{chosen} backbone.adapter.stages={said} with {chain}: {' and '.join(map(str, ALL_LEARN))} train all weights; "
        "set backbone.adapter.stages=[finetune]": in_align and not set(stages).isdisjoint(ALL_LEARN),
        f"{chosen} backbone.adapter.stages={said} with finetune.freeze={frozen}: under an adapter all weights are "
        "frozen, and it learns; set finetune.freeze=nothing or "
        "backbone.adapter.stages=[align]": in_finetune and frozen != Freeze.nothing,
        f"{of_lora} with {chosen}: these are lora's; set backbone.adapter.alpha=null "
        "backbone.adapter.dropout=0": adapter.form == AdapterForm.bottleneck and has_lora,
    }


def _of_the_run(config: Train) -> Faults:
    card, resume, is_here = config.card, config.resume, config.card.name == THIS
    is_unpriced, lacks = not is_here and not config.dry_run, None in (card.float32, card.bandwidth, card.memory)
    is_folder = not isinstance(resume, bool)
    return {
        f"card={card.name}: only a dry run is priced on another card; set dry_run=true, or leave card out": is_unpriced,
        f"card={card.name}: card.float32, card.bandwidth and card.memory are needed, by its data sheet": not is_here
        and lacks,
        f"resume={resume}: expected true, false or the folder of an unfinished alignment with a checkpoint in it "
        "(outputs/aligned/*.partial)": is_folder and not (Path(str(resume)) / CHECKPOINT).is_file(),
    }


def has_twice(languages: Iterable[str]) -> bool:
    """Whether a language is named twice, by whatever codes."""
    codes = list(map(canonical, languages))
    return len(set(codes)) < len(codes)
