"""What was compared: rows, seeds, what they vary, what is the same in all, versions and files."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mlalign.config.identity import SEEDS
from mlalign.reporting.notes import listed
from mlalign.reporting.report.cases import seed_name
from mlalign.reporting.results import Results
from mlalign.reporting.rows import Rows
from mlalign.reporting.runs import Run
from mlalign.reporting.tables import setting_of
from mlalign.reporting.variation import differing, flat_settings
from mlalign.wording import plural

NOT_SHOWN = ("task.sizes", "task.obtain", "output", "resume")


@dataclass(frozen=True)
class Facts:
    """Of the runs of one task.

    Attributes:
        summary: heading -> what is to be known at a glance.
        varied: configuration key -> its values, where the runs differ in it.
        same: configuration key -> value, where they do not.
        files: name, rows and SHA-256 of every file that was read.
    """

    summary: dict[str, str]
    varied: dict[str, str]
    same: dict[str, str]
    files: list[tuple[str, int, str]]


def facts_of(rows: Rows) -> Facts:
    """Everything that the results of a task's runs say on how they were made."""
    runs = [run for found in rows.values() for run in found.values()]
    settings = [flat_settings(run) for run in runs]
    keys = [
        key
        for key in sorted({key for one in settings for key in one})
        if not any(f"{key}.".startswith(f"{one}.") for one in NOT_SHOWN)
    ]
    others = set(differing(settings))
    results = [run.results for run in runs]
    task = results[0].setting("task")
    summary = {
        "Rows": ", ".join(f"{name} ({plural(len(found), 'run')})" for name, found in rows.items()),
        "Seeds": _listed(seed_name(seeds) for found in rows.values() for seeds in found),
        "Languages": _listed(one for found in results for one in found.scores),
        "Never aligned": _listed(one for found in results for one in found.never_aligned),
        "What was scored": _listed(map(setting_of, results)),
        "Checkpoint": _listed(found.selection for found in results),
        "Backbone": _listed(map(_backbone, results)),
        "Commit of mlalign": _listed(found.commit for found in results),
        "Versions": _listed(map(_versions, results)),
        "Test data": _data(results[0]),
        "Licence of the task": "" if results[0].is_of_sample else str(task.get("licence") or ""),
        "Time": _time(results),
        "Warnings of alignments": _warnings(rows),
    }
    return Facts(
        {name: value for name, value in summary.items() if value},
        {
            key: _listed((one.get(key, "(not there)") for one in settings), most=12)
            for key in keys
            if key in others and key not in SEEDS
        },
        {key: settings[0][key] for key in keys if key not in others},
        _files(runs),
    )


def _backbone(results: Results) -> str:
    files = results.backbone_files or {}
    if results.backbone_commit:
        return f"{results.backbone} at {results.backbone_commit}"
    weights = [f"{name} {digest[:12]}" for name, digest in files.items() if name.endswith((".safetensors", ".bin"))]
    return results.backbone + (f" (sha256: {', '.join(weights)})" if weights else "")


def _versions(results: Results) -> str:
    return ", ".join(f"{name} {found}" for name, found in results.versions.items())


def _data(results: Results) -> str:
    data = results.setting("data")
    if results.is_of_sample:
        return "the generated sample: made-up sentences, no corpus"
    return f"{data.get('source')}, under {data.get('root')}"


def _time(results: Sequence[Results]) -> str:
    known = [one.seconds["total"] for one in results if one.seconds.get("total")]
    return f"{sum(known) / len(known):.0f} s a run on average" if known else ""


def _warnings(rows: Rows) -> str:
    """Each warning once, with the rows that it was raised in."""
    rows_of: dict[str, list[str]] = {}
    for name, found in rows.items():
        for seeds, run in found.items():
            for message in run.results.warnings:
                rows_of.setdefault(message, []).append(f"{name} (seed {seed_name(seeds)})")
    return "; ".join(f"{', '.join(whose)}: {message}" for message, whose in rows_of.items())


def _files(runs: Sequence[Run]) -> list[tuple[str, int, str]]:
    found = {(name, record["rows"], record["sha256"]) for run in runs for name, record in run.results.data.items()}
    return sorted(found)


def _listed(values: Iterable[str | None], most: int = 40) -> str:
    """Each once, as they come."""
    return listed(list(dict.fromkeys(one for one in values if one)), most)
