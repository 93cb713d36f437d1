"""What the vectors of held-out pairs show, language by language and together."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from mlalign.metrics.geometry import (
    alignment,
    cosines,
    off_diagonal_cosine,
    pair_cosine,
    uniformity,
)
from mlalign.metrics.language_probe import TooFewSentencesError, language_probe
from mlalign.metrics.retrieval import retrieval_accuracy

SPREAD = 1000  # sentences of a language that uniformity looks at: it compares every two
PROBED = 200  # pairs of a language that the probe looks at


class HeldOutPairs(NamedTuple):
    """Vectors of one language's pairs; row i of the target translates row i of the source."""

    source: Float[Tensor, "n d"]  # sentences, as at inference
    target: Float[Tensor, "n d"]
    source_words: Float[Tensor, "n d"]  # the mean of their words, before any fusion
    target_words: Float[Tensor, "n d"]
    source_key: Int[Tensor, " n"]  # equal for equal text
    target_key: Int[Tensor, " n"]


def held_out_measures(languages: Mapping[str, HeldOutPairs], *, source: str, seed: int) -> dict[str, float]:
    """Everything by name, ``MEASURE/LANGUAGE`` and ``MEASURE/mean``.

    ``to_target``, ``to_source``, ``retrieval``: precision at 1 in per cent, both ways and their
    mean. ``similarity``: cosine of translations less that of other pairs. ``alignment``,
    ``uniformity``: Wang and Isola 2020. ``other_cosine``: of sentences that are no translations;
    near 1 in a collapse. ``language_probe`` and its ``language_probe_chance``: in per cent, on
    words that no fusion has touched; missing where there are too few sentences to tell.

    Args:
        languages: target language -> vectors, in float32 or better.
        source: the source language.
        seed: of the probe.
    """
    found: dict[str, dict[str, float]] = {}
    for language, pairs in languages.items():
        there, back = retrieval_accuracy(pairs.source, pairs.target, pairs.source_key, pairs.target_key)
        one = {"to_target": 100 * there, "to_source": 100 * back, "retrieval": 50 * (there + back)}
        if len(pairs.source) > 1:
            near, far = (measure(pairs.source, pairs.target) for measure in (pair_cosine, off_diagonal_cosine))
            one |= {"similarity": near - far, "other_cosine": far}
            one["alignment"] = alignment(pairs.source, pairs.target)
            one["uniformity"] = uniformity(pairs.target[:SPREAD])
        for name, value in one.items():
            found.setdefault(name, {})[language] = value
    measures = {
        f"{name}/{language}": value
        for name, values in found.items()
        for language, value in [*values.items(), ("mean", sum(values.values()) / len(values))]
    }
    return measures | _probe(languages, source, seed)


def _probe(languages: Mapping[str, HeldOutPairs], source: str, seed: int) -> dict[str, float]:
    vectors, names, sentences = [], [], []
    for language, pairs in languages.items():
        sides = ((source, pairs.source_words), (language, pairs.target_words))
        for name, words in sides:
            chosen = words[:PROBED]
            vectors.append(chosen.float().cpu().numpy())
            names += [name] * len(chosen)
            sentences += pairs.source_key[:PROBED].tolist()
    try:
        found = language_probe(np.concatenate(vectors), names, sentences, seed=seed)
    except TooFewSentencesError:
        return {}
    return {
        "language_probe": 100 * found.balanced_accuracy,
        "language_probe_chance": 100 * found.chance,
    }


def prototype_cosines(
    vectors: Float[Tensor, "languages d"], languages: tuple[str, ...], source: str
) -> dict[str, float]:
    """``prototype_cosine/LANGUAGE``: how near each language's prototype is to the source's."""
    to_source = cosines(vectors)[languages.index(source)]
    return {
        f"prototype_cosine/{language}": float(cosine)
        for language, cosine in zip(languages, to_source, strict=True)
        if language != source
    }
