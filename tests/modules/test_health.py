"""Warnings: each illness once, and none of a healthy run."""

import math

import pytest

from mlalign.errors import TrainingError
from mlalign.modules.health import PATIENCE, Health


@pytest.fixture
def warnings(caplog):
    return lambda: [record.message for record in caplog.records]


HEALTHY = {"in_batch_accuracy": 50.0, "loss/inter_sentence": 1.0, "discriminator/accuracy": 70.0}


def test_a_healthy_run_is_not_warned_of(warnings):
    health = Health()
    for _ in range(2 * PATIENCE):
        health.watch(HEALTHY)
        health.compare(45.0, 1.0)
    assert warnings() == []


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_ends_the_run(value):
    broken = HEALTHY | {"loss/intra_sentence": value, "gradient_norm/backbone": value}
    with pytest.raises(TrainingError, match=r"loss/intra_sentence.*max_grad_norm"):
        Health().watch(broken)


def test_cheating_is_named_once_with_both_numbers(warnings):
    health = Health()
    for _ in range(3):
        health.watch(HEALTHY | {"in_batch_accuracy": 97.0})
        health.compare(4.0, 1.0)
    (message,) = warnings()
    assert "97 %" in message
    assert "4.0 %" in message
    assert "fusion.keys=prototype" in message


@pytest.mark.parametrize(("in_batch", "held_out"), [(97.0, 60.0), (60.0, 4.0)])
def test_good_retrieval_is_no_cheating_nor_is_bad_in_batch_accuracy(warnings, in_batch, held_out):
    health = Health()
    health.watch(HEALTHY | {"in_batch_accuracy": in_batch})
    health.compare(held_out, 1.0)
    assert warnings() == []


def test_among_few_held_out_pairs_chance_itself_is_high(warnings):
    health = Health()
    health.watch(HEALTHY | {"in_batch_accuracy": 97.0})
    health.compare(30.0, 25.0)  # above 20 %, but a guess among four scores 25
    assert len(warnings()) == 1


@pytest.mark.parametrize(
    ("accuracy", "word"), [(99.0, "has won"), (50.5, "only guesses"), (49.0, "only guesses")]
)
def test_a_game_that_is_over_is_named_when_it_stays_so(warnings, accuracy, word):
    health = Health()
    for _ in range(PATIENCE):
        health.watch(HEALTHY | {"discriminator/accuracy": accuracy})
    health.watch(HEALTHY)  # begins anew
    for _ in range(PATIENCE):
        health.watch(HEALTHY | {"discriminator/accuracy": accuracy})
    assert warnings() == []
    for _ in range(2 * PATIENCE):
        health.watch(HEALTHY | {"discriminator/accuracy": accuracy})
    (message,) = warnings()
    assert word in message


def test_a_method_without_a_game_has_none_to_lose(warnings):
    health = Health()
    for _ in range(2 * PATIENCE):
        health.watch({"in_batch_accuracy": 50.0})
    assert warnings() == []
