"""Every row of a table against its baseline: paired over seeds, and over test items."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlalign.errors import DataError
from mlalign.metrics.tasks import task_metrics
from mlalign.reporting.bootstrap import (
    BootstrapResult,
    Floats,
    Items,
    read_items,
    resampled_scores,
    resampled_test,
)
from mlalign.reporting.predictions import predictions_file
from mlalign.reporting.results import summary
from mlalign.reporting.rows import Rows, Seeds
from mlalign.reporting.runs import Run
from mlalign.reporting.significance import Paired, holm, paired_t_test
from mlalign.reporting.tables import SUMMARIES, PairedComparison

log = logging.getLogger(__name__)

Scores = Mapping[str, Mapping[str, Mapping[Seeds, float]]]  # row -> column -> seeds -> score
Key = tuple[str, str]  # row, column


def differences(scores: Scores, baseline: str, resampled: Mapping[Key, BootstrapResult]) -> dict[Key, PairedComparison]:
    """Test every cell that shares a seed with the baseline's.

    Holm's correction has two kinds of families, the same for both tests: the languages of one row
    ("in which languages does this method differ?") and the rows of one summary ("which methods
    differ on average?").
    """
    seeds: dict[Key, Paired] = {}
    for row, columns in scores.items():
        for column, values in columns.items():
            test = paired_t_test(values, scores[baseline][column])
            if row != baseline and test is not None:
                seeds[row, column] = test
    seeds_holm = _adjusted({key: test.p for key, test in seeds.items()})
    items_holm = _adjusted({key: resampled[key].p for key in seeds if key in resampled})
    return {
        key: PairedComparison(test, seeds_holm[key], resampled.get(key), items_holm.get(key))
        for key, test in seeds.items()
    }


def _adjusted(p: Mapping[Key, float | None]) -> dict[Key, float | None]:
    families: dict[object, list[Key]] = {}
    for row, column in p:
        family = column if column in SUMMARIES else ("languages of", row)
        families.setdefault(family, []).append((row, column))
    return {
        key: value
        for keys in families.values()
        for key, value in zip(keys, holm([p[key] for key in keys]), strict=True)
    }


def resampled_differences(
    rows: Rows, baseline: str, languages: Sequence[str], resamples: int
) -> dict[Key, BootstrapResult]:
    """The paired bootstrap over test items, seeds averaged, wherever all predictions are there.

    Summaries are tested where every language is, with the same seeds.

    Raises:
        DataError: predictions are broken, or not of the same items.
    """
    if not resamples:
        return {}
    source = next(iter(rows[baseline].values())).results.source
    drawn: dict[str, dict[str, Floats]] = {}  # row -> language -> difference on each test set
    paired: dict[str, set[tuple[Seeds, ...]]] = {}
    for language in languages:
        shared = _shared_seeds(rows, baseline, language)
        if not shared:
            continue
        wanted = sorted({(name, one) for name, seeds in shared.items() for one in seeds})
        wanted += sorted({(baseline, one) for seeds in shared.values() for one in seeds})
        log.info("Resampling the test items of %s", language)
        runs = [rows[name][seeds] for name, seeds in wanted]
        sets = resampled_scores(_items(runs, language), resamples)
        by_row: dict[str, dict[Seeds, Floats]] = {}
        for (name, one), values in zip(wanted, sets, strict=True):
            by_row.setdefault(name, {})[one] = values
        for name, seeds in shared.items():
            differing = [by_row[name][one] - by_row[baseline][one] for one in seeds]
            drawn.setdefault(name, {})[language] = np.mean(differing, axis=0)
            paired.setdefault(name, set()).add(tuple(seeds))
    found = {}
    for name, by_language in drawn.items():
        means: dict[str, Any] = {}
        if len(by_language) == len(languages) and len(paired[name]) == 1:
            means = summary(by_language, source)  # type: ignore[arg-type]  # arrays average as numbers do
        for column, values in (by_language | means).items():
            if values is not None:
                found[name, column] = resampled_test(values)
    return found


def _shared_seeds(rows: Rows, baseline: str, language: str) -> dict[str, list[Seeds]]:
    """Row -> the seeds that it shares with the baseline, if all of them have predictions."""
    shared = {}
    for name, runs in rows.items():
        seeds = [
            one
            for one, run in runs.items()
            if one in rows[baseline] and all(language in each.results.scores for each in (run, rows[baseline][one]))
        ]
        files = [_file(rows[row][one], language) for row in (name, baseline) for one in seeds]
        if name != baseline and seeds and all(file.is_file() for file in files):
            shared[name] = seeds
    return shared


def _items(runs: Sequence[Run], language: str) -> list[Items]:
    found = [
        read_items(_file(run, language), task_metrics()[run.results.metric], run.results.scores[language])
        for run in runs
    ]
    for run, items in zip(runs, found, strict=True):
        if items.ids != found[0].ids:
            raise DataError(
                f"{_file(run, language)}: other test items than in {_file(runs[0], language)}; "
                "expected the same in the same order. Name runs that were scored on the same files"
            )
    return found


def _file(run: Run, language: str) -> Path:
    return predictions_file(run.folder, language)
