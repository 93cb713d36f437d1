"""Make the dashboard of a wandb project.

python -m mlalign.reporting.dashboard run=DIR entity=NAME        saved online; needs a key
python -m mlalign.reporting.dashboard run=DIR output=FILE.json   only its specification
"""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from mlalign.config.commands import Dashboard
from mlalign.config.hydra import Command, given
from mlalign.config.validation import part_names
from mlalign.reporting.dashboard.build import workspace
from mlalign.reporting.dashboard.make import account, check_package, save, write
from mlalign.reporting.results import read_results

ADVERSARIAL = "adversarial"  # has its panels with the discriminator


def job(composed: DictConfig) -> None:
    """One dashboard."""
    given(composed, Dashboard)
    settings: Any = OmegaConf.to_object(composed)
    tested = settings.task, settings.metric, settings.languages
    if settings.run is not None:
        results = read_results(Path(settings.run))
        tested = results.task, results.metric, list(results.scores)
    task, metric, languages = tested
    check_package()
    entity = settings.entity if settings.output else account(settings.entity)
    made = workspace(
        entity or "entity",
        settings.project,
        settings.title or f"mlalign: {task}",
        task=task,
        metric=metric,
        languages=languages,
        losses=[name for name in part_names("losses") if name != ADVERSARIAL],
        tunings=part_names("tuning"),
    )
    if settings.output is None:
        print(f"dashboard  {save(made)}")
    else:
        write(made, Path(settings.output))
        print(f"dashboard  {settings.output}")


if __name__ == "__main__":
    Command("dashboard", job, about=__doc__).run()
