"""Warnings: each illness once, and none of a diagnosticsy run."""

import pytest

from mlalign.alignment.diagnostics import PATIENCE, Diagnostics
from mlalign.alignment.objectives import objective_types


@pytest.fixture
def warnings(caplog):
    return lambda: [record.message for record in caplog.records]


BOUNDS = (0.14, 7.4)
RULES = [rule for kind in objective_types().values() for rule in kind.rules]
HEALTHY = {
    "in_batch_accuracy": 50.0,
    "loss/inter_sentence": 1.0,
    "discriminator/accuracy": 70.0,
    "gradient_norm/backbone": 1.0,
    "weight/inter_sentence": 1.0,
    "clamped_share": 3.0,
}


def curve(retrieval: float, chance: float, alike: float = 0.3) -> dict[str, float]:
    """A curve point."""
    return {"retrieval/mean": retrieval, "chance": chance, "other_cosine/mean": alike}


def test_a_diagnosticsy_run_is_not_warned_of(warnings):
    diagnostics = Diagnostics(BOUNDS, RULES)
    for _ in range(2 * PATIENCE):
        diagnostics.watch(HEALTHY)
        diagnostics.compare(curve(45.0, 1.0))
    assert warnings() == []


def test_leakage_is_named_once_with_both_numbers(warnings):
    diagnostics = Diagnostics(BOUNDS, RULES)
    for _ in range(3):
        diagnostics.watch(HEALTHY | {"in_batch_accuracy": 97.0})
        diagnostics.compare(curve(4.0, 1.0))
    (message,) = warnings()
    assert "97 %" in message
    assert "4.0 %" in message
    assert "fusion.keys=prototype" in message
    assert list(diagnostics.warnings.values()) == [message]


@pytest.mark.parametrize(("in_batch", "held_out"), [(97.0, 60.0), (60.0, 4.0)])
def test_good_retrieval_is_no_leakage_nor_is_bad_in_batch_accuracy(warnings, in_batch, held_out):
    diagnostics = Diagnostics(BOUNDS, RULES)
    diagnostics.watch(HEALTHY | {"in_batch_accuracy": in_batch})
    diagnostics.compare(curve(held_out, 1.0))
    assert warnings() == []


def test_among_few_held_out_pairs_chance_itself_is_high(warnings):
    diagnostics = Diagnostics(BOUNDS, RULES)
    diagnostics.watch(HEALTHY | {"in_batch_accuracy": 97.0})
    diagnostics.compare(curve(30.0, 25.0))  # above 20 %, but a guess among four scores 25
    assert len(warnings()) == 1


@pytest.mark.parametrize(("accuracy", "word"), [(99.0, "has won"), (50.5, "only guesses"), (49.0, "only guesses")])
def test_a_game_that_is_over_is_named_when_it_stays_so(warnings, accuracy, word):
    diagnostics = Diagnostics(BOUNDS, RULES)
    for _ in range(PATIENCE):
        diagnostics.watch(HEALTHY | {"discriminator/accuracy": accuracy})
    diagnostics.watch(HEALTHY)  # begins anew
    for _ in range(PATIENCE):
        diagnostics.watch(HEALTHY | {"discriminator/accuracy": accuracy})
    assert warnings() == []
    for _ in range(2 * PATIENCE):
        diagnostics.watch(HEALTHY | {"discriminator/accuracy": accuracy})
    (message,) = warnings()
    assert word in message


def test_a_method_without_a_game_has_none_to_lose(warnings):
    diagnostics = Diagnostics(BOUNDS)
    for _ in range(2 * PATIENCE):
        diagnostics.watch({"in_batch_accuracy": 50.0})
    assert warnings() == []


@pytest.mark.parametrize("weight", [0.14, 7.4, 7.4 - 1e-6])
def test_a_weight_that_stays_at_its_bound_is_named_once(warnings, weight):
    diagnostics = Diagnostics(BOUNDS, RULES)
    for _ in range(PATIENCE):
        diagnostics.watch(HEALTHY | {"weight/masked_words": weight})
    assert warnings() == []
    for _ in range(PATIENCE):
        diagnostics.watch(HEALTHY | {"weight/masked_words": weight})
    (message,) = warnings()
    assert "weight/masked_words stays at its bound" in message
    assert "weighting.bound" in message


@pytest.mark.parametrize(("bounds", "weight"), [((1.0, 1.0), 1.0), (None, 7.4), (BOUNDS, 7.0)])
def test_fixed_weights_and_those_inside_are_not_named(warnings, bounds, weight):
    diagnostics = Diagnostics(bounds, RULES)
    for _ in range(2 * PATIENCE):
        diagnostics.watch(HEALTHY | {"weight/masked_words": weight})
    assert warnings() == []


def test_a_loss_that_is_mostly_clamped_is_named_when_it_stays_so(warnings):
    diagnostics = Diagnostics(BOUNDS, RULES)
    for _ in range(PATIENCE):
        diagnostics.watch(HEALTHY | {"clamped_share": 80.0})
    assert warnings() == []
    diagnostics.watch(HEALTHY | {"clamped_share": 80.0})
    (message,) = warnings()
    assert "80 %" in message
    assert "losses.intra_sentence.temperature" in message


def test_a_collapse_is_named_when_it_lasts(warnings):
    diagnostics = Diagnostics(BOUNDS, RULES)
    for _ in range(2):
        diagnostics.compare(curve(0.5, 0.4, alike=0.999))
    assert warnings() == []
    diagnostics.compare(curve(0.5, 0.4, alike=0.999))
    (message,) = warnings()
    assert "0.999" in message


@pytest.mark.parametrize(("retrieval", "alike"), [(80.0, 0.999), (0.5, 0.8)])
def test_narrow_vectors_that_still_find_their_translation_are_no_collapse(warnings, retrieval, alike):
    diagnostics = Diagnostics(BOUNDS, RULES)
    for _ in range(5):
        diagnostics.compare(curve(retrieval, 0.4, alike=alike))
    assert warnings() == []
