"""Many runs in one table: mean and standard deviation over seeds, and a test against a baseline."""

import glob
import json
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlalign.errors import ConfigError, DataError
from mlalign.reporting.results import FILE, read_results
from mlalign.reporting.significance import paired_t_test
from mlalign.reporting.tables import UNITS, aligned, name_of

# What may differ between the runs of one table: what its rows and their seeds are.
ROWS = ("method", "losses", "ablation", "fusion", "weighting", "align", "backbone")
FREE = (*ROWS, "seed", "resume", "output", "aligned", "logger", "trainer")
SEEDS = ("finetune.seed",)


def find_runs(patterns: str) -> list[dict[str, Any]]:
    """Results of every finished run under folders or glob patterns, comma-separated.

    Raises:
        DataError: there are none.
    """
    files = {
        Path(path)
        for pattern in patterns.split(",")
        for form in (pattern, f"{pattern}/{FILE}", f"{pattern}/**/{FILE}")
        for path in glob.glob(form.strip(), recursive=True)  # noqa: PTH207 (absolute ones too)
        if Path(path).name == FILE
    }
    if not files:
        raise DataError(
            f"runs={patterns}: no {FILE} there; expected folders of finished runs, such as "
            "runs='outputs/**' or runs='multirun/**'"
        )
    return [read_results(path.parent) for path in sorted(files)]


def comparison(runs: Sequence[Mapping[str, Any]], baseline: str) -> str:
    """One table per task: a row per method, mean ± sd over seeds, paired t-test.

    Args:
        runs: finished, of any task, method and seed.
        baseline: the row that the others are tested against, where a task has it.

    Raises:
        ConfigError: two runs are the same, or runs of a task differ in what no row names.
    """
    by_task: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for run in runs:
        by_task[run["task"]].append(run)
    return "\n\n".join(_task_table(task, found, baseline) for task, found in by_task.items())


def _task_table(task: str, runs: Sequence[Mapping[str, Any]], baseline: str) -> str:
    _refuse_other_differences(task, runs)
    rows: dict[str, dict[int, Mapping[str, Any]]] = defaultdict(dict)
    for run in runs:
        if run["seed"] in rows[name_of(run)]:
            raise ConfigError(
                f"task {task}: two runs of {name_of(run)} with seed {run['seed']}; name fewer runs"
            )
        rows[name_of(run)][run["seed"]] = run
    languages = list(dict.fromkeys(language for run in runs for language in run["scores"]))
    head = ["", *languages, "average", "transfer", "gap", "seeds", f"against {baseline}", "p"]
    base = {seed: run["transfer_average"] for seed, run in rows.get(baseline, {}).items()}
    body = []
    for name, seeds in rows.items():
        cells = [[run["scores"].get(language) for run in seeds.values()] for language in languages]
        for key in ("average", "transfer_average", "transfer_gap"):
            cells.append([run[key] for run in seeds.values()])
        own = {seed: run["transfer_average"] for seed, run in seeds.items()}
        test = paired_t_test(own, base) if name != baseline and None not in own.values() else None
        body.append(
            [name, *map(_mean_and_spread, cells), str(len(seeds))]
            + ["", ""] * (test is None)
            + ([f"{test.difference:+.1f}", _p(test.p)] if test else [])
        )
    body.sort(key=lambda row: row[0] != baseline)
    unit = UNITS[runs[0]["metric"]]
    title = f"{task}, zero-shot, {unit} in per cent, mean ± sd over seeds"
    return "\n".join([title, *aligned([head, *body])])


def _refuse_other_differences(task: str, runs: Sequence[Mapping[str, Any]]) -> None:
    first = _comparable(runs[0])
    for run in runs[1:]:
        other = _comparable(run)
        keys = sorted(
            key for key in first.keys() | other.keys() if first.get(key) != other.get(key)
        )
        if keys:
            raise ConfigError(
                f"task {task}: runs differ in more than a table's rows may: "
                + "; ".join(f"{key}: {first.get(key)} and {other.get(key)}" for key in keys)
                + ". Name runs that agree in this"
            )


def _comparable(run: Mapping[str, Any]) -> dict[str, str]:
    """Flat settings that all runs of a table must share."""

    def flatten(node: Any, prefix: str) -> dict[str, str]:
        if not isinstance(node, Mapping):
            return {prefix: json.dumps(node)}
        return {
            name: value
            for key, child in node.items()
            for name, value in flatten(child, f"{prefix}.{key}" if prefix else str(key)).items()
        }

    shared = {key: value for key, value in run["config"].items() if key not in FREE}
    flat = flatten(shared, "")
    return {key: value for key, value in flat.items() if key not in SEEDS}


def _mean_and_spread(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    mean = f"{statistics.mean(known):.1f}"
    return mean if len(known) < 2 else f"{mean} ± {statistics.stdev(known):.1f}"


def _p(value: float | None) -> str:
    if value is None:
        return "n/a"
    return "<0.001" if value < 0.001 else f"{value:.3f}"
