"""What a run shows while it lasts, from its configuration."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from omegaconf import OmegaConf

from mlalign.commands.before_after import BeforeAfter
from mlalign.commands.shown_vectors import pair_vectors
from mlalign.config.enums import LoggerName
from mlalign.config.schema import Train
from mlalign.config.validation import present
from mlalign.distributed import is_rank_zero
from mlalign.errors import DataError
from mlalign.metrics.tasks import METRICS
from mlalign.pipeline import fingerprint_of
from mlalign.reporting.figures import confusion, correlation, curves
from mlalign.reporting.keys import ROW, TASK
from mlalign.reporting.recorded import curves_of, labels_of, predictions_of
from mlalign.reporting.runs import Run
from mlalign.reporting.tables import name_of
from mlalign.reporting.variation import KINDS, NOTHING, SEEDS, flat_settings, under
from mlalign.tracking.loggers import check_logger
from mlalign.tracking.start import in_sweep
from mlalign.tracking.tracker import Figures, Tracker
from mlalign.tracking.wandb_tracker import Shown, WandbTracker


def tracker_of(config: Train, folder: Path) -> Tracker:
    """Of a run that is to be made.

    Raises:
        ConfigError: the logger is not installed, or has no such option.
    """
    logger = config.logger
    check_logger(logger.name.value)
    if not is_rank_zero():
        return Tracker(LoggerName.csv.value, {})  # which writes nothing elsewhere
    if logger.name != LoggerName.wandb:
        return Tracker(logger.name.value, logger.options)
    found: Any = OmegaConf.to_container(OmegaConf.structured(config), enum_to_str=True)
    return WandbTracker(
        logger.options,
        folder=folder,
        group=logger.group or setting_of(config),
        config={
            **found,
            "losses": {name: found["losses"][name] for name in present(config.losses)},
            ROW: name_of({"method": config.method.name, "ablation": config.ablation.name}),
            TASK: config.task.name,
        },
        metric=METRICS[config.task.metric],
        labels=list(config.task.labels),
        shown=Shown(logger.rows, logger.texts, logger.figures, logger.artifacts),
    )


def is_watched(config: Train) -> bool:
    """Whether somebody waits for this run's results even if it was finished before."""
    return config.logger.name == LoggerName.wandb and in_sweep()


def setting_of(config: Train) -> str:
    """The same for runs that a table may put side by side."""
    settings: Any = OmegaConf.to_container(OmegaConf.structured(config), enum_to_str=True)
    for key in (*NOTHING, "prepare"):
        settings.pop(key)
    flat = flat_settings(Run(Path(), {"config": settings}))
    varied = under(flat, KINDS["main"].varies)
    rest = {key: one for key, one in flat.items() if key not in varied and key not in SEEDS}
    name = config.backbone.name.split("/")[-1]
    return f"{config.task.name}-{name}-{fingerprint_of(rest)[:8]}"


def figures_of(results: Mapping[str, Any], folder: Path) -> Figures:
    """What a single run's figures are and how they are drawn."""
    run = Run(folder, dict(results))
    figures: dict[str, Any] = {"curves": partial(_curves, run)}
    if METRICS[results["metric"]].has_labels:
        figures["confusion"] = partial(_confusion, run)
    if results["aligned"] is not None:
        figures["correlation"] = partial(_correlation, run)
    return figures


def _curves(run: Run) -> Figure:
    numbers = curves_of(run)
    if numbers.empty:
        raise DataError("nothing was trained")
    return curves.draw(numbers)


def _confusion(run: Run) -> Figure:
    """A matrix for each language."""
    labels = labels_of(run)
    return confusion.draw(
        pd.concat(
            confusion.numbers({language: predictions_of(run, language)}, labels, language)
            for language in run.results["scores"]
        )
    )


def _correlation(run: Run) -> Figure:
    """A held-out pair before its alignment and after it."""
    encoders = BeforeAfter(run)
    shown = {"before alignment": (encoders, False), "after alignment": (encoders, True)}
    words, vectors = pair_vectors(shown, encoders.aligner.languages[0], None)
    return correlation.draw(correlation.numbers(vectors, *words))
