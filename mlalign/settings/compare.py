"""What can be typed when finished runs are compared."""

from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING

from mlalign.settings.choices import TableKind


@dataclass
class Compare:
    """One call of ``evaluate.py runs=...``."""

    runs: str = MISSING  # folders or glob patterns of finished runs, comma-separated
    table: TableKind = TableKind.main
    baseline: str | None = None  # the row that the others are tested against; null: by the table
    paper: bool = False  # the paper's rows too, where task and backbone are its own
    mixed_code: bool = False  # runs that different code made in one table, which its notes say
    resamples: int = 10000  # of the test items, for the bootstrap; 0: none
    format: Any = None  # one or several of reporting.formats; null: as the output is named
    output: str | None = None  # files that the tables are written to as well


ConfigStore.instance().store("evaluate_schema", Compare)
