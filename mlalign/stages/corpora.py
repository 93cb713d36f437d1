"""Brings the corpora that a configuration names to ``<root>/parallel``."""

from collections.abc import Mapping
from dataclasses import fields
from functools import partial
from pathlib import Path

from mlalign.config.corpora import Corpus, CorpusKind, Prepare, read_catalogue
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
    root = Path(config.data.root)
    settings = config.prepare
    identified, identify = identifier() if settings.identify else (None, None)
    wanted = _on_disk(config) if settings.path is not None else by_name(config, root)
    for corpus, (source, languages) in wanted.items():
        prepare_corpus(
            root,
            corpus,
            languages,
            source,
            Settings(
                Rules(**{rule.name: getattr(settings, rule.name) for rule in fields(Rules)}),
                max_pairs=settings.max_pairs,
                seed=settings.seed,
                on_bad_line=config.data.on_bad_line,
                identify=identified,
            ),
            identify=identify,
            keep_downloads=settings.keep_downloads,
            progress=partial(bar, config.trainer.progress),
        )


def _on_disk(config: Train) -> dict[str, tuple[Source, list[str]]]:
    """The one corpus whose release lies at ``prepare.path``."""
    settings, corpora, languages = config.prepare, config.data.parallel, config.data.languages
    assert settings.path is not None
    if len(corpora) != 1 or languages is None:
        raise ConfigError(
            f"prepare.path={settings.path}: say what it is: one corpus and its languages, for "
            "example data.parallel=[ccmatrix] data.languages=[de]"
        )
    return {corpora[0]: (OnDisk(Path(settings.path), _form(settings)), languages)}


def _form(settings: Prepare) -> Form:
    return Form(tuple(map(str, settings.columns)), settings.codes)


def by_name(config: Train, root: Path) -> dict[str, tuple[Source, list[str]]]:
    """Each corpus of the catalogue, with those of the languages that it holds."""
    languages = config.data.languages
    if languages is None:
        raise ConfigError(
            "data=hub data.languages=null: say which languages are to be fetched: core10, paper16 "
            "or a list such as [de,fr]"
        )
    catalogue = read_catalogue()
    there = find_corpora(root) if (root / "parallel").is_dir() else {}
    for name in config.data.parallel:
        if name not in catalogue and name not in there:
            raise ConfigError(
                f"data.parallel: {name} is neither in {root / 'parallel'} nor can it be fetched. "
                f"What can: {', '.join(catalogue)}{did_you_mean(name, catalogue)}"
            )
    held = {name: catalogue[name].languages if name in catalogue else there[name] for name in config.data.parallel}
    _refuse_unheld(languages, held, catalogue)
    return {
        name: (
            _source(catalogue[name], root),
            [code for language in languages for code in codes_of(language, held[name])],
        )
        for name in config.data.parallel
        if name in catalogue
    }


def _refuse_unheld(languages: list[str], held: Mapping[str, list[str]], catalogue: Mapping[str, Corpus]) -> None:
    for language in languages:
        if not any(codes_of(language, of_corpus) for of_corpus in held.values()):
            others = [name for name, one in catalogue.items() if codes_of(language, one.languages)]
            raise ConfigError(
                f"data.languages: {language} is in none of data.parallel={list(held)}; leave it "
                f"out, or add a corpus that has it: {', '.join(others) or 'none is known'}"
            )


def _source(corpus: Corpus, root: Path) -> Source:
    form = Form(tuple(corpus.columns), corpus.codes)
    if corpus.kind == CorpusKind.opus:
        return Opus(corpus.name, corpus.version, root / "downloads", form, corpus.licence)
    return Hub(corpus.name, corpus.version, corpus.files, form, corpus.licence)
