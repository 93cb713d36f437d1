"""The objectives of an alignment: one file each, found by its name."""

import pkgutil
from importlib import import_module

from mlalign.alignment.objectives.base import Objective


def objective_types() -> dict[str, type[Objective]]:
    """File name -> the objective that the file defines, in alphabetical order."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name != "base")
    return {name: _defined_in(f"{__name__}.{name}") for name in names}


def _defined_in(module: str) -> type[Objective]:
    (found,) = (
        one
        for one in vars(import_module(module)).values()
        if isinstance(one, type) and issubclass(one, Objective) and one.__module__ == module
    )
    return found
