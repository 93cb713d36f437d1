"""Groups of settings that refuse every change once they are checked."""

import dataclasses
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields
from typing import ClassVar, NoReturn, TypeVar

from mlalign.files import Json


class Settings:
    """A group of settings; once frozen it cannot be changed, only ``dataclasses.replace`` copies it."""

    _frozen: ClassVar[bool] = False
    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Json]]]  # every group is a dataclass

    def __setattr__(self, name: str, value: object) -> None:
        if self._frozen:
            raise FrozenInstanceError(f"{type(self).__name__}.{name}: a checked configuration is not changed")
        super().__setattr__(name, value)


Group = TypeVar("Group", bound=Settings)


def _refuse(self: object, *_: object, **__: object) -> NoReturn:
    raise FrozenInstanceError(f"{self}: a checked configuration is not changed")


class FrozenList(list[Json]):
    """Compares, prints and is pickled as a list, and refuses changes."""

    append = extend = insert = remove = pop = clear = sort = reverse = _refuse
    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse

    def __reduce__(self) -> tuple[Callable[..., Json], tuple[list[Json]]]:
        return type(self), (list(self),)


class FrozenDict(dict[str, Json]):
    """Compares, prints and is pickled as a dictionary, and refuses changes."""

    update = setdefault = pop = popitem = clear = _refuse
    __setitem__ = __delitem__ = __ior__ = _refuse

    def __reduce__(self) -> tuple[Callable[..., Json], tuple[dict[str, Json]]]:
        return type(self), (dict(self),)


def freeze(settings: Group) -> Group:
    """The same group, which refuses changes from now on, with all groups, lists and dictionaries in it."""
    for one in fields(settings):
        object.__setattr__(settings, one.name, _frozen(getattr(settings, one.name)))
    object.__setattr__(settings, "_frozen", True)
    return settings


def _frozen(value: Json) -> Json:
    if isinstance(value, Settings):
        return freeze(value)
    if isinstance(value, list):
        return FrozenList(map(_frozen, value))
    return FrozenDict({key: _frozen(one) for key, one in value.items()}) if isinstance(value, dict) else value


def thawed(value: Json) -> Json:
    """A copy of a group, list or dictionary that can be changed, with all that is in it; OmegaConf reads only such."""
    if isinstance(value, Settings):
        return type(value)(**{one.name: thawed(getattr(value, one.name)) for one in fields(value)})
    if isinstance(value, list):
        return [thawed(one) for one in value]
    return {key: thawed(one) for key, one in value.items()} if isinstance(value, dict) else value
