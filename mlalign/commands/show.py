"""Finished runs as the paper's figures, or measured: from settings to files."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from mlalign.config.commands import Show
from mlalign.config.enums import FigureName
from mlalign.config.validation import nearest
from mlalign.errors import ConfigError, DataError
from mlalign.files import write_whole
from mlalign.metrics.tasks import METRICS
from mlalign.reporting.figures import (
    confusion,
    correlation,
    curves,
    similarity_transfer,
    tsne_classes,
    tsne_languages,
    word_pairs,
)
from mlalign.reporting.figures.style import read_numbers, save
from mlalign.reporting.recorded import (
    curves_of,
    labels_of,
    panel_names,
    predictions_of,
    targets_of,
)
from mlalign.reporting.runs import Run, find_runs
from mlalign.reporting.tables import name_of
from mlalign.stages.before_after import BeforeAfter
from mlalign.stages.shown_vectors import documents, pair_vectors, translations, words_of_languages

log = logging.getLogger(__name__)

MEASURES = "measures.json"
MOST_PANELS = 6
FEWEST_POINTS = 10
POINTS = {FigureName.tsne_classes: 300, FigureName.tsne_languages: 150, FigureName.word_pairs: 60}
DRAW: dict[FigureName, Callable[[pd.DataFrame], Any]] = {
    FigureName.correlation: correlation.draw,
    FigureName.curves: curves.draw,
    FigureName.confusion: confusion.draw,
    FigureName.tsne_classes: tsne_classes.draw,
    FigureName.tsne_languages: tsne_languages.draw,
    FigureName.similarity_transfer: similarity_transfer.draw,
    FigureName.word_pairs: word_pairs.draw,
}


def show(settings: Show) -> list[Path]:
    """Draw a figure, or measure runs; says what was written, and returns it.

    Raises:
        ConfigError: settings that do not go together.
        DataError: a run, or something of it, is not there.
    """
    if settings.measures == (settings.figure is not None):
        raise ConfigError("set either figure=NAME or measures=true")
    if settings.figure is None:
        written = [measure(run, settings.seed) for run in chosen_runs(settings)]
    else:
        if settings.numbers is not None:
            numbers = given_numbers(Path(settings.numbers))
        else:
            numbers = GATHER[settings.figure](chosen_runs(settings), settings)
        path = Path(settings.output) / settings.figure.value
        forms = [form.value for form in settings.forms]
        try:
            written = save(DRAW[settings.figure], numbers, path, forms)
        except KeyError as error:
            if settings.numbers is None:
                raise
            raise DataError(
                f"{settings.numbers}: no column {error}; expected the csv of another figure={settings.figure.value}"
            ) from error
    for path in written:
        print(f"written  {path}")
    return written


def given_numbers(path: Path) -> pd.DataFrame:
    """The csv of an earlier figure.

    Raises:
        DataError: there is none.
    """
    try:
        return read_numbers(path)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path}: cannot be read as csv ({error}); expected one that was written beside a figure"
        ) from error


def chosen_runs(settings: Show) -> list[Run]:
    """The runs that were named, without those that were only scored again.

    Raises:
        ConfigError: none or two ways of naming them.
        DataError: there is none.
    """
    if (settings.run is None) == (settings.runs is None):
        raise ConfigError("name the runs: run=FOLDER for one, runs='FOLDER,FOLDER' or a glob")
    if settings.run is not None:
        alone = [one for one in find_runs(settings.run) if one.folder == Path(settings.run)]
        if not alone:
            raise DataError(f"{settings.run}: not the folder of a finished run; use runs=")
        return alone
    assert settings.runs is not None
    found: dict[Path, Run] = {}  # in the order of the patterns, which is that of the panels
    for pattern in settings.runs.split(","):
        found |= {run.folder: run for run in find_runs(pattern) if run.folder not in found}
    return [run for run in found.values() if "evaluation_of" not in run.results]


def points(settings: Show) -> int:
    """How many points a plane has, see ``Show.points``.

    Raises:
        ConfigError: too few for a plane.
    """
    assert settings.figure is not None
    found = POINTS[settings.figure] if settings.points is None else settings.points
    if found < FEWEST_POINTS:
        raise ConfigError(f"points={found}: expected at least {FEWEST_POINTS}")
    return found


def side_by_side(runs: list[Run]) -> list[tuple[str, Run]]:
    """Runs with the names of their panels.

    Raises:
        ConfigError: they are more than a reader can compare, or of several tasks.
    """
    tasks = sorted({run.results["task"] for run in runs})
    if len(runs) > MOST_PANELS or len(tasks) > 1:
        raise ConfigError(
            f"found {len(runs)} runs of {', '.join(tasks)}; a figure puts at most {MOST_PANELS} "
            "runs of one task side by side: name fewer in runs="
        )
    return list(zip(panel_names(runs), runs, strict=True))


def language_of(runs: list[Run], settings: Show) -> str:
    """The target language that is shown, scored by all runs.

    Raises:
        ConfigError: a run has not scored it.
    """
    common = [one for one in targets_of(runs[0]) if all(one in run.results["scores"] for run in runs)]
    if settings.language is None:
        if not common:
            raise ConfigError("these runs share no target language; name other runs")
        return common[0]
    if not all(settings.language in run.results["scores"] for run in runs):
        raise ConfigError(
            f"language={settings.language}: not scored by every run. {nearest(settings.language, common)}"
        )
    return settings.language


def measure(run: Run, seed: int) -> Path:
    """Measure a run's aligned (or untouched) encoder; keep and print what is found."""
    encoders = BeforeAfter(run)
    found = {name: round(value, 4) for name, value in encoders.measures(encoders.last(), seed).items()}
    path = run.folder / MEASURES
    write_whole(path, json.dumps(found, indent=1) + "\n")
    print(f"\n{run.folder}")
    for name, value in found.items():
        print(f"  {name:28} {value:10.4g}")
    return path


def measures_of(run: Run, seed: int) -> dict[str, float]:
    """What ``measures=true`` wrote, or would write now."""
    path = run.folder / MEASURES
    if not path.is_file():
        measure(run, seed)
    found: dict[str, float] = json.loads(path.read_text(encoding="utf-8"))
    return found


# The numbers of each figure


def _confusion(runs: list[Run], settings: Show) -> pd.DataFrame:
    named, language = side_by_side(runs), language_of(runs, settings)
    labels = {name: predictions_of(run, language) for name, run in named}
    return confusion.numbers(labels, labels_of(runs[0]), language)


def _curves(runs: list[Run], settings: Show) -> pd.DataFrame:
    found = [one for run in runs if not (one := curves_of(run)).empty]
    if not found:
        raise DataError("none of these runs has curves/finetune.csv or curves/align.csv; train again with resume=false")
    return pd.concat(found, ignore_index=True)


def _correlation(runs: list[Run], settings: Show) -> pd.DataFrame:
    language = language_of(runs, settings)
    words, vectors = pair_vectors(_encoders(runs), language, settings.pair)
    return correlation.numbers(vectors, *words)


def _classes(runs: list[Run], settings: Show) -> pd.DataFrame:
    named, language = side_by_side(runs), language_of(runs, settings)
    found = {name: documents(run.folder, language, points(settings), seed=settings.seed) for name, run in named}
    return tsne_classes.numbers(found, language, seed=settings.seed)


def _languages(runs: list[Run], settings: Show) -> pd.DataFrame:
    encoders, languages = words_of_languages(_encoders(runs), points(settings), seed=settings.seed)
    return tsne_languages.numbers(encoders, languages, seed=settings.seed)


def _pairs(runs: list[Run], settings: Show) -> pd.DataFrame:
    language = language_of(runs, settings)
    path = None if settings.words is None else Path(settings.words)
    encoders, words = translations(_encoders(runs), language, path, points(settings))
    return word_pairs.numbers(encoders, words, ("en", language), seed=settings.seed)


def _transfer(runs: list[Run], settings: Show) -> pd.DataFrame:
    return transfer_numbers(runs, lambda run: measures_of(run, settings.seed))


def transfer_numbers(runs: list[Run], measures: Callable[[Run], dict[str, float]]) -> pd.DataFrame:
    """Score and similarity of every target language of every run.

    Args:
        runs: of one task.
        measures: of a run's encoder.

    Raises:
        ConfigError: the runs are of several tasks.
        DataError: no language is both scored and measured.
    """
    rows = []
    for run in runs:
        results, found = run.results, measures(run)
        for language in targets_of(run):
            similarity = found.get(f"similarity/{language}")
            if similarity is not None:
                rows.append(
                    (
                        name_of(results),
                        results["seed"],
                        language,
                        similarity,
                        results["scores"][language],
                        results["task"],
                        METRICS[results["metric"]].title,
                    )
                )
    if not rows:
        raise DataError("no language of these runs is both scored and in their parallel text")
    frame = pd.DataFrame(rows, columns=list(similarity_transfer.COLUMNS))
    if frame["task"].nunique() > 1:
        raise ConfigError(f"runs of several tasks ({', '.join(frame['task'].unique())}): name those of one")
    return frame


def _encoders(runs: list[Run]) -> dict[str, tuple[BeforeAfter, bool]]:
    """Panel -> run and whether its aligned encoder is meant: the first one's backbone, then all.

    Raises:
        ConfigError: they are too many.
    """
    named = [(name, run) for name, run in side_by_side(runs) if run.results["aligned"] is not None]
    opened = [(name, BeforeAfter(run)) for name, run in named] or [("", BeforeAfter(runs[0]))]
    found = {"before alignment": (opened[0][1], False)}
    return found | {f"after alignment ({name})": (both, True) for name, both in opened if name}


GATHER: dict[FigureName, Callable[[list[Run], Show], pd.DataFrame]] = {
    FigureName.correlation: _correlation,
    FigureName.curves: _curves,
    FigureName.confusion: _confusion,
    FigureName.tsne_classes: _classes,
    FigureName.tsne_languages: _languages,
    FigureName.similarity_transfer: _transfer,
    FigureName.word_pairs: _pairs,
}
