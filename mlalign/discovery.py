"""Parts that are known by the file they are in: a new file in a folder is all that registers it."""

import pkgutil
from collections.abc import Iterable, Iterator
from importlib import import_module
from types import ModuleType
from typing import TypeVar

Part = TypeVar("Part")


def modules_in(folder: Iterable[str], package: str) -> Iterator[tuple[str, ModuleType]]:
    """File name and module of every file of a package but ``base.py``, in alphabetical order.

    Args:
        folder: the package's ``__path__``.
        package: its name.
    """
    for name in sorted(module.name for module in pkgutil.iter_modules(folder) if module.name != "base"):
        yield name, import_module(f"{package}.{name}")


def types_in(folder: Iterable[str], package: str, base: type[Part]) -> dict[str, type[Part]]:
    """File name -> the one subclass of ``base`` that the file defines; files without one are passed over.

    Args:
        folder: the package's ``__path__``.
        package: its name.
        base: the class.
    """
    found = {}
    for name, module in modules_in(folder, package):
        own = [one for one in vars(module).values() if _is_defined_in(module, one, base)]
        if own:
            (found[name],) = own
    return found


def _is_defined_in(module: ModuleType, one: object, base: type[Part]) -> bool:
    return isinstance(one, type) and issubclass(one, base) and one.__module__ == module.__name__
