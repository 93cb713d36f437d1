"""What is wrong with what was typed, as Hydra and OmegaConf find it: the key, what was found and the choices."""

import re
import sys
from dataclasses import is_dataclass
from pathlib import Path

from hydra.errors import OverrideParseException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError, KeyValidationError, OmegaConfBaseException

from mlalign.config.described import descriptions
from mlalign.config.folder import CONF
from mlalign.config.renamed import RENAMED, key_of
from mlalign.config.schema import Train
from mlalign.config.settings import flattened
from mlalign.config.words import FREE
from mlalign.errors import ConfigError, nearest
from mlalign.files import Json

INTERPOLATED = re.compile(  # what OmegaConf says before the reason
    r"While dereferencing interpolation '.*': |\w+( raised)? while resolving interpolation: "
)
UNHELPFUL = re.compile(r"^(?:Config search path|[ \t]*full_key:)", re.MULTILINE)  # but for Hydra's developers


def explain(error: BaseException) -> str:
    """What is wrong with what was typed: the full key, what was found, the choices."""
    links = [error]
    while (link := links[-1].__cause__ or links[-1].__context__) is not None and link not in links:
        links.append(link)
    for one in links:
        if isinstance(one, InterpolationResolutionError):
            node = one.child_node if one.full_key else None  # while Hydra composes, no key is known
            typed = " or ".join(word for word in sys.argv[1:] if "${" in word)
            where = typed if node is None else f"{one.full_key}={node._value()}"
            reason = INTERPOLATED.sub("", str(one).splitlines()[0])
            return f"{where}: {reason}; give a value, or ${{KEY}} of a setting that has such a one"
        if isinstance(one, OmegaConfBaseException) and one.full_key:
            return explain_key(one)
    if isinstance(error, AttributeError | AssertionError):  # OmegaConf's, over a key inside of what is null
        words = [word for word in sys.argv[1:] if "." in key_of(word)] or ["a key"]
        return f"{' or '.join(words)}: what it belongs to is null; give all of it as one value"
    if isinstance(error, OverrideParseException):
        reason = str(error).splitlines()[0]
        return f"""{error.override}: Hydra cannot read this ({reason}); a text with brackets, quotes, commas or dollar \
signs is quoted twice, as 'key="a [b]"', and keys in {{...}} have no quotes"""
    lines = UNHELPFUL.split(str(error), maxsplit=1)[0].splitlines()
    message = "\n".join(line.replace("\t", "  ") for line in lines if line.strip())
    if message.startswith("Could not override 'corpus'"):
        return "corpus: corpora are named in a list, as data=hub data.parallel=[ccmatrix,opus100]"
    backbone = re.search(r"Could not (?:find|load) 'backbone/([^']+)'", message)
    if backbone:
        return unlisted_backbone(backbone[1])
    group = re.search(r"Could not (?:find|load) '([\w/]+)/([^/']+)'", message)
    if group:
        options = sorted(path.stem for path in (Path(CONF) / group[1]).glob("*.yaml"))
        known = nearest(group[2], options) if options else "There are none here"
        if group[1] == "hydra/launcher":
            known += "; pip install 'mlalign[sweeps]' brings joblib and what slurm needs"
        return f"{group[1]}={group[2]}: no such choice. {known}"
    return message


def unlisted_backbone(typed: str) -> str:
    """What to type for an encoder that is no choice of the group."""
    paths = sorted((Path(CONF) / "backbone").glob("*.yaml"))
    names = {path.stem: str(OmegaConf.load(path).backbone.name) for path in paths}
    there = f"backbone={typed}: no such choice. "
    for choice, name in names.items():
        if typed in (name, name.split("/")[-1]):
            return f"{there}It is backbone={choice}"
    if Path(typed).is_dir() or typed.startswith(("/", ".", "~")):
        return f"{there}An encoder in a folder is backbone=custom backbone.path={typed}"
    if "/" in typed:
        return f"{there}An encoder of the hub is backbone=custom backbone.name={typed}"
    other = "any other encoder is backbone=custom with backbone.path=FOLDER, or backbone.name=ID of the hub"
    return f"{there}{nearest(typed, names)}; {other}"


def explain_key(error: OmegaConfBaseException) -> str:
    """What is wrong with a key or its value: the full key, what was found, the choices."""
    key, reason = str(error.full_key), str(error).splitlines()[0]
    parent, _, last = key.rpartition(".")
    if isinstance(error, KeyValidationError):
        return f"{key}: {reason}; type it as {key}=VALUE, or in a file write the key in quotes"
    if parent in FREE:
        return f"{key}: {reason}; a new option is added with a plus sign: +{key}=VALUE"
    there = error.parent_node if isinstance(error.parent_node, DictConfig) else {}
    names = [name for name in there if name != "hydra" and ".".join(filter(None, [parent, name])) not in RENAMED]
    if parent == "losses" and last not in names:
        shown = "`python train.py method=NAME --cfg job -p losses` shows what a method has"
        return f"{key}: this method does not have this loss (it has: {', '.join(names) or 'none'}); {shown}"
    if parent == "tuning" and last not in names:
        return f"{key}: this tuning is not chosen (chosen: {', '.join(names) or 'none'}); choose it as tuning={last}"
    inner = [one for one in descriptions(Train) if one.startswith(f"{key}.")]
    if inner and "is not a subclass" in reason:
        return f"{key}: a group of keys, to which no value can be given; set one of {', '.join(inner)}"
    if not parent and last not in names and (meant := keys_with(last, error.parent_node)):
        return f"{key}: no such key. There is {', '.join(meant)}"
    is_closed = is_dataclass(error.object_type) or parent.startswith(("losses.", "tuning."))
    if is_closed and last not in names:
        meant = [f"{parent}.{name}" for name in names if _letters(str(name)) == last]
        return f"{key}: no such key. {f'There is {meant[0]}' if meant else nearest(last, names)}"
    return f"{key}: {reason}"


def keys_with(name: str, node: object) -> list[str]:
    """Full keys of which a part has this name, or its words these first letters, as ``lr`` is ``learning_rate``."""
    settings: Json = OmegaConf.to_container(node) if isinstance(node, DictConfig) else {}
    keys = [key for key in flattened(settings) if key not in RENAMED and not key.startswith("hydra.")]
    return [key for key in keys if any(name in (part, _letters(part)) for part in key.split("."))]


def _letters(name: str) -> str:
    """The first ones of its words: ``lr`` of ``learning_rate``."""
    return "".join(word[:1] for word in name.split("_"))


def refuse_missing(composed: DictConfig | ListConfig) -> None:
    """Hydra lets a forgotten ``???`` pass."""
    missing = sorted(OmegaConf.missing_keys(composed))
    if missing:
        schema = OmegaConf.get_type(composed)
        said = descriptions(schema).get(missing[0]) if schema is not None and is_dataclass(schema) else None
        what = f" ({said})" if said else ""
        raise ConfigError(f"{', '.join(missing)}: a value is needed; give it as {missing[0]}=VALUE{what}")


def merged(schema: DictConfig, settings: Json) -> DictConfig | ListConfig:
    """A schema with plain settings."""
    try:
        return OmegaConf.merge(schema, settings)
    except OmegaConfBaseException as error:
        raise ConfigError(explain(error)) from error
