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

Run = Mapping[str, Any]
Seeds = tuple[int | None, ...]

# What may differ between the rows of one table, and what says nothing about a score.
ROWS = ("method", "losses", "ablation", "fusion", "weighting", "align", "backbone")
NOTHING = ("resume", "keep", "output", "aligned", "logger", "trainer")
SEEDS = ("seed", "align.seed", "finetune.seed")


def find_runs(patterns: str) -> list[dict[str, Any]]:
    """Results of every finished run under folders or glob patterns, comma-separated.

    Runs that were scored again stay out, unless a pattern names their folder, ``evaluations``.

    Raises:
        DataError: there are none.
    """
    files = {
        Path(path)
        for pattern in patterns.split(",")
        for form in (pattern, f"{pattern}/{FILE}", f"{pattern}/**/{FILE}")
        for path in glob.glob(form.strip(), recursive=True)  # noqa: PTH207 (absolute ones too)
        if Path(path).name == FILE
        and ("evaluations" in pattern or "evaluations" not in Path(path).parts)
    }
    if not files:
        raise DataError(
            f"runs={patterns}: no {FILE} there; expected folders of finished runs, such as "
            "runs='outputs/**' or runs='multirun/**'"
        )
    return [read_results(path.parent) for path in sorted(files)]


def comparison(runs: Sequence[Run], baseline: str) -> str:
    """One table per task: a row per method, mean ± sd over seeds, paired t-test.

    A row is named by method and ablation, and where runs of one name have other settings, by
    these too. The same run found twice counts once.

    Args:
        runs: finished, of any task, method and seed.
        baseline: the row that the others are tested against, where a task has it.

    Raises:
        ConfigError: runs of a task differ in what no row names.
    """
    by_task: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        by_task[run["task"]].append(run)
    return "\n\n".join(_task_table(task, found, baseline) for task, found in by_task.items())


def _task_table(task: str, runs: Sequence[Run], baseline: str) -> str:
    _refuse_other_differences(task, runs)
    rows = _rows(runs)
    languages = list(dict.fromkeys(language for run in runs for language in run["scores"]))
    head = ["", *languages, "average", "transfer", "gap", "seeds", f"against {baseline}", "p"]
    base = _transfer(rows.get(baseline, {}))
    body = []
    for name, seeds in rows.items():
        cells = [[run["scores"].get(language) for run in seeds.values()] for language in languages]
        for key in ("average", "transfer_average", "transfer_gap"):
            cells.append([run[key] for run in seeds.values()])
        test = paired_t_test(_transfer(seeds), base) if name != baseline else None
        tested = ["", ""] if test is None else [f"{test.difference:+.1f}", _p(test.p)]
        body.append([name, *map(_mean_and_spread, cells), str(len(seeds)), *tested])
    body.sort(key=lambda row: row[0] != baseline)
    unit = UNITS[runs[0]["metric"]]
    title = f"{task}, zero-shot, {unit} in per cent, mean ± sd over seeds"
    return "\n".join([title, *aligned([head, *body])])


def _rows(runs: Sequence[Run]) -> dict[str, dict[Seeds, Run]]:
    """Name -> seeds -> run."""
    by_name: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        by_name[name_of(run)].append(run)
    rows: dict[str, dict[Seeds, Run]] = defaultdict(dict)
    for name, found in by_name.items():
        settings = [_flat(run, ROWS) for run in found]
        differing = _differing(settings)
        for run, flat in zip(found, settings, strict=True):
            more = [f"{key}={flat.get(key)}" for key in differing]
            everything = _flat(run, run["config"], seeds=True)
            seeds = tuple(everything.get(key) for key in SEEDS)
            rows[" ".join([name, *more])][seeds] = run
    return rows


def _transfer(seeds: Mapping[Seeds, Run]) -> dict[Seeds, float]:
    """Seeds -> transfer average, where there is one."""
    return {
        seed: run["transfer_average"]
        for seed, run in seeds.items()
        if run["transfer_average"] is not None
    }


def _refuse_other_differences(task: str, runs: Sequence[Run]) -> None:
    shared = [[key for key in run["config"] if key not in (*ROWS, *NOTHING)] for run in runs]
    settings = [_flat(run, keys) for run, keys in zip(runs, shared, strict=True)]
    if keys := _differing(settings):
        found = "; ".join(
            f"{key}: {', '.join(sorted({str(flat.get(key)) for flat in settings}))}" for key in keys
        )
        raise ConfigError(
            f"task {task}: runs differ in more than a table's rows may: {found}. Name runs that "
            "agree in this"
        )


def _differing(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    keys = sorted({key for flat in settings for key in flat})
    return [key for key in keys if any(flat.get(key) != settings[0].get(key) for flat in settings)]


def _flat(run: Run, keys: Any, *, seeds: bool = False) -> dict[str, Any]:
    """Settings under some top-level keys by their full name; seeds only where asked for."""

    def flatten(node: Any, prefix: str) -> dict[str, Any]:
        if not isinstance(node, Mapping):
            return {prefix: node if isinstance(node, int | float | str) else json.dumps(node)}
        return {
            name: value
            for key, child in node.items()
            for name, value in flatten(child, f"{prefix}.{key}" if prefix else str(key)).items()
        }

    flat = flatten({key: value for key, value in run["config"].items() if key in keys}, "")
    return {key: value for key, value in flat.items() if seeds or key not in SEEDS}


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
