"""The losses of an alignment, each as a function of an encoded pair of languages."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from jaxtyping import Float
from torch import Tensor

from mlalign.losses import (
    clamped_entries,
    inter_sentence_loss,
    intra_sentence_loss,
    masked_word_loss,
    word_distribution_loss,
)
from mlalign.modules.pair import Encoded, Pair

Objective = Callable[[Pair], Float[Tensor, ""]]


def inter_sentence(pair: Pair, **settings: Any) -> Float[Tensor, ""]:
    """Eq. 7 on fused sentence vectors."""
    return inter_sentence_loss(
        pair.source.sentence, pair.target.sentence, same=pair.same, **settings
    )


def intra_sentence(pair: Pair, **settings: Any) -> Float[Tensor, ""]:
    """Eq. 8 on fused sentence vectors."""
    return intra_sentence_loss(pair.source.sentence, pair.target.sentence, **settings)


def clamped_share(pair: Pair, **settings: Any) -> Float[Tensor, ""]:
    """Share of Eq. 8's entries that are at its cap and teach nothing, in per cent."""
    clamped = clamped_entries(pair.source.sentence, pair.target.sentence, **settings)
    return 100 * clamped / len(pair.same) ** 2


def masked_words(pair: Pair, **settings: Any) -> Float[Tensor, ""]:
    """Eq. 12, the sum over the two languages."""

    def one(side: Encoded) -> Float[Tensor, ""]:
        return masked_word_loss(
            pair.hidden_words(side),
            pair.vocabulary.weight,
            pair.vocabulary.bias,
            side.word_ids[side.is_hidden],
            **settings,
        )

    return one(pair.source) + one(pair.target)


def word_distribution(pair: Pair, *, every: int, **settings: Any) -> Float[Tensor, ""]:
    """Eq. 13, the sum of both directions, over every so many-th pair of the batch."""

    def one(side: Encoded, partner: Encoded) -> Float[Tensor, ""]:
        chosen, theirs = (one.sentence_of_word % every == 0 for one in (side, partner))
        return word_distribution_loss(
            pair.distribution_words(side, chosen),
            side.sentence_of_word[chosen] // every,
            pair.vocabulary.weight,
            pair.vocabulary.bias,
            partner.word_ids[theirs],
            partner.sentence_of_word[theirs] // every,
            sentences=-(-len(side.states) // every),
            **settings,
        )

    return one(pair.source, pair.target) + one(pair.target, pair.source)


OBJECTIVES: dict[str, Callable[..., Float[Tensor, ""]]] = {
    "inter_sentence": inter_sentence,
    "intra_sentence": intra_sentence,
    "word_distribution": word_distribution,
    "masked_words": masked_words,
}
LEVELS = {
    "adversarial": "language",
    "inter_sentence": "sentence",
    "intra_sentence": "sentence",
    "word_distribution": "word",
    "masked_words": "word",
}


def build_objectives(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Objective]:
    """Name -> loss of a pair, for the names in ``settings``."""
    return {
        name: partial(objective, **settings[name])
        for name, objective in OBJECTIVES.items()
        if name in settings
    }


def build_measures(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Objective]:
    """What is reported of a pair besides the losses in ``settings``."""
    if "intra_sentence" not in settings:
        return {}
    return {"clamped_share": partial(clamped_share, **settings["intra_sentence"])}
