"""The objectives of an alignment: one file each, found by its name."""

import pkgutil
from collections.abc import Collection
from importlib import import_module

from mlalign.alignment.objectives.base import Objective


def objective_types() -> dict[str, type[Objective]]:
    """File name -> the objective that the file defines, in alphabetical order."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name != "base")
    return {name: _defined_in(f"{__name__}.{name}") for name in names}


def read_by(names: Collection[str]) -> set[str]:
    """What an alignment with these objectives sees; the results say so."""
    own = {one for name in names for one in objective_types()[name].reads}
    return own | {"parallel text"} if names else own


def notes_on(names: Collection[str]) -> set[str]:
    """How these objectives differ from their publications; the results say so."""
    said = {name: objective_types()[name].faithful for name in names}
    return {f"{name}: {note}" for name, note in said.items() if note is not None}


def _defined_in(module: str) -> type[Objective]:
    (found,) = (
        one
        for one in vars(import_module(module)).values()
        if isinstance(one, type) and issubclass(one, Objective) and one.__module__ == module
    )
    return found
