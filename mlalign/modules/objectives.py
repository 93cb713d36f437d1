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
from mlalign.modules.gather import weighted
from mlalign.modules.pair import Encoded, Pair
from mlalign.ranks import rank

Objective = Callable[[Pair], Float[Tensor, ""]]


def inter_sentence(pair: Pair, **settings: Any) -> Float[Tensor, ""]:
    """Eq. 7 on fused sentence vectors."""
    return inter_sentence_loss(
        pair.source.sentences, pair.target.sentences, same=pair.same, **settings
    )


def intra_sentence(pair: Pair, **settings: Any) -> Float[Tensor, ""]:
    """Eq. 8 on fused sentence vectors."""
    return intra_sentence_loss(pair.source.sentences, pair.target.sentences, **settings)


def clamped_share(pair: Pair, **settings: Any) -> Float[Tensor, ""]:
    """Share of Eq. 8's entries that are at its cap and teach nothing, in per cent."""
    clamped = clamped_entries(pair.source.sentences, pair.target.sentences, **settings)
    return 100 * clamped / len(pair.same) ** 2


def masked_words(pair: Pair, **settings: Any) -> Float[Tensor, ""]:
    """Eq. 12, the sum over the two languages."""

    def one(side: Encoded) -> Float[Tensor, ""]:
        words = pair.hidden_words(side)
        loss = masked_word_loss(
            words,
            pair.vocabulary.weight,
            pair.vocabulary.bias,
            side.word_ids[side.is_hidden],
            **settings,
        )
        return weighted(loss, len(words))

    return one(pair.source) + one(pair.target)


def word_distribution(pair: Pair, *, every: int, **settings: Any) -> Float[Tensor, ""]:
    """Eq. 13, the sum of both directions, over every so many-th pair of the batch."""
    first = -rank() * len(pair.source.states) % every  # of this rank's rows that is chosen
    sentences = len(range(first, len(pair.source.states), every))

    def one(side: Encoded, partner: Encoded) -> Float[Tensor, ""]:
        rows, theirs = (one.sentence_of_word - first for one in (side, partner))
        chosen, known = (of % every == 0 for of in (rows, theirs))
        loss = word_distribution_loss(
            pair.distribution_words(side, chosen),
            rows[chosen] // every,
            pair.vocabulary.weight,
            pair.vocabulary.bias,
            partner.word_ids[known],
            theirs[known] // every,
            sentences=sentences,
            **settings,
        )
        return weighted(loss, sentences)

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
