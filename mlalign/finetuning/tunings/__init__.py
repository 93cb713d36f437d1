"""What fine-tuning may do besides learning English labels: one file each, found by its name."""

from mlalign.discovery import types_in
from mlalign.finetuning.tunings.base import Tuning


def tuning_types() -> dict[str, type[Tuning]]:
    """File name -> the tuning that the file defines, in alphabetical order."""
    return types_in(__path__, __name__, Tuning)
