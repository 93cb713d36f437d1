"""All measures of held-out pairs: each is the function it is named after, and means are means."""

import numpy as np
import pytest
import torch

from mlalign.metrics.geometry import alignment, off_diagonal_cosine, pair_cosine, uniformity
from mlalign.metrics.held_out import HeldOutPairs, held_out_measures, prototype_cosines
from mlalign.metrics.language_probe import language_probe
from mlalign.metrics.retrieval import retrieval_accuracy


def pairs(seed, rows=60, noise=0.5):
    torch.manual_seed(seed)
    source = torch.randn(rows, 8)
    target = source + noise * torch.randn(rows, 8)
    return HeldOutPairs(source, target, source, target, torch.arange(rows), torch.arange(rows))


def test_each_measure_is_its_function():
    one, other = pairs(1), pairs(2, noise=2.0)
    found = held_out_measures({"de": one, "zh": other}, source="en", seed=3)
    there, back = retrieval_accuracy(one.source, one.target)
    assert found["to_target/de"] == pytest.approx(100 * there)
    assert found["to_source/de"] == pytest.approx(100 * back)
    assert found["retrieval/de"] == pytest.approx(50 * (there + back))
    far = off_diagonal_cosine(one.source, one.target)
    assert found["similarity/de"] == pytest.approx(pair_cosine(one.source, one.target) - far)
    assert found["other_cosine/de"] == pytest.approx(far)
    assert found["alignment/de"] == pytest.approx(alignment(one.source, one.target))
    assert found["uniformity/de"] == pytest.approx(uniformity(one.target))
    for name in ("retrieval", "similarity", "alignment", "uniformity"):
        mean = (found[f"{name}/de"] + found[f"{name}/zh"]) / 2
        assert found[f"{name}/mean"] == pytest.approx(mean)


def test_the_probe_sees_words_of_all_languages_by_sentence():
    one, other = pairs(1), pairs(2)
    found = held_out_measures({"de": one, "zh": other}, source="en", seed=3)
    parts = [one.source_words, one.target_words, other.source_words, other.target_words]
    names = [name for name in ("en", "de", "en", "zh") for _ in range(60)]
    expected = language_probe(torch.cat(parts).numpy(), names, np.tile(np.arange(60), 4), seed=3)
    assert found["language_probe"] == pytest.approx(100 * expected.balanced_accuracy)
    assert found["language_probe_chance"] == pytest.approx(100 / 3)


def test_a_handful_of_pairs_has_no_probe_and_a_single_one_no_other():
    found = held_out_measures({"de": pairs(1, rows=1)}, source="en", seed=3)
    assert "language_probe" not in found
    assert "similarity/de" not in found
    assert found["retrieval/mean"] == 100


def test_prototypes_are_compared_with_the_source():
    vectors = torch.tensor([[0.0, 2.0], [3.0, 3.0], [0.0, -1.0]])
    found = prototype_cosines(vectors, ("de", "en", "zh"), "en")
    assert found == pytest.approx({"prototype_cosine/de": 0.5**0.5, "prototype_cosine/zh": -(0.5**0.5)})
