"""What a setting says of itself: what it affects and which values it may have."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import MISSING as NO_DEFAULT
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from types import UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

from omegaconf import MISSING

from mlalign.config.frozen import thawed
from mlalign.files import Json, JsonObject

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


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


def at_least(least: float) -> Range:
    """Numbers from the least on."""
    return Range(lambda value: value >= least, f"at least {least:g}")


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

    allowed: Range | None
    affects: Affects
    compared: bool


EVERYTHING = Leaf(None, Affects.alignment, True)


def leaves(schema: "type[DataclassInstance]", prefix: str = "", group: Leaf = EVERYTHING) -> dict[str, Leaf]:
    """Full key of every setting and group -> what its field and the groups around it say."""
    hints, found = get_type_hints(schema), {}
    for one in fields(schema):
        said = one.metadata
        compared = said.get("compared")
        leaf = Leaf(
            said.get("allowed"),
            said.get("affects") or group.affects,
            group.compared if compared is None else compared,
        )
        found[f"{prefix}{one.name}"] = leaf
        if inner := _group_in(hints[one.name]):
            found |= leaves(inner, f"{prefix}{one.name}.", leaf)
    return found


def _group_in(hint: object) -> "type[DataclassInstance] | None":
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
