"""Fetches what a run needs and its root lacks; from then on it is like files of one's own."""

from dataclasses import asdict, fields
from functools import partial
from pathlib import Path

from mlalign.config.corpora import Corpus, CorpusKind, read_catalogue
from mlalign.config.enums import DataSource
from mlalign.config.schema import Train
from mlalign.data.corpora.filters import Rules
from mlalign.data.corpora.identify import identifier
from mlalign.data.corpora.preparation import Settings, prepare_corpus
from mlalign.data.corpora.released import Form
from mlalign.data.corpora.sources import Hub, OnDisk, Opus, Source
from mlalign.data.hub.releases import CONVERTERS, Layout, Release, prepare_release
from mlalign.data.languages import codes_of
from mlalign.data.readers import find_corpora
from mlalign.data.sample.generated import ensure_sample
from mlalign.data.task_files import AVAILABLE
from mlalign.errors import ConfigError, did_you_mean
from mlalign.files import Json
from mlalign.finetuning.building import official_sizes, task_folder, task_format
from mlalign.finetuning.validation import parts_read
from mlalign.progress import bar


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


def prepare_parallel(config: Train) -> None:
    """Fetch what ``data.parallel`` names and is not there, or prepare the release at hand.

    Raises:
        ConfigError: a corpus is in no catalogue, or a language in no corpus.
        DataError: see ``prepare_corpus``.
    """
    root, settings = Path(config.data.root), config.prepare
    identified, identify = identifier() if settings.identify else (None, None)
    kept = Settings(
        Rules(**{rule.name: getattr(settings, rule.name) for rule in fields(Rules)}),
        max_pairs=settings.max_pairs,
        seed=settings.seed,
        on_bad_line=config.data.on_bad_line,
        identify=identified,
    )
    for corpus, (source, languages) in (by_name(config, root) if settings.path is None else _on_disk(config)).items():
        prepare_corpus(
            root,
            corpus,
            languages,
            source,
            kept,
            identify=identify,
            keep_downloads=settings.keep_downloads,
            progress=partial(bar, config.trainer.progress),
        )


def _on_disk(config: Train) -> dict[str, tuple[Source, list[str]]]:
    """The one corpus whose release lies at ``prepare.path``."""
    settings, corpora, languages = config.prepare, config.data.parallel, config.data.languages
    assert settings.path is not None
    if len(corpora) != 1 or languages is None:
        what = "say what it is: one corpus and its languages, for example data.parallel=[ccmatrix] data.languages=[de]"
        raise ConfigError(f"prepare.path={settings.path}: {what}")
    form = Form(tuple(map(str, settings.columns)), settings.codes)
    return {corpora[0]: (OnDisk(Path(settings.path), form), languages)}


def by_name(config: Train, root: Path) -> dict[str, tuple[Source, list[str]]]:
    """Each corpus of the catalogue, with those of the languages that it holds."""
    languages = config.data.languages
    if languages is None:
        choices = "core10, paper16 or a list such as [de,fr]"
        raise ConfigError(f"data=hub data.languages=null: say which languages are to be fetched: {choices}")
    catalogue = read_catalogue()
    there = find_corpora(root) if (root / "parallel").is_dir() else {}
    for name in config.data.parallel:
        if name not in catalogue and name not in there:
            known = f"{', '.join(catalogue)}{did_you_mean(name, catalogue)}"
            where = root / "parallel"
            raise ConfigError(f"data.parallel: {name} is neither in {where} nor can it be fetched. What can: {known}")
    held = {name: catalogue[name].languages if name in catalogue else there[name] for name in config.data.parallel}
    for language in languages:
        if not any(codes_of(language, of_corpus) for of_corpus in held.values()):
            others = ", ".join(name for name, one in catalogue.items() if codes_of(language, one.languages))
            lacking = f"{language} is in none of data.parallel={list(held)}; leave it out, or add a corpus that has it"
            raise ConfigError(f"data.languages: {lacking}: {others or 'none is known'}")
    return {
        name: (
            _source(catalogue[name], root),
            [code for language in languages for code in codes_of(language, held[name])],
        )
        for name in config.data.parallel
        if name in catalogue
    }


def _source(corpus: Corpus, root: Path) -> Source:
    form = Form(tuple(corpus.columns), corpus.codes)
    if corpus.kind == CorpusKind.opus:
        return Opus(corpus.name, corpus.version, root / "downloads", form, corpus.licence)
    return Hub(corpus.name, corpus.version, corpus.files, form, corpus.licence)
