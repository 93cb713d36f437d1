"""The parallel text that a configuration names: its files by language, and what is left aside."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from mlalign.config.schema import Train
from mlalign.data.manifest import FILE as MANIFEST
from mlalign.data.readers import find_corpora, parallel_path
from mlalign.data.text import read_lines

log = logging.getLogger(__name__)


def languages_of(config: Train) -> list[str]:
    """Target languages: those asked for, or all that the named corpora hold."""
    if config.data.languages is not None:
        return list(config.data.languages)
    corpora = find_corpora(Path(config.data.root))
    return sorted({one for name in config.data.parallel for one in corpora.get(name, [])})


def corpora_of(config: Train) -> dict[str, list[str]]:
    """Language -> the named corpora that hold it.

    Raises:
        DataError: a corpus is not there or a language is in none of them.
    """
    root, languages = Path(config.data.root), languages_of(config)
    there = find_corpora(root)
    for name in config.data.parallel:
        if name not in there:
            parallel_path(root, name, languages[0] if languages else "xx")
    holding = {language: [name for name in config.data.parallel if language in there[name]] for language in languages}
    for language, names in holding.items():
        if not names:
            parallel_path(root, config.data.parallel[0], language)
    return holding


def texts_of(config: Train) -> dict[str, list[Path]]:
    """Language -> its parallel files.

    Raises:
        DataError: see ``corpora_of``; or a file is there twice.
    """
    root = Path(config.data.root)
    return {
        language: [parallel_path(root, name, language) for name in names]
        for language, names in corpora_of(config).items()
    }


def tell(config: Train, texts: Mapping[str, Sequence[Path]]) -> dict[str, int]:
    """Log which files are read and which are not; path -> lines of each that is.

    Args:
        config: checked.
        texts: as ``texts_of`` gives them.
    """
    lines = {}
    for language, paths in texts.items():
        for path in paths:
            lines[str(path)] = sum(1 for _ in read_lines(path))
            log.info("en-%s: %s pairs in %s", language, f"{lines[str(path)]:,}", path)
    for one in ignored(config, texts):
        log.info("Ignored: %s", one)
    return lines


def ignored(config: Train, texts: Mapping[str, Sequence[Path]]) -> Iterator[str]:
    """Files in the folders of the named corpora that are not read, each with the reason."""
    used = {path for paths in texts.values() for path in paths}
    held = find_corpora(Path(config.data.root))
    for corpus in config.data.parallel:
        folder = Path(config.data.root) / "parallel" / corpus
        for path in sorted(folder.iterdir()):
            if path in used or path.name == MANIFEST or path.name.startswith("."):
                continue
            name = path.name.removesuffix(".gz").removesuffix(".tsv")
            if path.is_file() and name.removeprefix("en-") in held[corpus]:
                yield f"{path} (not in data.languages)"
            elif name.endswith("-en"):
                expected = f"en-{name.removesuffix('-en')}.tsv"
                yield f"{path} (expected {expected}, the English side first)"
            else:
                yield f"{path} (expected en-<language>.tsv or en-<language>.tsv.gz)"
