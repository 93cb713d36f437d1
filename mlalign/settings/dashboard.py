"""What can be typed when a dashboard is made."""

from dataclasses import dataclass, field

from hydra.core.config_store import ConfigStore


@dataclass
class Dashboard:
    """One call of ``python -m mlalign.reporting.dashboard``."""

    run: str | None = None  # a finished run: its task, metric and tested languages
    task: str = "mldoc"  # this and the next two: without one
    metric: str = "accuracy"
    languages: list[str] = field(default_factory=lambda: ["en", "de", "es", "fr", "ru", "zh"])
    project: str = "mlalign"
    entity: str | None = None  # null: the account's own
    title: str | None = None  # null: the task's name
    output: str | None = None  # a JSON file for the specification, instead of saving it online


ConfigStore.instance().store("dashboard_schema", Dashboard)
