"""One run: align an encoder on parallel text, fine-tune it on labels of one language, evaluate it in every one.

``stages.align`` trains the alignment, whose step is in ``alignment.module``; ``finetuning.module`` learns the labels.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import cast

import lightning as L
from omegaconf import OmegaConf

from mlalign.alignment.objectives import notes_on, read_by
from mlalign.config.enums import AdapterStage, ShotsOrder, Stage
from mlalign.config.hydra import is_of_sweep, typed_with
from mlalign.config.identity import fingerprint
from mlalign.config.plain import container
from mlalign.config.schema import Finetune, Train
from mlalign.data.languages import canonical, others
from mlalign.data.reads import PARALLEL, without_lesser
from mlalign.data.sequences import SequenceBuilder
from mlalign.data.task_files import TaskFiles
from mlalign.device import peak_memory_bytes
from mlalign.distributed import broadcast_object, is_rank_zero, rank_zero_first
from mlalign.files import PREDICTIONS, RESULTS, FileRecord, JsonObject, remove_orphans
from mlalign.finetuning.building import build_tunings, notes_on_limits, notes_on_scored, require_resources, task_files
from mlalign.finetuning.checkpoints import CheckpointKeeper, restore_weights
from mlalign.finetuning.module import FinetuningModule
from mlalign.finetuning.resources import Resources
from mlalign.finetuning.tuning_set import TuningSet
from mlalign.finetuning.validation import notes_on_tunings, reads_parallel, tunings_read
from mlalign.models.adapters import share_that_learns
from mlalign.models.encoder import Encoder
from mlalign.models.io import RECIPE, load_encoder
from mlalign.models.learning import configure_training
from mlalign.models.task_encoder import TaskEncoder
from mlalign.progress import bar
from mlalign.reporting import results as results_file
from mlalign.reporting.curves import stage_curves
from mlalign.reporting.results import Budget
from mlalign.reporting.tables import score_table, summary_line
from mlalign.stages.align import AlignmentStage
from mlalign.stages.backbone import Backbone, EarlierEncoder
from mlalign.stages.chain import encoder_folders, locked
from mlalign.stages.dictionary import lexicon_of
from mlalign.stages.finetune import learn
from mlalign.stages.maps import CentredStage, LinearMapStage
from mlalign.stages.model_card import add_scores
from mlalign.stages.parallel_text import ParallelText
from mlalign.stages.parse import ParsingStage
from mlalign.stages.preparation import prepare
from mlalign.stages.run_folder import SOURCE_STAGE, Progress, identity_of, is_finished, remove_unkept, run_folder
from mlalign.stages.stage import EncoderStage, Start
from mlalign.stages.swap import SwapStage
from mlalign.stages.word_vectors import VectorStage
from mlalign.tasks.data import Labels, TaskDataModule, check_files, covered
from mlalign.tasks.registry import learned_task
from mlalign.tasks.retrieval import Retrieval, refuse_seen
from mlalign.tasks.scoring import HEADLINE, add_records, score_part
from mlalign.tasks.shots import labels_read
from mlalign.tracking.figures import figures_of
from mlalign.tracking.record import RunRecord, is_watched, tracker_of
from mlalign.training.adapting import adapt
from mlalign.training.elapsed import Elapsed
from mlalign.wording import plural

log = logging.getLogger(__name__)
Scores = dict[str, dict[str, float]]  # key of the results -> language -> per cent

STAGES: Mapping[Stage, type[EncoderStage]] = {  # what ``method.stages`` names
    stage.name: stage for stage in (AlignmentStage, ParsingStage, CentredStage, LinearMapStage, VectorStage, SwapStage)
}


@dataclass(frozen=True)
class Corpus:
    """What a run reads: parallel text, the task's labels, what is scored, and what tunings see beside them."""

    text: ParallelText
    task: TaskFiles
    scored: TaskFiles  # the same, of a trial the source's dev part alone
    resources: Resources


@dataclass(frozen=True)
class Aligned:
    """The encoder that fine-tuning starts from: aligned, or the untouched backbone where nothing aligns."""

    encoder: TaskEncoder
    layout: SequenceBuilder  # makes sequences of text; holds the tokenizer
    folder: Path | None  # of the aligned encoder
    code: JsonObject | None  # that made it
    warnings: list[str]  # of how it was made
    facts: JsonObject  # what the results say of its backbone
    reads: set[str]  # what the stages saw
    notes: set[str]  # what is to be said of them
    budget: Budget | None  # what they might spend, and what was spent; None where nothing was, or long ago

    @property
    def identity(self) -> JsonObject:
        """What identifies its weights and tokenizer."""
        return {"encoder": self.folder and self.folder.name, "tokenizer and weights": self.facts}


@dataclass(frozen=True)
class Classifier:
    """What was learned; a task that is not learned has neither data nor module."""

    progress: Progress  # what of the run is done
    data: TaskDataModule | None = None
    module: FinetuningModule | None = None
    kept: JsonObject = field(default_factory=dict)  # which weights stay in the folder
    notes: frozenset[str] = frozenset()  # what is to be said of how it was learned


def run(config: Train) -> Path:
    """Align, fine-tune and evaluate, or show what the same command found before; returns the folder of the results.

    All ranks of a run call this; the first writes and shows.

    Raises:
        UserError: a setting, a file or the course of the training is at fault.
    """
    folder = run_folder(config)
    corpus = prepare_data(config)
    with locked(folder / ".lock"):
        found = found_again(config, folder, corpus)
        if not found:
            check_files(corpus.scored)
            corpus.resources.check()
            with RunRecord(config, folder) as record:
                backbone = Backbone(config, corpus.text)
                aligned = align_or_load(config, backbone, corpus, record)
                classifier = finetune(config, aligned, corpus, record)
                scores = evaluate(config, aligned, classifier, corpus, record)
                write_results(config, aligned, classifier, scores, corpus, record)
    if is_rank_zero():
        show(folder, found=found)
    return folder


def prepare_data(config: Train) -> Corpus:
    """Fetch or generate what is missing under ``data.root``, and look for every file of the task."""
    with rank_zero_first():
        prepare(config)
    return find_data(config)


def find_data(config: Train) -> Corpus:
    """Look for every file of a configuration; what is missing is refused."""
    text, task = ParallelText(config), task_files(config)
    alone = replace(config, task=replace(config.task, languages=[task.source]))
    scored = task if config.trial is None else task_files(alone, scored=config.scored, beside=task)
    resources = Resources(config, task, lambda: text.files, partial(lexicon_of, config, text))
    require_resources(config, resources)
    for name in config.method.stages:
        STAGES[name].require(config, text)
    return Corpus(text, task, scored, resources)


def found_again(config: Train, folder: Path, corpus: Corpus) -> bool:
    """Whether the run is finished already; whoever watches it is shown its results."""
    for place in (folder, Path(config.aligned), Path(config.data.cache)) if is_rank_zero() else ():
        remove_orphans(place)  # what killed processes left half-written where this run writes
    is_wanted = is_rank_zero() and config.resume is not False
    found = broadcast_object(is_wanted and is_finished(config, folder, corpus.scored.languages, corpus.text))
    if found:
        log.info("This run is finished; resume=false recomputes it.")
        if is_rank_zero():  # where it was ended just before that
            remove_unkept(folder, results_file.read_results(folder).weights.get("kept", ()))
        if is_watched(config):
            tracker_of(config, folder).show(results_file.read_results(folder), {})
    return found


def align_or_load(config: Train, backbone: Backbone, corpus: Corpus, record: RunRecord) -> Aligned:
    """The encoder that the stages of this configuration make, found by its fingerprint or trained now.

    Raises:
        ConfigError: the parallel text holds the task's test text.
        TrainingError: the alignment diverged or ended early.
    """
    names = config.method.stages
    if names and not corpus.task.learned:
        refuse_seen(corpus.task, corpus.text.files, corpus.text.pivot)
    lines, swapped = dict[str, int](), list[str]()
    if names or backbone.is_built or config.backbone.prune_vocabulary:  # whose tokenizer follows from the text
        lines, swapped = corpus.text.log_files()
        record.parallel |= corpus.text.paths
    stages = chained(config, corpus.text, backbone, record.trainer, precision=record.computing.precision)
    folders = encoder_folders(stages, Path(config.aligned), resume=config.resume)
    record.tracker.end_stage()
    recipes = [cast(JsonObject, OmegaConf.to_container(OmegaConf.load(folder / RECIPE))) for folder in folders]
    spent, warnings = told_together(recipes)
    warnings += swapped
    costs, reads, notes = JsonObject(), set[str](), set[str]()
    if set(names) <= {Stage.parse}:  # others note what they read themselves
        record.data |= {path: {"rows": n, "sha256": corpus.text.hashes[path]} for path, n in lines.items()}
    for stage, made in zip(names, recipes, strict=True):
        costs |= made.get("costs", {})
        reads |= set(made.get("reads", read_by(config) if stage == Stage.align else (PARALLEL,)))
        notes |= set(made.get("notes", ()))
        record.seconds[stage.value] += made["seconds"]
        record.data |= made["files"]
    last = folders[-1] if folders else None
    if last is None:
        model, tokenizer = backbone.load(record.computing.attention)
        encoder: TaskEncoder = Encoder(model, pool=config.backbone.pool.value)
    else:
        encoder, tokenizer = load_encoder(last, attention=record.computing.attention)
    layout = corpus.text.layout(tokenizer, config.finetune.max_length)
    pivot, source = config.data.pivot, canonical(corpus.task.source)
    if last is not None:
        record.coverage["parallel"] = corpus.text.coverage(layout)
        warnings += corpus.text.lacking(corpus.task.languages)
        if PARALLEL in reads and pivot != source and corpus.task.learned:
            notes.add(f"aligned through {pivot}: {source}, whose labels are learned, is paired with no other language")
    budget = Budget(stages=costs) if costs else None
    if spent:
        unit, amount = config.align.budget.unit.value, config.align.budget.amount
        budget = Budget(unit, spent["steps"] if amount is None else amount, **spent, stages=costs)
    code = recipes[-1].get("code") if recipes else None
    return Aligned(encoder, layout, last, code, warnings, backbone.facts(encoder), reads, notes, budget)


def told_together(recipes: Sequence[JsonObject]) -> tuple[JsonObject, list[str]]:
    """What the alignments of a chain spent, with their seconds, none where none has a budget; the warnings of all."""
    spent = Counter[str]()
    for made in recipes:
        if made.get("budget"):
            spent.update({**made["budget"], "seconds": made["seconds"]})
    return dict(spent), [one for made in recipes for one in made.get("warnings", ())]


def chained(
    config: Train,
    text: ParallelText,
    backbone: Backbone,
    trainer: Callable[[str], Callable[..., L.Trainer]],
    *,
    precision: str,
) -> list[EncoderStage]:
    """The stages of a configuration, each starting from what the one before leaves; ``trainer`` knows their names."""
    stages: list[EncoderStage] = []
    start: Start = backbone
    for name in config.method.stages:
        stages.append(STAGES[name](config, text, start, trainer(name.value), precision=precision))
        folder = Path(config.aligned) / fingerprint(stages[-1].recipe)
        start = EarlierEncoder(folder, dropout=config.backbone.dropout)
    return stages


def finetune(config: Train, aligned: Aligned, corpus: Corpus, record: RunRecord) -> Classifier:
    """Learn the task on its source's labels, and a few of target languages; leaves the weights to be tested."""
    identity = identity_of(config, aligned.identity, corpus.task, corpus.text, record.computing)
    progress = Progress(record.folder, identity)
    if not corpus.task.learned:
        return Classifier(progress)
    settings = config.finetune
    tunings = build_tunings(config, corpus.resources, aligned.encoder.dim)
    if reads_parallel(config):
        record.parallel |= corpus.text.paths
    if isinstance(aligned.encoder, Encoder):
        checkpointing, compiled = config.backbone.gradient_checkpointing, config.trainer.compile
        configure_training(aligned.encoder.backbone, gradient_checkpointing=checkpointing, compiled=compiled)
    learned = partial(_learned, config, aligned, corpus, record)
    if settings.shots_order == ShotsOrder.mixed:
        return learned(progress, settings, tunings, "all")
    first = Progress(record.folder / SOURCE_STAGE, progress.identity)
    before = learned(first, settings, tunings, "source")
    return learned(progress, of_few_labels(settings), TuningSet(), "shots", start=before.module)


def of_few_labels(settings: Finetune) -> Finetune:
    """The settings of the stage in which a few labels are learned after the source's."""
    rate = settings.learning_rate if settings.shots_learning_rate is None else settings.shots_learning_rate
    return replace(settings, epochs=settings.shots_epochs or settings.epochs, learning_rate=rate)


def _learned(
    config: Train,
    aligned: Aligned,
    corpus: Corpus,
    record: RunRecord,
    progress: Progress,
    settings: Finetune,
    tunings: TuningSet,
    labels: Labels,
    *,
    start: FinetuningModule | None = None,
) -> Classifier:
    """One stage of fine-tuning, in the folder of its progress; ``start`` gives the head that it begins with."""
    elapsed = Elapsed()
    task = learned_task(config.task.metric, config.task.labels, windows=settings.windows)
    data = TaskDataModule(
        task,
        corpus.task,
        aligned.layout,
        batch_size=settings.batch_size,
        seed=settings.own_seed,
        tokens=record.tokens,
        workers=config.trainer.workers,
        changes=tunings,
        scored=corpus.scored,
        labels=labels,
    )
    adapter, notes = config.backbone.adapter, frozenset[str]()
    if adapter.learns_in(AdapterStage.finetune):
        assert isinstance(aligned.encoder, Encoder)  # others are refused
        adapt(aligned.encoder.backbone, adapter, settings.own_seed)
    module = FinetuningModule(
        aligned.encoder,
        task,
        settings,
        dev=data.dev.examples,
        steps=settings.epochs * data.batches,
        tunings=tunings,
        adapter_rate=adapter.learning_rate,
    )
    if start is not None:
        module.head.load_state_dict(start.head.state_dict())
    if adapter.learns_in(AdapterStage.finetune):
        notes |= {f"finetune with {adapter.form}: {share_that_learns(aligned.encoder)}"}
    choice, keep = settings.selection.value, config.keep_checkpoints.value
    keeper = CheckpointKeeper(progress.folder, aligned.layout, selection=choice, keep=keep)
    done = progress.learned
    if done is None:
        log.info("Fine-tuning on %s in %s", plural(len(data.updates.labelled.rows), "example"), data.languages)
        minutes = config.trainer.checkpoint_minutes
        called = "finetune" if labels == "all" else f"finetune/{labels}"
        trainer = record.trainer("finetune", called=called)
        kept = learn(module, data, keeper, trainer, [elapsed], minutes=minutes)
        files: dict[str, FileRecord] = {}
        for part in (data.train, data.dev, *data.shots.values(), *corpus.resources.parts):
            add_records(files, part)
        done = {"weights": kept, "files": files | corpus.resources.files_read, "seconds": elapsed.seconds}
        progress.note_learned(done)
        record.tracker.end_stage()
    else:
        log.info("Fine-tuning was finished before; its weights are those of step %d", done["weights"]["tested"])
        restore_weights(module, keeper.at(done["weights"]["tested"]))
    record.seconds["finetune"] += done["seconds"]
    record.data |= done["files"]
    return Classifier(progress, data, module, done["weights"], notes)


def evaluate(config: Train, aligned: Aligned, classifier: Classifier, corpus: Corpus, record: RunRecord) -> Scores:
    """Predict and score the test part of every language; of a trial the source's dev."""
    started = time.perf_counter()
    loop, module = record.trainer("test")(folder=record.folder, callbacks=[]), classifier.module
    results: Scores = {}
    record.tracker.test()
    for language in bar(config.trainer.progress, "testing")(corpus.scored.languages):
        if classifier.data is None:
            part, loader = corpus.task.read(language, "test"), None
        else:
            part, loader = classifier.data.test_loader(language)
        add_records(record.data, part)
        record.coverage["scored"][language] = covered(part, corpus.scored, aligned.layout, language)
        path = record.folder / PREDICTIONS / f"{language}.jsonl"
        if (done := classifier.progress.scored(language, part)) is not None:
            scores: dict[str, float] = done["scores"]
            record.seconds["test"] += done.get("seconds", 0.0)
        else:
            began = time.perf_counter()
            if loader is not None and module is not None:
                scores = score_part(loop, module, module.task, part, loader, path, language=language)
            else:
                sizes = {"tokens": record.tokens, "workers": config.trainer.workers}
                scores = Retrieval([]).score(part, language, aligned.encoder, aligned.layout, loop, path, **sizes)
            classifier.progress.note_scores(language, part, scores, time.perf_counter() - began)
        for key, score in scores.items():
            results.setdefault(key, {})[language] = score
        by_metric = {config.task.metric if key == HEADLINE else key: score for key, score in scores.items()}
        record.tracker.scored(by_metric, language, part)
    record.seconds["test"] += time.perf_counter() - started
    return results


def write_results(
    config: Train, aligned: Aligned, classifier: Classifier, scores: Scores, corpus: Corpus, record: RunRecord
) -> None:
    """Write ``results.json``, last of all, so that it means a finished run; the first rank does."""
    if not is_rank_zero():
        return
    folder, task = aligned.folder, corpus.task
    reads = aligned.reads | tunings_read(config)
    reads |= labels_read(canonical(task.source), task.shots) if task.learned else set()
    notes = aligned.notes | classifier.notes | notes_on(config) | notes_on_tunings(config)
    notes |= notes_on_limits(config.task) | notes_on_scored(config.task, config.scored)
    notes |= {note for note in (config.method.note, config.backbone.note) if note}
    results = results_file.Results(
        task=config.task.name,
        metric=config.task.metric,
        method=config.method.name,
        ablation=config.ablation.name,
        **aligned.facts,
        seed=config.seed,
        selection=config.finetune.selection.value,
        split=config.scored,
        scores=scores[HEADLINE],
        beside={key: found for key, found in scores.items() if key != HEADLINE},
        never_aligned=[] if folder is None else others(scores[HEADLINE], record.parallel, config.data.pivot),
        parallel=record.parallel,
        aligned=None if folder is None else str(folder),
        weights={key: one for key, one in classifier.kept.items() if key != "tested"},
        curves=stage_curves(record.folder, folder),
        coverage=record.coverage,
        warnings=aligned.warnings,
        reads=sorted(without_lesser(reads)),
        notes=sorted(notes),
        budget=aligned.budget,
        config=container(config),
        versions=results_file.versions(),
        commit=results_file.commit(),
        code=record.code,
        alignment_code=aligned.code,
        computing=asdict(record.computing),
        seconds=record.total_seconds,
        peak_memory_bytes=peak_memory_bytes(),
        data=record.data,
    )
    if folder is not None:
        add_scores(folder, results)
    results_file.write_results(record.folder, results)
    remove_unkept(record.folder, classifier.kept.get("kept", ()))
    written = results_file.read_results(record.folder)
    record.tracker.show(written, figures_of(written, record.folder))


def show(folder: Path, *, found: bool) -> None:
    """Print the scores in a run's folder and what to type next; of a run in a sweep that was found, one line.

    Args:
        folder: of the run.
        found: whether it was finished before this command.
    """
    results, file = results_file.read_results(folder), folder / RESULTS
    if found and is_of_sweep():
        print(f"found    {file}: {summary_line(results)}")
        return
    print(f"\n{score_table(results)}\n\nresults  {file}")
    if is_of_sweep():  # whose last line says what is next
        return
    if results.method == "none":
        print(f"next     {typed_with('multilevel')}   (the same with alignment)")
    else:
        print(f"next     {typed_with('none')}   (the control), then a sweep: -m seed=1,2,3")
