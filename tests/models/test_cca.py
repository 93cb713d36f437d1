"""Canonical correlation in closed form against scikit-learn and against what it must recover."""

import numpy as np
import pytest
from sklearn.cross_decomposition import CCA

from mlalign.models.cca import canonical_map


def pairs(n=400, d=5, noise=1.0):
    random = np.random.default_rng(0)
    target = random.normal(size=(n, d)) @ random.normal(size=(d, d)) + 3
    source = target @ random.normal(size=(d, d)) + noise * random.normal(size=(n, d)) - 2
    return source, target


def test_has_the_canonical_correlations_of_scikit_learn():
    source, target = pairs()
    _, correlations = canonical_map(source, target)
    fitted = CCA(n_components=5, max_iter=20000, tol=1e-12).fit(source, target)
    one, other = fitted.transform(source, target)
    expected = sorted((abs(np.corrcoef(one[:, at], other[:, at])[0, 1]) for at in range(5)), reverse=True)
    np.testing.assert_allclose(correlations, expected, atol=1e-5)


def test_recovers_what_an_invertible_map_hid():
    source, target = pairs(noise=0.0)
    onto, correlations = canonical_map(source, target)
    np.testing.assert_allclose(onto(source), target, atol=1e-8)
    np.testing.assert_allclose(correlations, 1.0, atol=1e-8)


def test_mapped_vectors_have_the_mean_and_scatter_of_the_target():
    source, target = pairs()
    mapped = canonical_map(source, target)[0](source)
    np.testing.assert_allclose(mapped.mean(0), target.mean(0))
    np.testing.assert_allclose(np.cov(mapped.T), np.cov(target.T))


def test_does_not_depend_on_what_the_source_was_mapped_by_before():
    source, target = pairs()
    mixed = source @ np.random.default_rng(1).normal(size=(5, 5)) + 7
    one, other = (canonical_map(each, target)[0](each) for each in (source, mixed))
    np.testing.assert_allclose(one, other, atol=1e-8)


def test_too_few_pairs_are_refused():
    source, target = pairs(n=5)
    with pytest.raises(ValueError, match="more pairs than dimensions, got 5 of 5"):
        canonical_map(source, target)
