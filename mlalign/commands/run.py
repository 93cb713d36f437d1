"""One run: its folder, its three stages, its results."""

import logging
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
from omegaconf import OmegaConf

from mlalign.commands.preparation import prepare
from mlalign.commands.tracking import figures_of, is_watched, tracker_of
from mlalign.config.schema import Train
from mlalign.data.readers.languages import others
from mlalign.data.sequences import SequenceBuilder
from mlalign.data.task_files import TaskFiles
from mlalign.device import choose_tokens, padding_multiple, peak_memory_bytes
from mlalign.distributed import broadcast_object, is_rank_zero, rank_zero_first
from mlalign.finetuning.building import finetuning_module, task_files
from mlalign.finetuning.checkpoints import CheckpointKeeper
from mlalign.finetuning.module import FinetuningModule
from mlalign.models.backbone import known_languages, quiet_transformers
from mlalign.models.dropout import dropouts
from mlalign.models.encoder import SOURCE, Encoder
from mlalign.models.io import RECIPE, load_encoder
from mlalign.models.learning import configure_training
from mlalign.pipeline import finetune, locked, make_trainer
from mlalign.progress import bar
from mlalign.reporting.curves import CURVES, stage_curves
from mlalign.reporting.results import (
    EVALUATIONS,
    FILE,
    commit,
    read_results,
    summary,
    versions,
    write_results,
    write_whole,
)
from mlalign.reporting.tables import score_table
from mlalign.stages.align import Aligner
from mlalign.stages.backbone import is_tiny
from mlalign.stages.code import code_hashes
from mlalign.stages.finished import is_finished, run_folder
from mlalign.stages.text import tell
from mlalign.tasks.data import TaskDataModule
from mlalign.tasks.registry import learned_task
from mlalign.tasks.retrieval import Retrieval, refuse_seen
from mlalign.tasks.scoring import HEADLINE, add_records, score_part
from mlalign.training.computing import set_up

log = logging.getLogger(__name__)
Scores = dict[str, dict[str, float]]  # key of the results -> language -> per cent
BARS = {"align": "aligning", "finetune": "fine-tuning"}


def train(config: Train) -> Path:
    """Align, fine-tune, test; or show what the same command found before. Returns the folder.

    All ranks of a run call this; the first writes and shows.
    """
    folder = run_folder(config)
    folder.mkdir(parents=True, exist_ok=True)
    with rank_zero_first():
        prepare(config)
    with locked(folder / ".lock"):
        files = task_files(config)
        if broadcast_object(is_rank_zero() and _is_to_be_found(config, folder, files.languages)):
            log.info("This run is finished; resume=false makes it anew.")
            if is_watched(config):
                tracker_of(config, folder).show(read_results(folder), {})
        else:
            Run(config, folder).make(files)
    if is_rank_zero():
        results = read_results(folder)
        print(f"\n{score_table(results)}\n\nresults  {folder / FILE}")
        print(f"next     {suggestion(results)}")
    return folder


def _is_to_be_found(config: Train, folder: Path, languages: Sequence[str]) -> bool:
    return config.resume is not False and is_finished(config, folder, languages)


def suggestion(results: dict[str, Any]) -> str:
    """What to type after this run."""
    if results["method"] == "none":
        return "python train.py method=multilevel   (the same with alignment)"
    return "python train.py method=none   (the control), then a sweep: -m seed=1,2,3"


class Run:
    """The stages of one run, in order.

    Args:
        config: checked.
        folder: where everything about the run goes.
    """

    def __init__(self, config: Train, folder: Path) -> None:
        self.config, self.folder = config, folder
        self.computing = set_up(config)
        self.tokens = choose_tokens(config.trainer.tokens, gpu=self.computing.gpu)
        self.code = code_hashes()  # as it is now: a checkout can change while it runs
        self.alignment_code: dict[str, str | None] | None = None
        self.parallel: dict[str, list[str]] = {}  # language -> the files that were read
        self.tracker = tracker_of(config, folder)
        quiet_transformers()
        self.seconds: dict[str, float] = {}
        self.data: dict[str, dict[str, Any]] = {}
        self.weights: dict[str, Any] = {}
        self.warnings: list[str] = []  # of the alignment's health

    def make(self, files: TaskFiles) -> None:
        """All stages; the results are written last, so that they mean a finished run."""
        try:
            self._make(files)
        except BaseException as error:
            self.tracker.close(error)
            raise
        self.tracker.close()

    def _make(self, files: TaskFiles) -> None:
        config = self.config
        started = time.perf_counter()
        with rank_zero_first():
            if is_rank_zero():
                self._begin()
        aligner = Aligner(config, self._trainer("align"), precision=self.computing.precision)
        if aligner.losses and not files.learned:
            refuse_seen(files, aligner.texts)
        lines: dict[str, int] = {}
        if aligner.losses or is_tiny(config.backbone):  # whose tokenizer is trained on them
            lines = tell(config, aligner.texts)
            self.parallel = {one: list(map(str, paths)) for one, paths in aligner.texts.items()}
        aligned = aligner.folder
        self.tracker.end_stage()
        if aligned is None:
            model, tokenizer = aligner.load_backbone()
            encoder = Encoder(model, pool=config.backbone.pool.value)
            for path, rows in lines.items():
                self.data[path] = {"rows": rows, "sha256": aligner.files[path]}
        else:
            encoder, tokenizer = load_encoder(aligned, attention=self.computing.attention)
            recipe: Any = OmegaConf.to_container(OmegaConf.load(aligned / RECIPE))
            self.seconds["align"] = recipe["seconds"]
            self.data |= recipe["files"]
            self.alignment_code = recipe.get("code")
            self.warnings = recipe.get("warnings", [])
        tokens = {}
        if config.method.language_tokens:
            tokens = known_languages(tokenizer, [*aligner.languages, SOURCE])
        layout = SequenceBuilder(
            tokenizer,
            tokens,
            max_length=config.finetune.max_length,
            multiple=padding_multiple(gpu=self.computing.gpu),
        )
        self.backbone = {
            "backbone": config.backbone.name,
            "backbone_commit": aligner.backbone.commit,
            "backbone_files": aligner.backbone_files,
            "backbone_tokenizer": aligner.tokenizer_source,
            "backbone_dropout": dropouts(encoder.backbone.config),
        }
        if files.learned:
            results = self._test(*self._finetune(encoder, layout, files))
        else:
            results = self._retrieve(encoder, layout, files)
        self.seconds["total"] = time.perf_counter() - started
        if is_rank_zero():
            self._write(results, aligned)
            found = read_results(self.folder)
            self.tracker.show(found, figures_of(found, self.folder))

    def _begin(self) -> None:
        """What follows replaces what the folder tells of."""
        (self.folder / FILE).unlink(missing_ok=True)
        for old in ("predictions", CURVES, EVALUATIONS):
            shutil.rmtree(self.folder / old, ignore_errors=True)
        config = OmegaConf.to_yaml(OmegaConf.structured(self.config))
        write_whole(self.folder / "config.yaml", config)

    def _finetune(
        self, encoder: Encoder, layout: SequenceBuilder, files: TaskFiles
    ) -> tuple[TaskDataModule, FinetuningModule]:
        started = time.perf_counter()
        config, settings = self.config, self.config.finetune
        assert settings.seed is not None  # resolved
        data = TaskDataModule(
            learned_task(config.task.metric, config.task.labels),
            files,
            layout,
            batch_size=settings.batch_size,
            seed=settings.seed,
            tokens=self.tokens,
            workers=config.trainer.workers,
        )
        module = finetuning_module(config, encoder, dev=data.dev.examples, steps=settings.epochs * data.batches)
        configure_training(
            encoder.backbone,
            gradient_checkpointing=config.backbone.gradient_checkpointing,
            compiled=config.trainer.compile,
        )
        log.info("Fine-tuning on %d English examples", len(data.train.examples))
        self.weights = finetune(
            module,
            data,
            folder=self.folder,
            epochs=settings.epochs,
            evaluations=settings.evaluations,
            weights=CheckpointKeeper(self.folder, layout, selection=settings.selection.value, keep=config.keep.value),
            trainer=self._trainer("finetune"),
        )
        self.tracker.end_stage()
        self.seconds["finetune"] = time.perf_counter() - started
        add_records(self.data, data.train)
        add_records(self.data, data.dev)
        return data, module

    def _test(self, data: TaskDataModule, module: FinetuningModule) -> Scores:
        started = time.perf_counter()
        quiet = self._trainer("test")(folder=self.folder, callbacks=[])
        results: Scores = {}
        self.tracker.test()
        for language in bar(self.config.trainer.progress, "testing")(data.files.languages):
            part, loader = data.test_loader(language)
            add_records(self.data, part)
            path = self.folder / "predictions" / f"{language}.jsonl"
            for key, score in score_part(quiet, module, module.task, part, loader, path, language=language).items():
                results.setdefault(key, {})[language] = score
            self.tracker.scored(self._named(results, language), language, part)
        self.seconds["test"] = time.perf_counter() - started
        return results

    def _named(self, results: Scores, language: str) -> dict[str, float]:
        """Metric -> score of a language."""
        return {
            self.config.task.metric if key == HEADLINE else key: values[language] for key, values in results.items()
        }

    def _retrieve(self, encoder: Encoder, layout: SequenceBuilder, files: TaskFiles) -> Scores:
        started = time.perf_counter()
        results = Retrieval([]).score(
            files,
            encoder,
            layout,
            self._trainer("test")(folder=self.folder, callbacks=[]),
            self.folder / "predictions",
            tokens=self.tokens,
            workers=self.config.trainer.workers,
            progress=bar(self.config.trainer.progress, "testing"),
            note=partial(add_records, self.data),
        )
        self.tracker.test()
        for language in files.languages:
            self.tracker.scored(self._named(results, language), language, files.read(language, "test"))
        self.seconds["test"] = time.perf_counter() - started
        return results

    def _write(self, results: Scores, aligned: Path | None) -> None:
        config = self.config
        write_results(
            self.folder,
            {
                "task": config.task.name,
                "metric": config.task.metric,
                "method": config.method.name,
                "ablation": config.ablation.name,
                **self.backbone,
                "seed": config.seed,
                "selection": config.finetune.selection.value,
                **results,
                **summary(results["scores"]),
                "never_aligned": [] if aligned is None else others(results["scores"], self.parallel),
                "parallel": self.parallel,
                "aligned": None if aligned is None else str(aligned),
                "weights": self.weights,
                "curves": stage_curves(self.folder, aligned),
                "warnings": self.warnings,
                "config": OmegaConf.to_container(OmegaConf.structured(config), enum_to_str=True),
                "versions": versions(),
                "commit": commit(),
                "code": self.code,
                "alignment_code": self.alignment_code,
                "computing": asdict(self.computing),
                "seconds": {stage: round(value, 2) for stage, value in self.seconds.items()},
                "peak_memory_bytes": peak_memory_bytes(),
                "data": self.data,
            },
        )

    def _trainer(self, stage: str) -> Callable[..., L.Trainer]:
        """Makes the trainer of a stage, with loggers of its own."""
        config = self.config

        def make(*, folder: Path, callbacks: Any, **options: Any) -> L.Trainer:
            return make_trainer(
                folder=folder,
                accelerator="gpu" if self.computing.gpu else "cpu",
                loggers=[] if stage == "test" else self.tracker.loggers(stage, folder),
                callbacks=callbacks,
                bar=BARS.get(stage) if config.trainer.progress else None,
                options=config.trainer.options,
                **{"precision": self.computing.precision, **options},
            )

        return make
