"""A stage's curves in one table: a row per step, however often it was stopped and resumed."""

import re
from pathlib import Path

import pandas as pd

from mlalign.files import replacing

CURVES = "curves"  # folder of a run's curves
METRICS = "metrics.csv"


def join_curves(folder: Path, stage: str) -> pd.DataFrame:
    """Everything that was reported of a stage.

    Args:
        folder: with ``<stage>/metrics.csv`` and, of a stage that was begun again,
            ``<stage>-2/metrics.csv`` and so on, as the csv logger writes them. Of the steps from
            which a later attempt went on, its own report counts.
        stage: ``align`` or ``finetune``.

    Returns:
        One row per step, ``step`` being the index, and columns by name, wherever it was stopped; what was not reported
        at a step is missing.
    """
    pieces: list[pd.DataFrame] = []
    for path in sorted(folder.glob(f"{stage}*/{METRICS}"), key=_attempt):
        rows = _rows(path) if re.fullmatch(rf"{stage}(-\d+)?", path.parent.name) else None
        if rows is not None:
            piece = rows.groupby("step").first().drop(columns="epoch", errors="ignore")
            start = piece.index.min()
            pieces = [earlier[earlier.index < start] for earlier in pieces]
            pieces.append(piece)
    if not pieces:
        return pd.DataFrame(index=pd.Index([], name="step"))
    return pd.concat(pieces).sort_index().sort_index(axis="columns")


def _rows(path: Path) -> pd.DataFrame | None:
    """What an attempt reported; None where it ended while its first rows were written."""
    try:
        rows = pd.read_csv(path)
    except ValueError:  # no columns, or a line that does not fit them
        return None
    return rows if "step" in rows and len(rows) else None


def write_curves(folder: Path, stage: str, path: Path) -> bool:
    """Write the joined curves as csv; False where nothing was reported."""
    curves = join_curves(folder, stage)
    if curves.empty:
        return False
    with replacing(path) as part:
        curves.to_csv(part)
    return True


def _attempt(path: Path) -> int:
    return int(path.parent.name.partition("-")[2] or 1)


def stage_curves(folder: Path, aligned: Path | None) -> dict[str, str | None]:
    """Write the curves of a run's stages into its folder, those of an encoder that was found too.

    Args:
        folder: of the run.
        aligned: of its aligned encoder, or None.

    Returns:
        Stage -> the file in ``folder``, None for a stage without curves.
    """
    found: dict[str, str | None] = {}
    for stage, place in (("align", aligned), ("finetune", folder)):
        name = f"{CURVES}/{stage}.csv"
        is_there = place is not None and write_curves(place / CURVES, stage, folder / name)
        found[stage] = name if is_there else None
    return found
