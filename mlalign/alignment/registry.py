"""The losses of an alignment, each as a function of an encoded pair of languages."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from jaxtyping import Float
from torch import Tensor

from mlalign.alignment.batch import EncodedBatch
from mlalign.alignment.words import TERMS, WordLevel
from mlalign.losses import (
    clamped_entries,
    inter_sentence_loss,
    intra_sentence_loss,
)

Objective = Callable[[EncodedBatch], Float[Tensor, ""]]


def inter_sentence(pair: EncodedBatch, **settings: Any) -> Float[Tensor, ""]:
    """Eq. 7 on fused sentence vectors."""
    return inter_sentence_loss(pair.source.sentences, pair.target.sentences, same=pair.same, **settings)


def intra_sentence(pair: EncodedBatch, **settings: Any) -> Float[Tensor, ""]:
    """Eq. 8 on fused sentence vectors."""
    return intra_sentence_loss(pair.source.sentences, pair.target.sentences, **settings)


def clamped_share(pair: EncodedBatch, **settings: Any) -> Float[Tensor, ""]:
    """Share of Eq. 8's entries that are at its cap and teach nothing, in per cent."""
    clamped = clamped_entries(pair.source.sentences, pair.target.sentences, **settings)
    return 100 * clamped / len(pair.same) ** 2


OBJECTIVES: dict[str, Callable[..., Float[Tensor, ""]]] = {
    "inter_sentence": inter_sentence,
    "intra_sentence": intra_sentence,
}
LEVELS = {
    "adversarial": "language",
    "inter_sentence": "sentence",
    "intra_sentence": "sentence",
    "word_distribution": "word",
    "masked_words": "word",
}
WORD_LOSSES = {name for name, level in LEVELS.items() if level == "word"}


def build_objectives(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Objective]:
    """Name -> loss of a pair, for the names in ``settings``."""
    words = WordLevel({name: settings[name] for name in TERMS if name in settings})
    objectives: dict[str, Objective] = {
        name: partial(objective, **settings[name]) for name, objective in OBJECTIVES.items() if name in settings
    }
    return objectives | {name: partial(words.loss, name=name) for name in words.settings}


def build_measures(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Objective]:
    """What is reported of a pair besides the losses in ``settings``."""
    if "intra_sentence" not in settings:
        return {}
    return {"clamped_share": partial(clamped_share, **settings["intra_sentence"])}
