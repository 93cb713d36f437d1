"""The objectives of an alignment: one file each, found by its name."""

from collections.abc import Collection

from mlalign.alignment.objectives.base import Objective
from mlalign.config.schema import Train
from mlalign.config.validation import present
from mlalign.discovery import types_in


def objective_types() -> dict[str, type[Objective]]:
    """File name -> the objective that the file defines, in alphabetical order."""
    return types_in(__path__, __name__, Objective)  # type: ignore[type-abstract]


def read_by(names: Collection[str]) -> set[str]:
    """What an alignment with these objectives sees; the results say so."""
    own = {one for name in names for one in objective_types()[name].reads}
    return own | {"parallel text"} if names else own


def notes_on(config: Train) -> set[str]:
    """How the objectives of a run differ from their publications; the results say so."""
    said = {name: objective_types()[name].differences(config) for name in present(config.losses)}
    return {f"{name}: {note}" for name, note in said.items() if note is not None}
