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

from mlalign.building.aligner import Aligner
from mlalign.building.computing import set_up
from mlalign.building.task import finetuning_module, task_files
from mlalign.commands.preparation import prepare
from mlalign.config import Train
from mlalign.data.files import sha256_of
from mlalign.data.layout import Layout
from mlalign.data.task_files import TaskFiles
from mlalign.data.tasks import TaskDataModule
from mlalign.data.text import read_lines
from mlalign.device import padding_multiple, peak_memory_bytes
from mlalign.loggers import CURVES, build_loggers, check_logger, finish_loggers
from mlalign.models.backbone import known_languages, quiet_transformers
from mlalign.models.encoder import SOURCE, Encoder
from mlalign.models.folder import RECIPE, load_encoder
from mlalign.models.learning import set_up_learning
from mlalign.modules.finetuning import FinetuningModule
from mlalign.modules.weights import Weights
from mlalign.pipeline import (
    add_records,
    finetune,
    fingerprint_of,
    gold_of,
    locked,
    make_trainer,
    score_part,
)
from mlalign.progress import bar
from mlalign.ranks import first_alone, is_first, told
from mlalign.reporting.curves import write_curves
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
from mlalign.retrieval import refuse_seen, retrieve
from mlalign.settings.choices import Keep

log = logging.getLogger(__name__)
Scores = dict[str, dict[str, float]]  # key of the results -> language -> per cent
BARS = {"align": "aligning", "finetune": "fine-tuning"}
# A run is the same wherever it lies and whatever it runs on.
NOT_IN_THE_NAME = ("output", "resume", "prepare", "keep")
NOT_OF_THE_TRAINER = ("progress", "devices", "compile")


def train(config: Train) -> Path:
    """Align, fine-tune, test; or show what the same command found before. Returns the folder.

    All ranks of a run call this; the first writes and shows.
    """
    folder = run_folder(config)
    folder.mkdir(parents=True, exist_ok=True)
    with first_alone():
        prepare(config)
    with locked(folder / ".lock"):
        files = task_files(config)
        if told(is_first() and _is_to_be_found(config, folder, files.languages)):
            log.info("This run is finished; resume=false makes it anew.")
        else:
            Run(config, folder).make(files)
    if is_first():
        results = read_results(folder)
        print(f"\n{score_table(results)}\n\nresults  {folder / FILE}")
        print(f"next     {suggestion(results)}")
    return folder


def _is_to_be_found(config: Train, folder: Path, languages: Sequence[str]) -> bool:
    return config.resume is not False and is_finished(folder, languages, config.keep)


def is_finished(folder: Path, languages: Sequence[str], keep: Keep) -> bool:
    """Whether a folder holds results for these languages, from files that have not changed."""
    if not (folder / FILE).is_file():
        return False
    results = read_results(folder)
    kept = Keep(results["config"].get("keep", Keep.none))
    if list(Keep).index(kept) < list(Keep).index(keep):
        log.info("This run kept fewer weights than keep=%s asks for: it is made anew.", keep)
        return False
    if set(results["scores"]) != set(languages):
        log.info("Other languages are there than when this was run: it is made anew.")
        return False
    for name, known in results["data"].items():
        path = Path(name)
        if not path.is_file() or sha256_of(path) != known["sha256"]:
            log.info("%s has changed since this run: it is made anew.", path)
            return False
    return True


def run_folder(config: Train) -> Path:
    """Named by the configuration, so that the same command finds its own run."""
    settings = asdict(config)
    for key in NOT_IN_THE_NAME:
        settings.pop(key)
    for key in NOT_OF_THE_TRAINER:
        settings["trainer"].pop(key)
    settings["backbone"].pop("gradient_checkpointing")
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
        self.computing = set_up(config)
        check_logger(config.logger.name.value)
        quiet_transformers()
        self.seconds: dict[str, float] = {}
        self.data: dict[str, dict[str, Any]] = {}
        self.weights: dict[str, Any] = {}

    def make(self, files: TaskFiles) -> None:
        """All stages; the results are written last, so that they mean a finished run."""
        config = self.config
        started = time.perf_counter()
        with first_alone():
            if is_first():
                self._begin()
        aligner = Aligner(config, self._trainer("align"), precision=self.computing.precision)
        if aligner.losses and not files.learned:
            refuse_seen(files, aligner.texts)
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
            encoder, tokenizer = load_encoder(aligned, attention=self.computing.attention)
            recipe: Any = OmegaConf.to_container(OmegaConf.load(aligned / RECIPE))
            self.seconds["align"] = recipe["seconds"]
            self.data |= recipe["files"]
        tokens = {}
        if config.method.language_tokens:
            tokens = known_languages(tokenizer, [*aligner.languages, SOURCE])
        layout = Layout(
            tokenizer,
            tokens,
            max_length=config.finetune.max_length,
            multiple=padding_multiple(gpu=self.computing.gpu),
        )
        if files.learned:
            results = {"scores": self._test(*self._finetune(encoder, layout, files))}
        else:
            results = self._retrieve(encoder, layout, files)
        self.seconds["total"] = time.perf_counter() - started
        if is_first():
            self._write(results, aligned)

    def _begin(self) -> None:
        """What follows replaces what the folder tells of."""
        (self.folder / FILE).unlink(missing_ok=True)
        for old in ("predictions", CURVES, EVALUATIONS):
            shutil.rmtree(self.folder / old, ignore_errors=True)
        config = OmegaConf.to_yaml(OmegaConf.structured(self.config))
        write_whole(self.folder / "config.yaml", config)

    def _finetune(
        self, encoder: Encoder, layout: Layout, files: TaskFiles
    ) -> tuple[TaskDataModule, FinetuningModule]:
        started = time.perf_counter()
        config, settings = self.config, self.config.finetune
        assert settings.seed is not None  # resolved
        data = TaskDataModule(
            files,
            layout,
            batch_size=settings.batch_size,
            seed=settings.seed,
            tokens=config.trainer.tokens,
            workers=config.trainer.workers,
        )
        module = finetuning_module(
            config, encoder, gold=gold_of(data.dev), steps=settings.epochs * data.batches
        )
        set_up_learning(
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
            weights=Weights(
                self.folder, layout, selection=settings.selection.value, keep=config.keep.value
            ),
            trainer=self._trainer("finetune"),
        )
        finish_loggers(config.logger.name.value)
        self.seconds["finetune"] = time.perf_counter() - started
        add_records(self.data, data.train)
        add_records(self.data, data.dev)
        return data, module

    def _test(self, data: TaskDataModule, module: FinetuningModule) -> dict[str, float]:
        started = time.perf_counter()
        quiet = self._trainer("test")(folder=self.folder, callbacks=[])
        scores = {}
        for language in bar(self.config.trainer.progress, "testing")(data.files.languages):
            part, loader = data.test_loader(language)
            add_records(self.data, part)
            path = self.folder / "predictions" / f"{language}.jsonl"
            scores[language] = score_part(quiet, module, part, loader, path)
        self.seconds["test"] = time.perf_counter() - started
        return scores

    def _retrieve(self, encoder: Encoder, layout: Layout, files: TaskFiles) -> Scores:
        started = time.perf_counter()
        results = retrieve(
            files,
            encoder,
            layout,
            self._trainer("test")(folder=self.folder, callbacks=[]),
            self.folder / "predictions",
            tokens=self.config.trainer.tokens,
            workers=self.config.trainer.workers,
            progress=bar(self.config.trainer.progress, "testing"),
            note=partial(add_records, self.data),
        )
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
                "backbone": config.backbone.name,
                "backbone_commit": self.commit,
                "seed": config.seed,
                "selection": config.finetune.selection.value,
                **results,
                **summary(results["scores"]),
                "aligned": None if aligned is None else str(aligned),
                "weights": self.weights,
                "curves": self._curves(aligned),
                "config": OmegaConf.to_container(OmegaConf.structured(config), enum_to_str=True),
                "versions": versions(),
                "commit": commit(),
                "computing": asdict(self.computing),
                "seconds": {stage: round(value, 2) for stage, value in self.seconds.items()},
                "peak_memory_bytes": peak_memory_bytes(),
                "data": self.data,
            },
        )

    def _curves(self, aligned: Path | None) -> dict[str, str | None]:
        """Stage -> its curves in the run's folder, those of an encoder that was found included."""
        found: dict[str, str | None] = {}
        for stage, place in (("align", aligned), ("finetune", self.folder)):
            name = f"{CURVES}/{stage}.csv"
            is_there = place is not None and write_curves(place / CURVES, stage, self.folder / name)
            found[stage] = name if is_there else None
        return found

    def _trainer(self, stage: str) -> Callable[..., L.Trainer]:
        """Makes the trainer of a stage, with loggers of its own."""
        config = self.config

        def make(*, folder: Path, callbacks: Any, **options: Any) -> L.Trainer:
            return make_trainer(
                folder=folder,
                accelerator="gpu" if self.computing.gpu else "cpu",
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
                **{"precision": self.computing.precision, **options},
            )

        return make
