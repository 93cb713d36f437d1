"""Results of runs that nobody made, and the files that they would have left."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlalign.reporting.results import Results, write_results
from mlalign.reporting.runs import Run


def results(
    method: str = "none",
    seed: int = 1,
    de: float | None = 50.0,
    ru: float | None = 40.0,
    *,
    ablation: str = "none",
    task: str = "mldoc",
    backbone: str = "tiny",
    scores: dict[str, float] | None = None,
    **config: Any,
) -> Results:
    found = {"en": 90.0, "de": de, "ru": ru} if scores is None else scores
    found = {language: score for language, score in found.items() if score is not None}
    shared = {
        "seed": seed,
        "data": {"root": "data/sample", "source": "sample"},
        "method": {"name": method},
        "ablation": {"name": ablation},
        "backbone": {"name": backbone},
    }
    return Results(
        task=task,
        metric="accuracy",
        method=method,
        ablation=ablation,
        backbone=backbone,
        seed=seed,
        selection="english_dev",
        scores=found,
        config=shared | config,
    )


def run(*words: Any, folder: str = "outputs/run", **settings: Any) -> Run:
    return Run(Path(folder), results(*words, **settings))


def other(one: Run, **changes: Any) -> Run:
    """The run with other values in its results."""
    return replace(one, results=replace(one.results, **changes))


def runs(**scores: list[tuple[float, float]]) -> list[Run]:
    """Method -> for every seed from 1 the scores in de and ru."""
    return [
        run(method, seed, de, ru, folder=f"outputs/{method}{seed}")
        for method, pairs in scores.items()
        for seed, (de, ru) in enumerate(pairs, start=1)
    ]


def written(folder: Path, found: Results, right: dict[str, list[bool]] | None = None) -> Run:
    """A run's folder; with predictions where it is said which items are right."""
    folder.mkdir(parents=True)
    write_results(folder, found)
    for language, items in (right or {}).items():
        lines = [
            json.dumps({"id": str(number), "gold": "A", "predicted": "A" if one else "B"})
            for number, one in enumerate(items, start=1)
        ]
        path = folder / "predictions" / f"{language}.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Run(folder, found)
