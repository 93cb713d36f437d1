"""One run: its folder, its three stages, its results."""

import logging
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import lightning as L
import torch
from filelock import FileLock
from omegaconf import OmegaConf

from mlalign.build import Aligner, on_bad_line
from mlalign.choices import Accelerator, Selection
from mlalign.config import Train
from mlalign.data.files import sha256_of
from mlalign.data.formats import Part
from mlalign.data.layout import Layout
from mlalign.data.tasks import TaskDataModule, TaskFiles
from mlalign.data.text import read_lines
from mlalign.device import choose_precision, keep_freed_memory, peak_memory_bytes
from mlalign.errors import ConfigError
from mlalign.loggers import build_loggers, check_logger, finish_loggers
from mlalign.metrics.scores import METRICS
from mlalign.models.backbone import known_languages, quiet_transformers
from mlalign.models.encoder import SOURCE, Encoder
from mlalign.models.folder import RECIPE, load_encoder
from mlalign.modules.finetuning import FinetuningModule
from mlalign.pipeline import (
    finetune,
    fingerprint_of,
    gold_of,
    make_trainer,
    predict,
    write_predictions,
)
from mlalign.preparation import prepare
from mlalign.progress import bar
from mlalign.reporting.results import (
    FILE,
    commit,
    read_results,
    summary,
    versions,
    write_results,
    write_whole,
)
from mlalign.reporting.tables import score_table

log = logging.getLogger(__name__)

BARS = {"align": "aligning", "finetune": "fine-tuning"}
NOT_IN_THE_NAME = ("output", "resume")  # a run is the same wherever it lies


def train(config: Train) -> Path:
    """Align, fine-tune, test; or show what the same command found before. Returns the folder."""
    folder = run_folder(config)
    folder.mkdir(parents=True, exist_ok=True)
    prepare(config)
    with FileLock(folder / ".lock"):
        files = task_files(config)
        if config.resume is not False and is_finished(folder, files.languages):
            log.info("This run is finished; resume=false makes it anew.")
        else:
            Run(config, folder).make(files)
    results = read_results(folder)
    print(f"\n{score_table(results)}\n\nresults  {folder / FILE}")
    print(f"next     {suggestion(results)}")
    return folder


def is_finished(folder: Path, languages: Sequence[str]) -> bool:
    """Whether a folder holds results for these languages, from files that have not changed."""
    if not (folder / FILE).is_file():
        return False
    results = read_results(folder)
    if set(results["scores"]) != set(languages):
        log.info("Other languages are there than when this was run: it is made anew.")
        return False
    for name, known in results["data"].items():
        path = Path(name)
        if not path.is_file() or sha256_of(path) != known["sha256"]:
            log.info("%s has changed since this run: it is made anew.", path)
            return False
    return True


def task_files(config: Train) -> TaskFiles:
    """The files of the task, all looked for at once.

    Raises:
        ConfigError: the metric or a language is none there is.
        DataError: a file is not there.
    """
    task = config.task
    if task.metric not in METRICS:
        raise ConfigError(f"task.metric={task.metric}: expected one of {', '.join(METRICS)}")
    return TaskFiles(
        Path(config.data.root) / "tasks" / task.folder,
        task.format.value,
        task.labels,
        task.languages,
        train_size=task.train_size,
        on_bad_line=on_bad_line(config),
        sizes=task.sizes if config.data.source != "sample" else None,
        is_official=config.data.source == "hub",
    )


def run_folder(config: Train) -> Path:
    """Named by the configuration, so that the same command finds its own run."""
    settings = asdict(config)
    for key in NOT_IN_THE_NAME:
        settings.pop(key)
    settings["trainer"].pop("progress")
    words = [config.backbone.name.split("/")[-1], config.method.name]
    words += [config.ablation.name] if config.ablation.name != "none" else []
    words += [f"seed{config.seed}", fingerprint_of(settings)[:8]]
    return Path(config.output) / config.task.name / "-".join(words)


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
        wanted = config.trainer.accelerator
        has_gpu = torch.cuda.is_available()
        if wanted == Accelerator.gpu and not has_gpu:
            raise ConfigError(
                "trainer.accelerator=gpu: no GPU found on this machine; choose trainer=cpu or "
                "trainer=auto"
            )
        self.gpu = has_gpu and wanted != Accelerator.cpu
        self.precision = choose_precision(config.trainer.precision.value, gpu=self.gpu)
        if config.trainer.threads is not None:
            torch.set_num_threads(config.trainer.threads)
        check_logger(config.logger.name.value)
        keep_freed_memory()
        quiet_transformers()
        self.seconds: dict[str, float] = {}
        self.data: dict[str, dict[str, Any]] = {}
        self.commit: str | None = None  # of the backbone on the hub

    def make(self, files: TaskFiles) -> None:
        """All stages; the results are written last, so that they mean a finished run."""
        config = self.config
        started = time.perf_counter()
        (self.folder / FILE).unlink(missing_ok=True)  # what follows replaces what it tells of
        shutil.rmtree(self.folder / "predictions", ignore_errors=True)
        write_whole(self.folder / "config.yaml", OmegaConf.to_yaml(OmegaConf.structured(config)))
        aligner = Aligner(config, self._trainer("align"), precision=self.precision)
        self.commit, aligned = aligner.backbone.commit, aligner.folder
        finish_loggers(config.logger.name.value)
        if aligned is None:
            model, tokenizer = aligner.load_backbone()
            encoder = Encoder(model, pool=config.backbone.pool.value)
            if config.backbone.name == "tiny":  # its tokenizer was trained on them
                for path, digest in aligner.files.items():
                    rows = sum(1 for _ in read_lines(Path(path)))
                    self.data[path] = {"rows": rows, "sha256": digest}
        else:
            encoder, tokenizer = load_encoder(aligned, attention=config.backbone.attention.value)
            recipe: Any = OmegaConf.to_container(OmegaConf.load(aligned / RECIPE))
            self.seconds["align"] = recipe["seconds"]
            self.data |= recipe["files"]
        tokens = {}
        if config.method.language_tokens:
            tokens = known_languages(tokenizer, [*aligner.languages, SOURCE])
        layout = Layout(tokenizer, tokens, max_length=config.finetune.max_length)
        data, module = self._finetune(encoder, layout, files)
        scores = self._test(data, module)
        self.seconds["total"] = time.perf_counter() - started
        self._write(scores, aligned)

    def _note(self, part: Part[Any]) -> None:
        rows = len(part.examples) + sum(part.dropped.values())
        self.data[str(part.path)] = {"rows": rows, "sha256": sha256_of(part.path)}

    def _finetune(
        self, encoder: Encoder, layout: Layout, files: TaskFiles
    ) -> tuple[TaskDataModule, FinetuningModule]:
        started = time.perf_counter()
        settings = self.config.finetune
        assert settings.seed is not None  # resolved
        seed = settings.seed
        data = TaskDataModule(
            files,
            layout,
            batch_size=settings.batch_size,
            seed=seed,
            workers=self.config.trainer.workers,
        )
        rate = settings.learning_rate
        module = FinetuningModule(
            encoder,
            files.labels,
            tagging=self.config.task.metric == "entity_f1",
            metric=self.config.task.metric,
            gold=gold_of(data.dev),
            representation=settings.representation.value,
            partner=settings.partner.value,
            freeze=settings.freeze.value,
            learning_rate=rate,
            head_learning_rate=rate
            if settings.head_learning_rate is None
            else settings.head_learning_rate,
            steps=settings.epochs * data.batches,
            warmup=settings.warmup,
            weight_decay=settings.weight_decay,
            dropout=settings.dropout,
            seed=seed,
        )
        log.info("Fine-tuning on %d English examples", len(data.train.examples))
        finetune(
            module,
            data,
            folder=self.folder,
            epochs=settings.epochs,
            evaluations=settings.evaluations,
            max_grad_norm=settings.max_grad_norm,
            best=settings.selection == Selection.english_dev,
            trainer=self._trainer("finetune"),
        )
        finish_loggers(self.config.logger.name.value)
        self.seconds["finetune"] = time.perf_counter() - started
        self._note(data.train)
        self._note(data.dev)
        return data, module

    def _test(self, data: TaskDataModule, module: FinetuningModule) -> dict[str, float]:
        started = time.perf_counter()
        task = self.config.task
        quiet = self._trainer("test")(folder=self.folder, callbacks=[])
        scores = {}
        for language in bar(self.config.trainer.progress, "testing")(data.files.languages):
            part, loader = data.test_loader(language)
            self._note(part)
            predicted = predict(quiet, module, loader)
            path = self.folder / "predictions" / f"{language}.jsonl"
            write_predictions(path, part, predicted, data.files.labels)
            labels = [one.label for one in predicted]
            scores[language] = METRICS[task.metric](labels, gold_of(part), data.files.labels)
        self.seconds["test"] = time.perf_counter() - started
        return scores

    def _write(self, scores: dict[str, float], aligned: Path | None) -> None:
        config = self.config
        write_results(
            self.folder,
            {
                "task": config.task.name,
                "metric": config.task.metric,
                "method": config.method.name,
                "ablation": config.ablation.name,
                "backbone": config.backbone.name,
                "backbone_commit": self.commit,
                "seed": config.seed,
                "selection": config.finetune.selection.value,
                "scores": scores,
                **summary(scores),
                "aligned": None if aligned is None else str(aligned),
                "config": OmegaConf.to_container(OmegaConf.structured(config), enum_to_str=True),
                "versions": versions(),
                "commit": commit(),
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
                accelerator="gpu" if self.gpu else "cpu",
                precision=self.precision,
                loggers=[]
                if stage == "test"
                else build_loggers(
                    config.logger.name.value,
                    config.logger.options,
                    folder=folder,
                    stage=stage,
                    run=self.folder.name,
                ),
                callbacks=callbacks,
                bar=BARS.get(stage) if config.trainer.progress else None,
                options=config.trainer.options,
                **options,
            )

        return make
