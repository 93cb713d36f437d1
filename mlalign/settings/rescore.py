"""What can be typed when a run is scored again; what is not typed stays as it was run."""

from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING

from mlalign.config import Trainer
from mlalign.settings.choices import OnBadLine, Rule, Split
from mlalign.settings.task import Task


def unset(group: type[Any]) -> Any:
    """A group in which nothing is said, defaults included."""
    return group(**{one.name: MISSING for one in fields(group)})


@dataclass
class RescoredData:
    """Where the files lie."""

    root: str = MISSING
    on_bad_line: OnBadLine = MISSING


@dataclass
class Rescore:
    """One call of ``evaluate.py run=DIR``."""

    run: str = MISSING
    split: Split = Split.test
    selection: Rule | None = None  # null: as the run
    data: RescoredData = field(default_factory=RescoredData)
    task: Task = field(default_factory=partial(unset, Task))
    trainer: Trainer = field(default_factory=partial(unset, Trainer))
    finetune: Any = None  # what a task's file says of learning; not used


ConfigStore.instance().store("rescore_schema", Rescore)
