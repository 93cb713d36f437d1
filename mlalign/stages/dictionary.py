"""The dictionary that ``data.lexicon`` names: read, learned from the parallel text, or the sample's own."""

import json
import logging
from collections import Counter
from functools import partial
from itertools import chain, islice
from pathlib import Path

from mlalign.config.identity import fingerprint
from mlalign.config.schema import Train
from mlalign.data.languages import writes_spaces
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
from mlalign.data.readers import read_pairs
from mlalign.errors import ConfigError
from mlalign.files import locked, sha256_of, write_whole
from mlalign.stages.parallel_text import ParallelText

log = logging.getLogger(__name__)

FORM = 1  # of the induced dictionaries in the cache; raise it when they change


def lexicon_of(config: Train, text: ParallelText) -> Lexicon:
    """The dictionaries of the run's target languages; a language may have none.

    Raises:
        ConfigError: no dictionary was chosen, or none of the languages can have one.
        DataError: a file is missing or breaks its format.
    """
    choice = config.data.lexicon
    if choice is None:
        raise ConfigError("data.lexicon=null: a dictionary is needed; choose induced, sample, a file or a folder")
    if choice == INDUCED:
        spaced = [language for language in text.languages if writes_spaces(language)]
        found: Lexicon = {language: _induced(config, text, language) for language in spaced}
    else:
        found = read_lexicon(lexicon_path(choice, config.data.root), text.languages)
    if not found:
        raise ConfigError(
            f"data.lexicon={choice}: no dictionary of {', '.join(text.languages)} can be had so; name a file or folder"
        )
    log.info("Words with a translation: %s", ", ".join(f"{one} {len(words):,}" for one, words in found.items()))
    return found


def lexicon_files(config: Train) -> dict[str, dict[str, str]]:
    """``data.lexicon`` -> name and hash of its files; empty where it names none.

    Raises:
        DataError: there is no dictionary in the file or folder.
    """
    choice = config.data.lexicon
    if choice is None or choice in (INDUCED, SAMPLE):
        return {}
    return {"data.lexicon": {path.name: sha256_of(path) for path in dictionary_files(Path(choice))}}


def _induced(config: Train, text: ParallelText, language: str) -> Translations:
    """From the cache, or learned now."""
    data = config.data
    source = [FORM, text.identity[language], data.max_pairs, data.on_bad_line]
    path = Path(data.cache) / "lexicons" / f"en-{language}-{fingerprint(source)}.json"
    with locked(path.with_suffix(".lock")):
        if not path.is_file():
            dropped: Counter[str] = Counter()
            read = partial(read_pairs, on_bad_line=data.on_bad_line, dropped=dropped)
            pairs = chain.from_iterable(map(read, text.files[language]))
            write_whole(path, json.dumps(induced(islice(pairs, data.max_pairs)), ensure_ascii=False))
        found: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8"))
    return {word: tuple(translations) for word, translations in found.items()}
