"""Make the dashboard of a wandb project.

python -m mlalign.reporting.dashboard run=DIR entity=NAME        saved online; needs a key
python -m mlalign.reporting.dashboard run=DIR output=FILE.json   only its specification
"""

from pathlib import Path

from omegaconf import DictConfig

from mlalign.config.commands import Dashboard
from mlalign.config.folder import CONF
from mlalign.config.hydra import Command, given
from mlalign.config.plain import as_object
from mlalign.config.recipes import file_settings
from mlalign.config.validation import part_names
from mlalign.errors import ConfigError, nearest
from mlalign.reporting.dashboard.build import workspace
from mlalign.reporting.dashboard.make import account, check_package, save, write
from mlalign.reporting.results import read_results

ADVERSARIAL = "adversarial"  # has its panels with the discriminator


def job(composed: DictConfig) -> None:
    """One dashboard."""
    given(composed, Dashboard)
    settings = as_object(composed, Dashboard)
    if settings.run is not None:
        results = read_results(Path(settings.run))
        task, metric, languages = results.task, results.metric, list(results.scores)
    else:
        task, metric, languages = settings.task, settings.metric or metric_of(settings.task), settings.languages
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


def metric_of(task: str) -> str:
    """The metric that a task's file names."""
    files = {path.stem: path for path in sorted((Path(CONF) / "task").glob("*.yaml"))}
    if task not in files:
        raise ConfigError(f"task={task}: no such file in conf/task; set metric=NAME, or a task. {nearest(task, files)}")
    return str(file_settings(files[task]).task.metric)


if __name__ == "__main__":
    Command("dashboard", job, about=__doc__).run()
