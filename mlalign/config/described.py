"""What each key takes and means: types, ranges and comments of the schemas, as ``--help`` and the docs show them."""

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from textwrap import dedent
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Union, get_args, get_origin

from mlalign.config import enums
from mlalign.config.folder import CONF
from mlalign.config.settings import Range, group_in, leaves

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

COLUMN = 44  # of the words behind a key
KINDS: Mapping[object, str] = {
    bool: "true | false",
    str: "text",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "a dictionary",
}


@dataclass(frozen=True)
class Description:
    """Of one key: values that it takes, and what they mean; a group takes none."""

    takes: str
    means: str

    def __str__(self) -> str:
        return "; ".join(filter(None, (self.takes, self.means)))


def descriptions(schema: "type[DataclassInstance]") -> dict[str, Description]:
    """Full key of every setting and group of a schema -> what is said of it there."""
    found: dict[str, Description] = {}
    for key, leaf in leaves(schema).items():
        inner, means = group_in(leaf.hint), comments(leaf.group)[key.rpartition(".")[2]]
        if inner is not None:
            means = means if leaf.may_be_no_group else (inspect.getdoc(inner) or "").split("\n")[0]
            found[key] = Description("", _phrase(means))
            continue
        kinds = [kind for kind in (leaf.hint, *get_args(leaf.hint)) if isinstance(kind, type)]
        means = means or _comments_of_choices().get(kinds[0].__name__ if kinds else "", "")
        values = takes(leaf.hint, leaf.allowed)
        if "null:" in means:  # what null does, and so that it may be
            values = values.removesuffix("null").removesuffix(" or ")
        found[key] = Description(values, _phrase(means))
    return found


def _phrase(comment: str) -> str:
    """A comment as the end of a line: no full stop, no large first letter but of a name."""
    text = comment.replace("``", "`").rstrip(".")
    return text if text[1:2].isupper() or text.startswith("Lightning") else f"{text[:1].lower()}{text[1:]}"


def takes(hint: object, allowed: Range | None = None) -> str:
    """Values of a type within a range, in words."""
    if get_origin(hint) in (Union, UnionType):
        inner = [allowed.expected] if allowed else [takes(one) for one in get_args(hint) if one is not NoneType]
        return " or ".join(filter(None, [*inner, "null"]))
    if allowed:
        return allowed.expected
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return " | ".join(hint)
    return KINDS.get(get_origin(hint) or hint, "")


@cache
def _comments_of_choices() -> Mapping[str, str]:
    """Name of a choice in ``enums.py`` -> its comment."""
    return dict(_commented(inspect.getsource(enums), r"(\w+) = StrEnum"))


@cache
def comments(schema: type) -> Mapping[str, str]:
    """Name of every field of a class and its parents -> its comment; none: an empty text."""
    sources = [inspect.getsource(one) for one in reversed(schema.__mro__) if "__annotations__" in vars(one)]
    return dict(pair for source in sources for pair in _commented(dedent(source), r"    (\w+): "))


def _commented(source: str, name: str) -> Iterator[tuple[str, str]]:
    """What lines begin with, by a pattern of its name, and the comment above that line and behind it."""
    above: list[str] = []
    for line in source.splitlines():
        code, _, behind = line.partition("  # ")
        if found := re.match(name, code):
            yield found[1], " ".join(filter(None, (*above, behind)))
        above = [*above, line.lstrip(" #")] if line.lstrip().startswith("#") else []


def descriptions_of_parts(group: str, names: Iterable[str]) -> dict[str, Description]:
    """Full key of the settings of losses or tunings -> the comment behind it in the part's own file of ``conf/``."""
    paths = {name: Path(CONF) / group / f"{name}.yaml" for name in names}
    return {
        f"{group}.{name}.{key}": Description("", _phrase(comment))
        for name, path in paths.items()
        if path.is_file()
        for key, comment in re.findall(r"^(\w+): .*?# (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    }


def with_descriptions(text: str, described: Mapping[str, Description]) -> str:
    """Lines of YAML, each key with what is said of it behind it."""
    lines, path = [], list[str]()
    for line in text.splitlines():
        key = re.match(r"( *)(\w+):", line)
        if key:
            path[len(key[1]) // 2 :] = [key[2]]
        about = str(described.get(".".join(path), "")) if key else ""
        lines.append(f"{line:<{COLUMN}}  # {about}" if about else line)
    return "\n".join(lines) + "\n"
