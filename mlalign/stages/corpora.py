"""Brings the corpora that a configuration names to ``<root>/parallel``."""

from dataclasses import fields
from functools import partial
from pathlib import Path

from mlalign.config.corpora import Corpus, CorpusKind, read_catalogue
from mlalign.config.schema import Train
from mlalign.data.corpora.filters import Rules
from mlalign.data.corpora.identify import identifier
from mlalign.data.corpora.preparation import Settings, prepare_corpus
from mlalign.data.corpora.released import Form
from mlalign.data.corpora.sources import Hub, OnDisk, Opus, Source
from mlalign.data.languages import codes_of
from mlalign.data.readers import find_corpora
from mlalign.errors import ConfigError, did_you_mean
from mlalign.progress import bar


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
