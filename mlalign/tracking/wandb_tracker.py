"""A run on Weights & Biases: one wandb run per stage, all in one group."""

import json
import logging
import secrets
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only

from mlalign.config.identity import setting_name
from mlalign.config.plain import container
from mlalign.config.schema import Train
from mlalign.config.validation import present
from mlalign.data.readers import AnyExample, Part
from mlalign.files import RESULTS, WANDB, read_object, write_whole
from mlalign.metrics.tasks import task_metrics
from mlalign.reporting.curves import CURVES, join_curves
from mlalign.reporting.keys import CONFUSION, FIGURES, PREDICTIONS, ROW, TASK, average_key, score_key
from mlalign.reporting.predictions import predictions_file
from mlalign.reporting.results import Results, row_name
from mlalign.tracking.logger import StageLogger
from mlalign.tracking.shown import confusion_chart, image, prediction_table
from mlalign.tracking.stage import Stage
from mlalign.tracking.start import check_options, in_sweep, start
from mlalign.tracking.tracker import Figures, Tracker

log = logging.getLogger(__name__)

SUMMARISED = ("seconds", "peak_memory_bytes", "aligned", "commit", "reads", "notes", "budget")  # of the results


class WandbTracker(Tracker):
    """Opens a wandb run when a stage begins, and ends it with the stage.

    Under ``wandb agent`` all stages share the agent's run.

    Args:
        config: checked; its ``logger`` says what is logged of the tested run.
        folder: of the run; wandb's own folder is created in it.

    Raises:
        ConfigError: ``wandb.init`` does not have an option.
    """

    def __init__(self, config: Train, folder: Path) -> None:
        super().__init__("wandb", config.logger.options)
        check_options(self.options)
        self.folder, self.group, self.shown = folder, config.logger.group or setting_name(config), config.logger
        self.metric, self.labels, self.part = task_metrics()[config.task.metric], config.task.labels, config.scored
        method, found = config.method, container(config)
        row = row_name(method.name, config.tuning, config.ablation.name, method.trials, config.finetune.shots)
        losses = {name: found["losses"][name] for name in present(config.losses)}
        self.config = {**found, "losses": losses, ROW: row, TASK: config.task.name, "folder": str(folder.absolute())}
        self.stage: Stage | None = None
        self.is_unsent = False
        self._tested: dict[str, tuple[Path, Part[AnyExample]]] = {}

    def loggers(self, stage: str, folder: Path) -> list[Logger]:
        """Loggers to csv files and to a wandb run that starts now, in the place of one that was stopped."""
        loggers = super().loggers(stage, folder)
        self._begin(stage, folder)
        if self.stage is not None:
            loggers.append(StageLogger(self.stage, stage, join_curves(folder / CURVES, stage)))
        return loggers

    def end_stage(self) -> None:
        """Finish the stage's wandb run, unless it is the agent's."""
        if self.stage is not None and not in_sweep():
            self._finish(self.stage, None)

    def close(self, error: BaseException | None = None) -> None:
        """Finish the open wandb run, and log how to sync offline runs."""
        if self.stage is not None:
            self._finish(self.stage, error)
        if self.is_unsent:
            log.info("wandb: logged offline; to upload: wandb sync %s/wandb/offline-run-*", self.folder)

    def test(self) -> None:
        """Start the wandb run of the test."""
        self._begin("test", self.folder)

    def scored(self, scores: Mapping[str, float], language: str, part: Part[AnyExample]) -> None:
        """Log scores and confusion matrix now; predictions are logged with those of the other languages."""
        if self.stage is None:
            return
        self.stage.log({score_key(metric, language, self.part): one for metric, one in scores.items()})
        path = predictions_file(self.folder, language)
        if self.metric.has_labels:
            chart = partial(confusion_chart, path, self.metric, self.labels, language)
            self.stage.show(f"{CONFUSION}{language}", chart)
        self._tested[language] = path, part

    def show(self, results: Results, figures: Figures) -> None:
        """Log averages, the table of predictions, figures and artifacts."""
        if self.stage is None:  # the run was finished before
            self._begin("test", self.folder)
            found = {results.metric: results.scores, **results.beside}
            self._log({score_key(key, one, self.part): score for key in found for one, score in found[key].items()})
        if self.stage is None:
            return
        averages = {average_key(name, self.part): mean for name, mean in results.summary.items()}
        self.stage.log({name: mean for name, mean in averages.items() if mean is not None})
        written = results.to_json()
        self.stage.summarise({name: written[name] for name in SUMMARISED})
        if self._tested and self.shown.rows:
            table = partial(prediction_table, self._tested, self.metric, rows=self.shown.rows, texts=self.shown.texts)
            self.stage.show(PREDICTIONS, table)
        for name, draw in figures.items() if self.shown.figures else ():
            self.stage.show(f"{FIGURES}{name}", partial(image, draw))
        for files in self._files(results) if self.shown.artifacts else ():
            self.stage.keep(*files)

    def _log(self, values: Mapping[str, object]) -> None:
        if self.stage is not None:
            self.stage.log(values)

    @rank_zero_only
    def _begin(self, stage: str, folder: Path) -> None:
        if self.stage is not None and in_sweep():
            return
        self.end_stage()
        run = start(
            self.options,
            identity=_identity(folder, stage),
            name=f"{self.folder.name}/{stage}",
            group=self.group,
            job=stage,
            folder=self.folder,
            config={**self.config, "stage": stage},
        )
        self.stage = Stage(run)
        if self.stage.is_offline:  # a server that did not answer is not waited for again
            self.options = {**self.options, "mode": "offline"}
        if not self.stage.is_offline and run.url:
            log.info("wandb: %s", run.url)

    def _finish(self, stage: Stage, error: BaseException | None) -> None:
        self.is_unsent |= stage.is_offline
        self.stage = None
        stage.finish(error)

    def _files(self, results: Results) -> Iterator[tuple[str, str, list[Path]]]:
        """Name, type and content of each artifact."""
        folder, aligned = self.folder, results.aligned
        name = folder.name.replace("+", ".")  # of a joint ablation; wandb allows no + in a name
        yield f"{name}-results", "results", [folder / RESULTS, folder / "predictions"]
        if aligned is not None:
            yield f"aligned-{Path(aligned).name}", "encoder", [Path(aligned)]


def _identity(folder: Path, stage: str) -> str:
    """The id of a stage's wandb run, the same until the stage begins from scratch, when what it made is deleted."""
    path = folder / WANDB
    known: dict[str, str] = read_object(path)
    if not isinstance(known.get(stage), str):
        name = folder.name.removesuffix(".partial").rpartition("-")[2]
        known[stage] = f"{stage}-{name}-{secrets.token_hex(3)}"
        write_whole(path, json.dumps(known) + "\n")
    return known[stage]
