"""The dictionary that ``data.lexicon`` names: read, learned from the parallel text, or the sample's own."""

import json
import logging
from collections.abc import Sequence
from itertools import chain, islice
from pathlib import Path

from mlalign.config.identity import fingerprint
from mlalign.config.schema import Train
from mlalign.data.languages import nearest, writes_spaces
from mlalign.data.lexicon import (
    INDUCED,
    SAMPLE,
    Lexicon,
    Translations,
    dictionary_files,
    induced,
    lexicon_path,
    read_lexicon,
)
from mlalign.errors import ConfigError
from mlalign.files import locked, sha256_of, write_whole
from mlalign.stages.parallel_text import ParallelText

log = logging.getLogger(__name__)

FORM = 2  # of the induced dictionaries in the cache; raise it when they change


def lexicon_of(config: Train, text: ParallelText, languages: Sequence[str] | None = None) -> Lexicon:
    """The dictionaries of languages; one may have none.

    Args:
        text: that induced ones are learned from.
        languages: None for the run's target languages.

    Raises:
        ConfigError: none of the languages can have one.
        DataError: a file is missing or breaks its format.
    """
    choice, languages = config.data.lexicon, text.languages if languages is None else languages
    assert choice is not None  # see ``require_dictionary``
    if choice == INDUCED:
        spaced = {one: nearest(one, text.files) or one for one in languages if writes_spaces(one)}
        found: Lexicon = {language: _induced(config, text, code) for language, code in spaced.items()}
    else:
        found = read_lexicon(lexicon_path(choice, config.data.root), languages)
    if not found:
        lacking = f"no dictionary of {', '.join(languages)} can be had so"
        raise ConfigError(f"data.lexicon={choice}: {lacking}; name a file or folder")
    log.info("Words with a translation: %s", ", ".join(f"{one} {len(words):,}" for one, words in found.items()))
    return found


def lexicon_files(config: Train) -> dict[str, dict[str, str]]:
    """``data.lexicon`` -> name and hash of its files; empty where it names none."""
    choice = config.data.lexicon
    if choice is None or choice in (INDUCED, SAMPLE):
        return {}
    return {"data.lexicon": {path.name: sha256_of(path) for path in dictionary_files(Path(choice))}}


def _induced(config: Train, text: ParallelText, language: str) -> Translations:
    """From the cache, or learned now."""
    data = config.data
    source = [FORM, text.identity[language], data.max_pairs, data.on_bad_line]
    path = Path(data.cache) / "lexicons" / f"{data.pivot}-{language}-{fingerprint(source)}.json"
    with locked(path.with_suffix(".lock")):
        if not path.is_file():
            pairs = chain.from_iterable(map(text.pairs_in, text.files[language]))
            write_whole(path, json.dumps(induced(islice(pairs, data.max_pairs)), ensure_ascii=False))
        found: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8"))
    return {word: tuple(translations) for word, translations in found.items()}
