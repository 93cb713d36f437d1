"""Words as they are typed, for Hydra, which reads commas, brackets and the like in paths as a grammar of its own."""

import re
from collections.abc import Sequence
from pathlib import Path

from mlalign.config.commands import COMMANDS
from mlalign.config.renamed import key_of
from mlalign.config.schema import Train
from mlalign.config.settings import leaves
from mlalign.config.sweep import is_sweep, is_varied
from mlalign.errors import ConfigError

FREE = ("trainer.options", "logger.options")  # what users may add keys to
SHORT = {"backbone.adapter": "backbone.adapter.form"}  # a group -> the setting in it that one word chooses
# Null in some tasks, so that their keys are added.
NULL_GROUPS = tuple(f"{key}." for key, leaf in leaves(Train).items() if leaf.may_be_no_group)
PATHS = {  # keys whose values are paths or patterns of paths, in the order of the schemas
    key: None
    for schema in (Train, *(one.schema for one in COMMANDS.values()))
    for key, leaf in leaves(schema).items()
    if leaf.allowed is not None and leaf.allowed.of_paths
}
PLAIN = re.compile(  # needs no quotes, and is neither a truth value nor a number
    r"(?!(true|false|[-+]?[\d._]+(e[-+]?\d+)?|inf|nan)$)[\w/.$%*@?|:+-]*", re.ASCII | re.IGNORECASE
)
GRAMMAR = re.compile(r"""['"\[{]|.*\$\{""")  # a value that is quoted, a list, or takes another's value


def quoted(words: Sequence[str]) -> list[str]:
    """The words of a command line, with quotes around the paths that need them and a plus sign at new options.

    A word for a group of settings is one for the setting that ``SHORT`` names.
    """
    sweeps = is_sweep(words)
    return [_quoted(word, sweeps) for word in words]


def _quoted(word: str, sweeps: bool) -> str:
    try:
        word.encode()
    except UnicodeEncodeError:
        raise ConfigError(f"{word!a}: expected a word in UTF-8; rename what it names") from None
    key, equals, value = word.partition("=")
    if key in SHORT and not value.startswith("{"):
        return f"{SHORT[key]}={value}"
    if (key in FREE and value.startswith("{")) or key.startswith(NULL_GROUPS):
        return f"++{word}"
    if key_of(f"{key}=") not in PATHS or GRAMMAR.match(value) or (sweeps and is_varied(value)):
        return word
    value = str(Path(value).expanduser()) if value.startswith("~/") else value  # shells leave it behind data.root=
    if PLAIN.fullmatch(value):
        return f"{key}{equals}{value}"
    # A backslash is one but for those before a quote and at the end.
    inner = re.sub(r"(\\*)('|$)", lambda found: found[1] * 2 + found[2].replace("'", "\\'"), value)
    return f"{key}{equals}'{inner}'"
