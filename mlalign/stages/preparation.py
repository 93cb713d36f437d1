"""Fetches what a run needs and its root lacks; from then on it is like files of one's own."""

from dataclasses import asdict
from pathlib import Path

from mlalign.config.enums import DataSource
from mlalign.config.schema import Train
from mlalign.data.hub.release import ensure_sample
from mlalign.data.hub.releases import CONVERTERS, Layout, Release, prepare_release
from mlalign.data.task_files import AVAILABLE
from mlalign.errors import ConfigError
from mlalign.files import Json
from mlalign.finetuning.building import official_sizes, task_folder, task_format
from mlalign.finetuning.validation import parts_read
from mlalign.progress import bar
from mlalign.stages.corpora import prepare_parallel


def prepare(config: Train) -> None:
    """Bring the task and the corpora of a configuration to its root.

    Raises:
        ConfigError: the task cannot be fetched.
        DataError: what is fetched is not what was promised, or cannot be had.
    """
    prepare_sample(config)
    is_fetched = config.data.source == DataSource.hub
    if is_fetched:
        prepare_task(config)
    if is_fetched or config.prepare.path is not None:
        prepare_parallel(config)


def prepare_sample(config: Train) -> None:
    """Generate what ``data=sample`` reads, if it is not there."""
    if config.data.source == DataSource.sample:
        shown = bar(config.trainer.progress, "sample")
        ensure_sample(Path(config.data.root), seed=config.prepare.seed, progress=shown)


def require_obtained(config: Train) -> None:
    """Refuse a task that is not on the hub and whose files are not there either."""
    task, folder = config.task, task_folder(config)
    if task.release is None and not folder.is_dir():
        how = f"{task.obtain or f'get it from {task.url}'}; put the files into {folder} and run the same command again"
        raise ConfigError(f"data=hub task={task.name}: it is not on the hub ({task.licence}). To use it, {how}")


def prepare_task(config: Train) -> None:
    """Bring the task's release to ``<root>/tasks/<folder>``."""
    task, folder = config.task, task_folder(config)
    require_obtained(config)
    if task.release is None:
        return
    languages = task.languages
    if isinstance(languages, str) and languages != AVAILABLE:
        raise ConfigError(f"task.languages={languages}: expected `{AVAILABLE}` or a list such as [en,de]")
    files: Json = {part: name for part, name in asdict(task.release.files).items() if name}
    converter = CONVERTERS[task.release.converter.value]
    prepare_release(
        Release(task.release.repo, task.release.revision, files, task.release.languages),
        Layout(folder, task_format(task), converter, task.labels, official_sizes(config)),
        None if languages == AVAILABLE else list(languages),
        licence=task.licence,
        beside=parts_read(config),
        source=task.source,
        progress=bar(config.trainer.progress, f"preparing {task.name}"),
    )
