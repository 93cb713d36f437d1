"""Whether a fresh classifier can tell the language of a frozen vector."""

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GroupShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

Array = np.ndarray
TEST_SHARE = 0.3
STEPS = 300


class TooFewSentencesError(ValueError):
    """Training and test part cannot both hold every language."""


class Probe(NamedTuple):
    """What a probe finds; both in [0, 1]."""

    balanced_accuracy: float  # mean over languages of how often it is told right
    chance: float  # one over the number of languages


def language_probe(
    vectors: Float[Array, "n d"], languages: Sequence[str], sentences: Sequence[object], *, seed: int
) -> Probe:
    """Train a logistic regression on some sentences' vectors and test it on others'.

    A sentence and its translations are on the same side of the split, so that nothing can be
    learned by heart. Near chance the vectors do not show their language; the discriminator of a
    training run says less, as it may just be weak.

    Args:
        vectors: frozen, of any norm.
        languages: of each vector.
        sentences: which sentence, or translation of it, each vector is of.
        seed: of the split.

    Raises:
        ValueError: the three do not go together, or there is only one language.
        TooFewSentencesError: a language is missing from a side of the split.
    """
    if not len(vectors) == len(languages) == len(sentences):
        raise ValueError(
            f"language_probe needs a language and a sentence for every vector, found "
            f"{len(vectors)} vectors, {len(languages)} languages and {len(sentences)} sentences"
        )
    names, classes = np.unique(np.asarray(languages), return_inverse=True)
    _, groups = np.unique(np.asarray(sentences), return_inverse=True)
    if len(names) < 2:
        raise ValueError(f"language_probe needs at least 2 languages, found {list(names)}")
    if groups.max() < 1:
        raise TooFewSentencesError("language_probe needs at least 2 sentences, found 1")
    split = GroupShuffleSplit(n_splits=1, test_size=TEST_SHARE, random_state=seed)
    train, test = next(split.split(vectors, classes, groups))
    for side in (train, test):
        if len(np.unique(classes[side])) < len(names):
            raise TooFewSentencesError(
                f"language_probe: a language is only on one side of the split of "
                f"{groups.max() + 1} sentences; give more sentences of each language"
            )
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=STEPS))
    with warnings.catch_warnings():  # vectors that no plane separates need more steps than tell anything
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier.fit(vectors[train], classes[train])
    found = balanced_accuracy_score(classes[test], classifier.predict(vectors[test]))
    return Probe(float(found), 1 / len(names))
