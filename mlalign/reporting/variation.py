"""What the rows of one table may differ in, and the refusal of runs that differ in more."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from mlalign.config.identity import VARIES, fingerprint, is_compared
from mlalign.config.settings import flattened
from mlalign.errors import ConfigError
from mlalign.reporting.runs import Run
from mlalign.wording import plural

Settings = Mapping[str, str]

SHOWN = 8  # differing keys in a message, with their values
VALUES = 4  # of each


@dataclass(frozen=True)
class Kind:
    """A kind of table."""

    varies: tuple[str, ...]  # configuration keys, or the groups that they are in
    paper: Mapping[str, str]  # task -> the paper's table of this kind, as in paper.json


MAIN = {"mldoc": "table2_mldoc", "pawsx": "table3_pawsx", "panx": "table4_panx"}
KINDS = {
    "main": Kind(VARIES["main"], MAIN),
    "ablation": Kind(VARIES["ablation"], {"mldoc": "table5_ablation_mldoc", "panx": "table6_ablation_panx"}),
    "backbone": Kind(VARIES["backbone"], MAIN),
}


def flat_settings(run: Run) -> dict[str, str]:
    """The whole configuration by full keys; ``null`` is a value, a key that is not there none.

    ``backbone.files`` stands for the content of a backbone's folder.
    """
    config = flattened(run.results.config)
    settings = {
        key: one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for key, one in config.items()
    }
    files = run.results.backbone_files
    if files and settings.get("backbone.path", "null") != "null":
        settings["backbone.files"] = fingerprint(files)[:8]
    return settings


def under(settings: Settings, groups: Collection[str]) -> dict[str, str]:
    """The settings in some groups that tell runs apart, seeds left out."""
    return {key: value for key, value in settings.items() if is_compared(key, groups)}


def differing(settings: Sequence[Settings]) -> list[str]:
    """Keys that are not the same, or not there, in all."""
    keys = sorted({key for one in settings for key in one})
    return [key for key in keys if len({one.get(key) for one in settings}) > 1]


def refuse_other_differences(task: str, runs: Sequence[Run], kind: str) -> None:
    """Runs of a table agree in everything but what its rows vary.

    Raises:
        ConfigError: naming the keys, their values, and how many runs have them.
    """
    settings = [_that_must_agree(run, kind) for run in runs]
    keys = differing(settings)
    lines = [f"{key}: {_values(key, settings, runs)}" for key in keys[:SHOWN]]
    if len(keys) > SHOWN:
        lines.append(f"and {len(keys) - SHOWN} more: {', '.join(keys[SHOWN:])}")
    files = _other_files(runs)
    lines += [f"data: {name} is another file in some runs" for name in files]
    if lines:
        fitting = [
            f"table={other}"
            for other in KINDS
            if not files and not differing([_that_must_agree(run, other) for run in runs])
        ]
        raise ConfigError(
            f"task {task}: {len(runs)} runs differ in more than the rows of table={kind} may "
            f"({', '.join(KINDS[kind].varies)}):\n  "
            + "\n  ".join(lines)
            + f"\nName runs that agree in this{''.join(f', or choose {one}' for one in fitting)}"
        )


def _that_must_agree(run: Run, kind: str) -> dict[str, str]:
    settings = flat_settings(run)
    free = KINDS[kind].varies
    rest = {key: value for key, value in settings.items() if is_compared(key) and not is_compared(key, free)}
    results = run.results
    return rest | {"metric": results.metric, "selection": results.selection, "split": results.split}


def _values(key: str, settings: Sequence[Settings], runs: Sequence[Run]) -> str:
    """Every value with its number of runs and, if that is the smaller part, one of them."""
    counts = Counter(one.get(key, "(not there)") for one in settings)
    example = {one.get(key, "(not there)"): run for one, run in zip(settings, runs, strict=True)}
    most = counts.most_common(1)[0][0]
    shown = [
        f"{value} ({plural(number, 'run')}" + ("" if value == most else f", such as {example[value].folder}") + ")"
        for value, number in counts.most_common(VALUES)
    ]
    more = len(counts) - len(shown)
    return ", ".join([*shown, *([f"{more} more"] if more else [])])


def _other_files(runs: Sequence[Run]) -> list[str]:
    """Data files of one name that were not the same when the runs read them."""
    digests: dict[str, set[str]] = defaultdict(set)
    for run in runs:
        for name, record in run.results.data.items():
            digests[name].add(record["sha256"])
    return sorted(name for name, found in digests.items() if len(found) > 1)
