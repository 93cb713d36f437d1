"""What a setting says of itself: what it affects and which values it may have."""

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING as NO_DEFAULT
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import StrEnum
from functools import cache
from types import UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

from omegaconf import MISSING

from mlalign.config.frozen import thawed
from mlalign.errors import ConfigError
from mlalign.files import Json, JsonObject

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


Faults = Mapping[str, bool]  # what is to be said of a fault, with what was found and what to do -> whether it is there


class Affects(StrEnum):
    """What another value of a setting makes another one of."""

    alignment = "alignment"  # the aligned encoder, and with it the run
    run = "run"  # the run, whose encoder may be found
    nothing = "nothing"  # where things are, how they are shown, and what is known by its content


@dataclass(frozen=True)
class Range:
    """Values that a setting may have."""

    allows: Callable[[Json], bool]
    expected: str
    of_paths: bool = False  # which stay as they are typed, whatever Hydra's grammar makes of their characters


def at_least(least: float) -> Range:
    """Numbers from the least on."""
    return Range(lambda value: value >= least, f"at least {least:g}")


def between(least: int, most: int) -> Range:
    """Whole numbers of a size that a machine can have."""
    return Range(lambda value: least <= value <= most, f"from {least} to {most}")


def is_name(value: Json) -> bool:
    """Whether a text can stand in a path as one folder or file, and nowhere else than where it is put."""
    return isinstance(value, str) and NAME.fullmatch(value) is not None


def is_place(value: Json) -> bool:
    """Whether a text is a path that stays inside the folder in which it is looked for."""
    return isinstance(value, str) and all(map(is_name, value.replace("{}", "x").split("/")))


NAME = re.compile(r"(?!\.)[^/\\\x00-\x1f\x7f\ud800-\udfff]{1,255}")
A_NAME = Range(is_name, "a name of up to 255 characters, without slashes and no dot at its start")
NAMES = Range(lambda names: all(map(is_name, names)), f"a list, each {A_NAME.expected}")
NAMED = Range(lambda names: all(map(is_name, (*names, *names.values()))), f"on both sides {A_NAME.expected}")
A_CODE = Range(is_name, "a language such as de")
A_PATH = Range(lambda _: True, "a path", of_paths=True)
A_PLACE = Range(is_place, "a path inside the folder, without .. and no slash at its start")
PLACES = Range(lambda names: all(map(is_place, names)), f"a list, each {A_PLACE.expected}")
CODES = Range(  # of languages: true and false are told of by themselves
    lambda codes: (
        isinstance(codes, str) or (isinstance(codes, list) and all(type(one) is bool or is_name(one) for one in codes))
    ),
    "a list of languages such as [de,fr]",
)
COUNTS = Range(
    lambda counts: all(is_name(key) and type(counts[key]) is int and counts[key] >= 1 for key in counts),
    "languages with a number each, at least 1, such as {de: 10}",
)
SEED = Range(lambda seed: 0 <= seed < 2**32, "a whole number from 0 to 4294967295")
POSITIVE = Range(lambda value: value > 0, "above 0")
SHARE = Range(lambda value: 0 <= value < 1, "a share in [0, 1)")
CLOSED_SHARE = Range(lambda value: 0 <= value <= 1, "a share in [0, 1]")
OPEN_SHARE = Range(lambda value: 0 < value < 1, "a share in (0, 1)")


def setting(
    default: Json = MISSING,
    allowed: Range | None = None,
    *,
    affects: Affects | None = None,
    compared: bool | None = None,
) -> Any:
    """The field of a setting, or of a group, which says it for all settings in it that do not.

    Args:
        default: a value, or what makes one (a class, a function); MISSING: it has to be given.
        allowed: values; null is always one where the type has it.
        affects: None: as the group; everything, if no group says it.
        compared: whether runs that differ in it by more than rounding are told apart in tables;
            None: as the group; true, if no group says it.
    """
    made = callable(default)
    return dataclasses.field(
        default=NO_DEFAULT if made else default,
        default_factory=default if made else NO_DEFAULT,
        metadata={"allowed": allowed, "affects": affects, "compared": compared},
    )


@dataclass(frozen=True)
class Leaf:
    """What is known of a setting, or of a group that may be null, without its value."""

    hint: Any
    allowed: Range | None
    affects: Affects
    compared: bool
    group: type = object  # the class that declares it

    @property
    def may_be_no_group(self) -> bool:
        """Whether it is a group that may be null."""
        return group_in(self.hint) not in (None, self.hint)


EVERYTHING = Leaf(Any, None, Affects.alignment, True)


@cache
def leaves(schema: "type[DataclassInstance]", prefix: str = "", group: Leaf = EVERYTHING) -> Mapping[str, Leaf]:
    """Full key of every setting and group -> what its field and the groups around it say."""
    hints, found = get_type_hints(schema), dict[str, Leaf]()
    for one in fields(schema):
        key, said = f"{prefix}{one.name}", {name: value for name, value in one.metadata.items() if value is not None}
        found[key] = replace(group, **{"allowed": None, "hint": hints[one.name], "group": schema, **said})
        if inner := group_in(hints[one.name]):
            found |= leaves(inner, f"{key}.", found[key])
    return found


def wrong_values(settings: "DataclassInstance", prefix: str = "") -> Iterator[str]:
    """Full key and value of what is of another type than its setting, or out of its range; what is expected.

    OmegaConf does not check the type of interpolations. Null is allowed where the type has it.
    """
    for key, value in values(settings).items():
        leaf = leaves(type(settings))[key]
        if not _is_of(value, leaf.hint):
            yield f"{prefix}{key}={value}: expected {getattr(leaf.hint, '__name__', leaf.hint)}"
        elif leaf.allowed is not None and value is not None and not leaf.allowed.allows(value):
            yield f"{prefix}{key}={value}: expected {leaf.allowed.expected}"


def told(faults: Faults) -> Iterator[str]:
    """What is to be said of those that there are."""
    return (message for message, is_there in faults.items() if is_there)


def refuse(messages: Iterable[str]) -> None:
    """Refuse settings for the first fault that is told."""
    for message in messages:
        raise ConfigError(message)


def ungrouped(settings: Mapping[str, Json], schema: "type[DataclassInstance]", prefix: str = "") -> Iterator[str]:
    """Full key and value of what is no group of settings where the schema has one, and what to give instead."""
    hints = get_type_hints(schema)
    for one in fields(schema):
        key, value, group = f"{prefix}{one.name}", settings.get(one.name), group_in(hints[one.name])
        if group is not None and isinstance(value, Mapping):
            yield from ungrouped(value, group, f"{key}.")
        elif group is not None and value is not None:
            yield f"{key}={value}: expected settings such as {key}.{fields(group)[0].name}=VALUE"


def _is_of(value: Json, hint: Any) -> bool:
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin in (Union, UnionType):
        return any(_is_of(value, one) for one in inner)
    if origin is list:
        return isinstance(value, list) and all(_is_of(one, inner[0]) for one in value)
    if origin is dict:
        return isinstance(value, dict) and all(_is_of(key, inner[0]) and _is_of(value[key], inner[1]) for key in value)
    if hint in (int, float):
        return type(value) is int or type(value) is hint
    return isinstance(value, hint)


def group_in(hint: object) -> "type[DataclassInstance] | None":
    """The dataclass that a type is, or may be besides None."""
    inner = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return next((one for one in inner if isinstance(one, type) and is_dataclass(one)), None)


def values(settings: "DataclassInstance", prefix: str = "") -> JsonObject:
    """Full key -> value of every setting, copied; a group that is null is one itself."""
    found: JsonObject = {}
    for one in fields(settings):
        key, value = f"{prefix}{one.name}", getattr(settings, one.name)
        is_group = is_dataclass(value) and not isinstance(value, type)
        found |= values(value, f"{key}.") if is_group else {key: thawed(value)}
    return found


def flattened(node: Mapping[str, Json], prefix: str = "") -> JsonObject:
    """Full key -> value of plain nested settings, such as those of ``results.json``."""
    found: JsonObject = {}
    for name, value in node.items():
        key = f"{prefix}{name}"
        found |= flattened(value, f"{key}.") if isinstance(value, Mapping) and value else {key: value}
    return found
