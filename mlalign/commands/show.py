"""Finished runs as the paper's figures, or measured: from settings to files."""

import json
from collections import defaultdict
from pathlib import Path

import pandas as pd

from mlalign.config.commands import Show
from mlalign.data.text import start_of
from mlalign.errors import ConfigError, DataError, nearest
from mlalign.files import write_whole
from mlalign.reporting.drawing.style import read_numbers, save
from mlalign.reporting.figures import NAMES, FigureFile, Panels, Request, figure
from mlalign.reporting.recorded import own_panels
from mlalign.reporting.rows import rows_of
from mlalign.reporting.runs import Run, by_task, find_runs
from mlalign.reporting.variation import refuse_other_differences
from mlalign.stages import shown_vectors
from mlalign.stages.before_after import BeforeAfter
from mlalign.wording import plural

MEASURES = "measures.json"
MOST_PANELS = 6


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
        written = draw(settings.figure, settings)
    for path in written:
        print(f"written  {path}")
    return written


def draw(name: str, settings: Show) -> list[Path]:
    """Draw a figure from runs, or from the csv of an earlier one."""
    if name not in NAMES:
        raise ConfigError(f"figure={name}: no such figure. {nearest(name, NAMES)}")
    drawn = figure(name)
    if settings.numbers is not None:
        numbers = given_numbers(Path(settings.numbers))
    else:
        numbers = drawn.collect(panels_of(drawn, chosen_runs(settings)), request_of(settings))
    try:
        return save(drawn.draw, numbers, Path(settings.output) / name, [form.value for form in settings.forms])
    except KeyError as error:
        if settings.numbers is None:
            raise
        raise DataError(f"{settings.numbers}: no column {error}; expected the csv of another figure={name}") from error


def request_of(settings: Show) -> Request:
    """What a figure is asked for."""
    return Request(
        shown_vectors,
        encoders_of,
        lambda run: measures_of(run, settings.seed),
        language=settings.language,
        seed=settings.seed,
        points=settings.points,
        pair=settings.pair,
        words=None if settings.words is None else Path(settings.words),
    )


def given_numbers(path: Path) -> pd.DataFrame:
    """The csv of an earlier figure."""
    try:
        start_of(path)  # refuses a pipe, which would be waited for
        return read_numbers(path)
    except (OSError, ValueError) as error:
        expected = "expected one that was written beside a figure"
        raise DataError(f"{path}: cannot be read as csv ({error}); {expected}") from error


def chosen_runs(settings: Show) -> list[Run]:
    """The runs that were named, without those that were only scored again."""
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
    return [run for run in found.values() if run.results.evaluation_of is None]


def panels_of(drawn: FigureFile, runs: list[Run]) -> Panels:
    """Runs that are a row of a table together, in the order in which rows are named, or each by itself."""
    if drawn.BY_NAME:
        named: dict[str, list[Run]] = defaultdict(list)
        for task, found in by_task(runs).items():
            refuse_other_differences(task, found, "main")
            for name, row in rows_of(found, "main").items():
                named[name] += row.values()
        return dict(sorted(named.items(), key=lambda one: min(map(runs.index, one[1]))))
    tasks = sorted({run.results.task for run in runs})
    if len(runs) > MOST_PANELS or len(tasks) > 1:
        most = f"a figure puts at most {MOST_PANELS} runs of one task side by side"
        raise ConfigError(f"found {plural(len(runs), 'run')} of {', '.join(tasks)}; {most}: name fewer in runs=")
    return own_panels(runs)


def encoders_of(panels: Panels) -> shown_vectors.Encoders:
    """Panel -> what opens its encoder: the first one's backbone, then all that are aligned."""
    aligned = {name: BeforeAfter(runs[0]) for name, runs in panels.items() if runs[0].results.aligned is not None}
    first = next(iter(aligned.values()), None) or BeforeAfter(next(iter(panels.values()))[0])
    after = {f"after alignment ({name})": both.last for name, both in aligned.items()}
    return {"before alignment": first.before, **after}


def measure(run: Run, seed: int) -> Path:
    """Measure a run's aligned (or untouched) encoder; keep and print what is found."""
    found = {name: round(value, 4) for name, value in BeforeAfter(run).last().measures(seed).items()}
    path = run.folder / MEASURES
    write_whole(path, json.dumps(found, indent=1) + "\n")
    print(f"\n{run.folder}")
    for name, value in found.items():
        print(f"  {name:28} {value:10.4g}")
    return path


def measures_of(run: Run, seed: int) -> dict[str, float]:
    """What ``measures=true`` wrote, or would write now."""
    path = run.folder / MEASURES if (run.folder / MEASURES).is_file() else measure(run, seed)
    found: dict[str, float] = json.loads(path.read_text(encoding="utf-8"))
    return found
