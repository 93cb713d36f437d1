"""The probe finds a language where there is one, and nothing where there is none."""

import numpy as np
import pytest

from mlalign.metrics import language_probe as module
from mlalign.metrics.language_probe import language_probe

LANGUAGES = ["en", "de", "zh"]


def made(sentences, shift, seed=0):
    """Vectors of every sentence in every language; a language moves them by ``shift``."""
    random = np.random.default_rng(seed)
    meaning, language = random.normal(size=(sentences, 8)), random.normal(size=(3, 8))
    vectors = meaning[:, None] + shift * language + 0.1 * random.normal(size=(sentences, 3, 8))
    return vectors.reshape(-1, 8), LANGUAGES * sentences, np.repeat(np.arange(sentences), 3)


def test_a_language_that_moves_its_vectors_is_told():
    found = language_probe(*made(100, shift=20.0), seed=1)
    assert found.balanced_accuracy == 1.0
    assert found.chance == pytest.approx(1 / 3)


@pytest.mark.filterwarnings("error")
def test_a_probe_that_would_need_more_steps_is_silent(monkeypatch):
    monkeypatch.setattr(module, "STEPS", 1)
    language_probe(*made(100, shift=1.0), seed=1)


def test_vectors_without_language_leave_it_at_chance():
    found = [language_probe(*made(200, 0.0, seed), seed=1).balanced_accuracy for seed in range(5)]
    assert np.mean(found) == pytest.approx(1 / 3, abs=0.06)


def test_many_of_one_language_do_not_help():
    vectors, languages, sentences = made(200, shift=0.0)
    keep = np.array([name == "en" or place % 10 == 0 for place, name in enumerate(languages)])
    chosen = [name for name, kept in zip(languages, keep, strict=True) if kept]
    found = language_probe(vectors[keep], chosen, sentences[keep], seed=1)
    assert found.balanced_accuracy < 0.45  # plain accuracy would be 0.8


def test_a_sentence_learned_by_heart_in_one_language_is_not_tested_in_another():
    """Each sentence's language is told by its meaning alone: a leaking split would score 1."""
    random = np.random.default_rng(0)
    meaning, side = 5 * random.normal(size=(60, 60)), random.integers(2, size=60)
    vectors = np.repeat(meaning, 4, axis=0)
    languages = [["en", "de"][one] for one in side for _ in range(4)]
    found = language_probe(vectors, languages, np.repeat(np.arange(60), 4), seed=1)
    assert found.balanced_accuracy < 0.85


def test_a_seed_gives_the_same_split():
    data = made(40, shift=0.3)
    assert language_probe(*data, seed=5) == language_probe(*data, seed=5)
    assert len({language_probe(*data, seed=seed) for seed in range(8)}) > 1


@pytest.mark.parametrize(
    ("languages", "sentences", "message"),
    [
        (["en"] * 4, [0, 1, 2, 3], "at least 2 languages"),
        (["en", "de"] * 2, [0] * 4, "at least 2 sentences"),
        (["en", "de", "en"], [0, 1, 2], "every vector"),
        (["en", "en", "en", "de"], [0, 1, 2, 3], "more sentences"),
    ],
)
def test_what_cannot_be_probed_is_refused(languages, sentences, message):
    with pytest.raises(ValueError, match=message):
        language_probe(np.ones((4, 2)), languages, sentences, seed=1)
