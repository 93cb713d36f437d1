"""The objectives of an alignment: one file each, found by its name."""

from mlalign.alignment.objectives.base import Objective
from mlalign.config.enums import FusionForm
from mlalign.config.schema import Train
from mlalign.config.validation import present
from mlalign.data.lexicon import INDUCED
from mlalign.data.reads import PARALLEL
from mlalign.discovery import types_in


def objective_types() -> dict[str, type[Objective]]:
    """File name -> the objective that the file defines, in alphabetical order."""
    return types_in(__path__, __name__, Objective)  # type: ignore[type-abstract]


def read_by(config: Train) -> set[str]:
    """What the objectives of a run see; the results say so."""
    kinds = [objective_types()[name] for name in present(config.losses)]
    found = {one for kind in kinds for one in (kind.text, *kind.reads)}
    tells_of_pairs = config.fusion.form != FusionForm.off or ("dictionary" in found and config.data.lexicon == INDUCED)
    return found | {PARALLEL} if kinds and tells_of_pairs else found


def notes_on(config: Train) -> set[str]:
    """How the objectives of a run differ from their publications; the results say so."""
    said = {name: objective_types()[name].differences(config) for name in present(config.losses)}
    return {f"{name}: {note}" for name, note in said.items() if note is not None}
