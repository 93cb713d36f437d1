"""What can be typed when a report is made of runs."""

from dataclasses import dataclass

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING

from mlalign.settings.choices import TableKind


@dataclass
class Report:
    """One call of ``evaluate.py runs=... report=FOLDER``."""

    runs: str = MISSING  # folders or glob patterns of finished runs, comma-separated
    report: str = MISSING  # a folder, for report.html, tables/ and figures/
    table: TableKind = TableKind.main
    baseline: str | None = None  # the row that the others are tested against; null: by the table
    paper: bool = False  # the paper's rows too, where task and backbone are its own
    mixed_code: bool = False  # runs that different code made in one table, which its notes say
    resamples: int = 10000  # of the test items, for the bootstrap; 0: none
    language: str | None = None  # of the texts in the figures; null: the first target language
    texts: bool = True  # false: the cases show no text, for corpora that may not be passed on
    seed: int = 1  # of t-SNE, of the documents that are drawn by lot and of the language probe


ConfigStore.instance().store("report_schema", Report)
