"""Adds finished trials to trials.csv, each with the next number; what stands there stays.

    python docs/results/log_trials.py NAME=RUN ...     # a name for the variant, and the folder of its run

A trial is a run with ``trial=0`` on text that no table uses: English dev is scored, no test part is opened. It is
judged by held-out translations, found in both directions with the vectors that inference has.
"""

import csv
import sys
from collections.abc import Sequence
from pathlib import Path

from mlalign.data.languages import ENGLISH
from mlalign.errors import DataError
from mlalign.reporting.recorded import held_out_of
from mlalign.reporting.runs import Run, find_runs
from mlalign.reporting.variation import flat_settings

LOG = Path(__file__).parent / "trials.csv"
GROUPS = ("method.name", "parts.", "losses.", "weighting.form", "align.masked_every", "align.word_distribution_every")


def described(name: str, run: Run) -> dict[str, str]:
    """What is logged of a trial, all but its number."""
    results, held_out = run.results, held_out_of(run)
    data, align = results.setting("data"), results.setting("align")
    settings = flat_settings(run)
    return {
        "name": name,
        "backbone": results.backbone,
        "text": f"{Path(data['root']).name}: {'+'.join(data['parallel'])}",
        "seed": str(results.seed),
        "steps": str(align["steps"] if results.budget is None else results.budget.steps),
        "pairs": str(align["batch_size"]),
        "held_out_retrieval": f"{held_out['retrieval/mean']:.2f}" if held_out else "",
        "language_probe": f"{held_out['language_probe']:.1f}" if held_out else "",
        "english_dev": f"{results.scores[ENGLISH]:.2f}",
        "align_seconds": f"{results.seconds.get('align', 0.0):.0f}",
        "commit": (results.commit or "")[:12],
        "settings": " ".join(f"{key}={value}" for key, value in settings.items() if key.startswith(GROUPS)),
    }


def log_trials(named: Sequence[str], log: Path = LOG) -> None:
    """Add trials, typed as NAME=FOLDER; one that is in the log under its name and seed is left as it is."""
    rows = list(csv.DictReader(log.open(encoding="utf-8"))) if log.is_file() else []
    known = {(row["name"], row["backbone"], row["seed"]) for row in rows}
    for word in named:
        name, folder = word.split("=", 1)
        for run in find_runs(f"{folder}/**"):
            if run.results.split != "dev":
                raise DataError(f"{run.folder}: scored on {run.results.split}, expected dev; name runs with trial=0")
            row = described(name, run)
            if (name, row["backbone"], row["seed"]) not in known:
                rows.append({"trial": str(len(rows) + 1), **row})
    with log.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    log_trials(sys.argv[1:])
