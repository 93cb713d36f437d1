"""What finished runs left on disk, as the numbers of figures."""

from collections import Counter
from collections.abc import Mapping, Sequence

import pandas as pd

from mlalign.data.languages import ENGLISH, spoken
from mlalign.errors import ConfigError, DataError
from mlalign.metrics.tasks import task_metrics
from mlalign.reporting.predictions import (
    predicted_languages,
    predictions_file,
    read_predictions,
)
from mlalign.reporting.runs import Run

TOPICS = {"CCAT": "Corporate", "ECAT": "Economics", "GCAT": "Government", "MCAT": "Markets"}
HELD_OUT = "held_out/"
CURVE_COLUMNS = ("stage", "quantity", "unit", "axis", "run", "seed", "position", "value")
# column of an alignment's csv -> panel and unit, in the order of the panels; accuracies are
# balanced over languages
ALIGNMENT = {
    "held_out/retrieval/mean": ("held-out retrieval, P@1", "%"),
    "held_out/language_probe": ("language probe, accuracy", "%"),
    "align/discriminator/accuracy": ("discriminator, accuracy", "%"),
    "align/loss/adversarial": ("adversarial loss", "nats"),
    "align/loss/inter_sentence": ("inter-sentence loss", "nats"),
    "align/loss/intra_sentence": ("intra-sentence loss", "value"),
    "align/loss/masked_words": ("masked words loss", "nats"),
    "align/loss/word_distribution": ("word distribution loss", "nats"),
}


def own_panels(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Each run by itself, called by its method, with the seed or the folder where that is not enough."""
    names = [run.results.name for run in runs]
    for more in (lambda run: f"seed {run.results.seed}", lambda run: run.folder.name):
        counts = Counter(names)
        if max(counts.values()) == 1:
            break
        names = [f"{name}, {more(run)}" if counts[name] > 1 else name for name, run in zip(names, runs, strict=True)]
    return {name: [run] for name, run in zip(names, runs, strict=True)}


def predictions_of(run: Run, language: str) -> tuple[list[str], list[str]]:
    """Gold and predicted labels of a language's test texts; of tagged sentences, of their words.

    Raises:
        DataError: the run has no such predictions, the file is damaged, or answers are no labels.
    """
    path = predictions_file(run.folder, language)
    if not path.is_file():
        there = ", ".join(predicted_languages(run.folder)) or "none"
        raise DataError(f"{path}: no such file; predictions there: {there}. Set language=")
    gold: list[str] = []
    predicted: list[str] = []
    metric = task_metrics()[run.results.metric]
    for one in read_predictions(path, metric):
        gold += metric.labels(one.gold)
        predicted += metric.labels(one.predicted)
    if not gold:
        raise DataError(f"{path}: the answers of this task are no labels; name runs of another task")
    return [TOPICS.get(one, one) for one in gold], [TOPICS.get(one, one) for one in predicted]


def labels_of(run: Run) -> list[str]:
    """The task's labels, as a reader knows them."""
    return [TOPICS.get(label, label) for label in run.results.labels]


def targets_of(run: Run) -> list[str]:
    """The languages that were scored, but the source."""
    return [language for language in run.results.scores if spoken(language) != spoken(run.results.source)]


def unit_of(run: Run) -> str:
    """What its scores are per cent of."""
    return task_metrics()[run.results.metric].title


def refuse_several_tasks(panels: Mapping[str, Sequence[Run]]) -> None:
    """What is averaged or drawn over one axis is of one task.

    Raises:
        ConfigError: the runs are of several tasks.
    """
    tasks = sorted({run.results.task for runs in panels.values() for run in runs})
    if len(tasks) > 1:
        raise ConfigError(f"runs of several tasks ({', '.join(tasks)}): name those of one")


def language_of(panels: Mapping[str, Sequence[Run]], asked: str | None) -> str:
    """The target language that is shown: the one asked for, else the first that all runs have scored.

    Raises:
        ConfigError: a run has not scored it.
    """
    runs = [run for found in panels.values() for run in found]
    common = [one for one in targets_of(runs[0]) if all(one in run.results.scores for run in runs)]
    if asked is None and not common:
        raise ConfigError("these runs share no target language; name other runs")
    if asked is not None and not all(asked in run.results.scores for run in runs):
        raise ConfigError(f"language={asked}: not scored by every run. Choices: {', '.join(common)}")
    return asked or common[0]


def curves_of(run: Run) -> pd.DataFrame:
    """What fine-tuning and alignment reported, see ``figures.curves``; may be empty."""
    results = run.results
    parts = [pd.DataFrame(columns=list(CURVE_COLUMNS))]
    learned = _read(run, "finetune")
    if learned is not None:
        settings = results.setting("finetune")
        epochs = settings.get("shots_epochs") or settings["epochs"]  # of the last stage, whose curves these are
        learned["position"] = (learned["step"] + 1) * epochs / (learned["step"].max() + 1)
        for column, quantity, unit in (
            ("finetune/loss", "training loss", "cross entropy (nats)"),
            (
                "finetune/dev",
                "English dev" if results.source == ENGLISH else f"{results.source} dev",
                f"{unit_of(run)} (%)",
            ),
        ):
            parts.append(_curve(learned, column, "finetune", quantity, unit, "epoch"))
    aligned = _read(run, "align")
    if aligned is not None:
        aligned["position"] = aligned["step"]
        for column, (quantity, unit) in ALIGNMENT.items():
            parts.append(_curve(aligned, column, "align", quantity, unit, "step"))
    found = pd.concat([part for part in parts if not part.empty] or parts)
    return found.assign(run=results.name, seed=results.seed)[list(CURVE_COLUMNS)]


def held_out_of(run: Run) -> dict[str, float]:
    """What alignment measured on held-out pairs at its last curve point; empty without one."""
    reported = _read(run, "align")
    if reported is None:
        return {}
    columns = [name for name in map(str, reported.columns) if name.startswith(HELD_OUT)]
    known = reported[columns].dropna(how="all")
    if known.empty:
        return {}
    last = known.iloc[-1].dropna()
    return {str(name).removeprefix(HELD_OUT): float(value) for name, value in last.items()}


def _read(run: Run, stage: str) -> pd.DataFrame | None:
    path = run.folder / "curves" / f"{stage}.csv"
    return pd.read_csv(path) if path.is_file() else None


def _curve(reported: pd.DataFrame, column: str, stage: str, quantity: str, unit: str, axis: str) -> pd.DataFrame:
    if column not in reported:
        return pd.DataFrame(columns=list(CURVE_COLUMNS))
    known = reported.dropna(subset=[column])
    return known[["position"]].assign(stage=stage, quantity=quantity, unit=unit, axis=axis, value=known[column])
