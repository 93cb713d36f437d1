"""Settings chosen among the trials of tuning: by English dev and held-out translations, never by a test score."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from mlalign.config.commands import Choose
from mlalign.config.settings import flattened
from mlalign.config.trials import TRIALS
from mlalign.errors import DataError
from mlalign.files import CONFIG, Json, JsonObject, write_whole
from mlalign.reporting.fairness import refuse_mixed
from mlalign.reporting.recorded import held_out_of
from mlalign.reporting.runs import Run, Unfinished, find_runs, find_unfinished
from mlalign.reporting.variation import refuse_other_differences

DIVERGED = "TrainingError"  # a trial that ends so was made, and is never the best


@dataclass(frozen=True)
class Trial:
    """What a trial is judged by.

    Attributes:
        number: from 0, which is the method as it is.
        english_dev: in per cent.
        held_out: translations found among held-out pairs, both ways, in per cent; None where none were looked for.
        run: its own.
    """

    number: int
    english_dev: float
    held_out: float | None
    run: Run

    @property
    def criterion(self) -> float:
        """The mean of both, or English dev alone."""
        return self.english_dev if self.held_out is None else (self.english_dev + self.held_out) / 2


@dataclass(frozen=True)
class Choice:
    """The trials of a method.

    Attributes:
        method: its name.
        trials: number -> finished trial.
        diverged: numbers of those that had no end.
    """

    method: str
    trials: Mapping[int, Trial]
    diverged: Sequence[int]

    @property
    def missing(self) -> list[int]:
        """Numbers of the trials that were not run to their end."""
        return [number for number in range(TRIALS) if number not in self.trials and number not in self.diverged]

    @property
    def best(self) -> Trial:
        """The largest criterion; of equal ones the first, so that the method stays as it is where nothing is gained."""
        return max(self.trials.values(), key=lambda one: (one.criterion, -one.number))

    def to_yaml(self) -> str:
        """As ``config.trials.chosen_settings`` reads it."""
        results, own = self.best.run.results, self.trials.get(0)
        settings = flattened(results.config)
        content = {
            "method": self.method,
            "backbone": results.backbone,
            "task": results.task,
            "seed": results.seed,
            "trials": TRIALS,
            "diverged": list(self.diverged),
            "settings": {key: settings[key] for key in results.setting("method")["tunes"]},
            "chosen": _numbers(self.best),
            "own_settings": None if own is None else _numbers(own),
            "commit": results.commit,
        }
        head = f"# {self.method}: the best of {TRIALS} trials by English dev and held-out translations, in per cent.\n"
        return head + yaml.safe_dump(content, sort_keys=False)

    def __str__(self) -> str:
        if self.missing or not self.trials:
            what = f"trials {', '.join(map(str, self.missing))} are not finished" if self.missing else "all diverged"
            return f"not chosen  {self.method}: {what}"
        best, own = self.best, self.trials.get(0)
        before = "diverged" if own is None else f"{own.criterion:.1f}"
        return (
            f"chosen      {self.method}: trial {best.number} of {TRIALS}, {best.criterion:.1f} (own settings: {before})"
        )


def _numbers(trial: Trial) -> JsonObject:
    held_out = None if trial.held_out is None else round(trial.held_out, 2)
    return {"trial": trial.number, "english_dev": round(trial.english_dev, 2), "held_out": held_out}


def write_chosen(settings: Choose) -> list[Path]:
    """Write the settings of each method whose trials are all there, and say what became of every method.

    Raises:
        ConfigError: trials differ in more than their methods do.
        DataError: no trial is there, one was made twice, or no method has all of its trials.
    """
    patterns, folder = settings.runs, Path(settings.tuned)
    choices = choices_among(find_runs(patterns), find_unfinished(patterns))
    paths = []
    for one in choices:
        print(one)
        if one.trials and not one.missing:
            folder.mkdir(parents=True, exist_ok=True)
            paths.append(folder / f"{one.method}.yaml")
            write_whole(paths[-1], one.to_yaml())
    if not paths:
        raise DataError(
            f"runs={patterns}: no method has all of its {TRIALS} trials; the sweep typed again makes the others"
        )
    print(f"next        python train.py method={choices[0].method} tuned={folder}")
    return paths


def choices_among(runs: Sequence[Run], unfinished: Sequence[Unfinished] = ()) -> list[Choice]:
    """The trials of each method.

    Raises:
        ConfigError: trials differ in more than their methods do.
        DataError: a run is no trial, or a trial was made twice.
    """
    for run in runs:
        if run.results.config.get("trial") is None:
            raise DataError(f"{run.folder}: not a trial; name the runs of train.py -m trial=range({TRIALS})")
    task = ", ".join(sorted({run.results.task for run in runs}))
    refuse_other_differences(task, runs, "main")
    refuse_mixed(task, runs)
    trials: dict[str, dict[int, Trial]] = defaultdict(dict)
    for run in runs:
        number, of_method = run.results.config["trial"], trials[run.results.method]
        if number in of_method:
            raise DataError(
                f"{of_method[number].run.folder} and {run.folder} are both trial {number} of {run.results.method}; "
                "name the runs of one sweep, with one seed and task"
            )
        measured = held_out_of(run).get("retrieval/mean")
        of_method[number] = Trial(number, run.results.scores[run.results.source], measured, run)
    diverged = _diverged(unfinished)
    return [
        Choice(method, trials.get(method, {}), sorted(diverged.get(method, ())))
        for method in sorted({*trials, *diverged})
    ]


def _diverged(unfinished: Sequence[Unfinished]) -> dict[str, set[int]]:
    """Method -> numbers of trials without end."""
    found: dict[str, set[int]] = defaultdict(set)
    for one in unfinished:
        path = one.folder / CONFIG
        if (one.error or "").startswith(DIVERGED) and path.is_file():
            config: Json = yaml.safe_load(path.read_text(encoding="utf-8"))
            if config.get("trial") is not None:
                found[config["method"]["name"]].add(config["trial"])
    return found
