"""Keys that have another name now; the old one is accepted wherever settings are read."""

import logging
import re
from collections.abc import Mapping, Sequence

from langcodes import tag_is_valid
from omegaconf import MISSING

from mlalign.data.languages import ENGLISH
from mlalign.errors import ConfigError
from mlalign.files import Json, JsonObject

log = logging.getLogger(__name__)

RENAMED = {
    "align.pairs": "align.batch_size",
    "align.curves": "align.validations",
    "data.min_words": "data.min_tokens",
    "keep": "keep_checkpoints",
}


def placeholder(old: str) -> str:
    """The value of an old key that nobody gave."""
    return f"(now {RENAMED[old]})"


def renamed_words(words: Sequence[str]) -> list[str]:
    """The words of a command line, with the new names of old keys."""
    keys, found = {key_of(word) for word in words}, list(words)
    for place, word in enumerate(words):
        if (old := key_of(word)) in RENAMED:
            refuse_both(old, keys)
            warn(old)
            found[place] = word.replace(old, RENAMED[old], 1)
    return found


def key_of(word: str) -> str:
    """The key that an override sets; empty for another word."""
    match = re.match(r"[+~]*([\w.]+)=", word)
    return match[1] if match else ""


def renamed_settings(settings: Mapping[str, Json], prefix: str = "") -> JsonObject:
    """Nested settings, such as those of old results, with the new names of old keys.

    An old key that nobody gave is left out, and one that was given wins. ``task.source`` was what ``task.url`` is now.
    """
    found: JsonObject = {}
    for name, value in settings.items():
        key = f"{prefix}{name}"
        if key not in RENAMED:
            found.setdefault(name, renamed_settings(value, f"{key}.") if isinstance(value, Mapping) else value)
    if prefix == "task." and is_address(found):
        found |= {"url": found.pop("source"), "source": ENGLISH}
    for old, new in RENAMED.items():
        group, _, name = old.rpartition(".")
        if group == prefix.rstrip(".") and settings.get(name, placeholder(old)) != placeholder(old):
            found[new.rpartition(".")[2]] = settings[name]
    return found


def is_address(task: Mapping[str, Json]) -> bool:
    """Whether ``source`` has its former meaning: where the data comes from, which is ``url`` now."""
    source = str(task.get("source", ENGLISH))
    return "://" in source or (task.get("url", MISSING) == MISSING and not tag_is_valid(source))


def refuse_both(old: str, keys: set[str]) -> None:
    """Refuse two names for one setting."""
    if RENAMED[old] in keys:
        raise ConfigError(f"{old} and {RENAMED[old]} are both given; {old} is an old name of the other: leave it out")


def warn(old: str) -> None:
    """Name the new key."""
    log.warning("%s is now called %s; the old name is still accepted", old, RENAMED[old])
