"""Running averages of the language vectors, and their exact values at the end."""

import pytest
import torch
from torch.testing import assert_close

from mlalign.models.prototypes import LanguagePrototypes


@pytest.fixture
def prototypes():
    return LanguagePrototypes(["en", "de", "zh"], 4, momentum=0.9)


def test_the_first_batch_sets_a_row_and_later_ones_move_it(prototypes):
    means = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    expected = means[0]
    for place, mean in enumerate(means):
        prototypes.update("de", mean)
        expected = mean if not place else 0.9 * expected + 0.1 * mean
        assert_close(prototypes.of("de"), expected)
    assert prototypes.seen.tolist() == [False, True, False]
    assert not prototypes.vectors[[0, 2]].any()


def test_finalise_sets_a_row_whatever_came_before(prototypes):
    prototypes.update("en", torch.ones(4))
    prototypes.finalise("en", torch.full((4,), 5.0))
    prototypes.finalise("zh", torch.full((4,), 3.0))
    assert prototypes.of("en").tolist() == [5.0] * 4
    assert prototypes.of("zh").tolist() == [3.0] * 4


def test_a_language_never_seen_has_the_mean_of_those_seen(prototypes):
    assert prototypes.of("de").tolist() == [0.0] * 4
    prototypes.finalise("en", torch.full((4,), 1.0))
    prototypes.finalise("zh", torch.full((4,), 4.0))
    for language in ("ko", "de"):  # not aligned; named but not yet met
        assert prototypes.of(language).tolist() == [2.5] * 4
    assert prototypes.mean(["zh", "de"]).tolist() == [4.0] * 4
    assert prototypes.mean(["de"]).tolist() == [0.0] * 4


def test_rows_keep_no_gradient_and_their_type(prototypes):
    mean = torch.ones(4, dtype=torch.bfloat16, requires_grad=True)
    prototypes.update("en", 2 * mean)
    prototypes.update("en", 2 * mean)
    assert prototypes.vectors.dtype == torch.float32
    assert not prototypes.of("en").requires_grad
    assert list(prototypes.parameters()) == []


def test_rows_are_saved_and_loaded(prototypes):
    prototypes.finalise("de", torch.arange(4.0))
    again = LanguagePrototypes(["en", "de", "zh"], 4)
    again.load_state_dict(prototypes.state_dict())
    assert again.of("de").equal(prototypes.of("de"))
    assert again.of("ko").equal(prototypes.of("ko"))
