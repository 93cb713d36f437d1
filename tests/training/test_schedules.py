"""Learning rates over a run."""

import pytest

from mlalign.training.schedules import warmup_then_linear


def test_rises_in_equal_steps_to_the_peak_and_falls_to_zero():
    factor = warmup_then_linear(10, 0.4)
    found = [factor(step) for step in range(11)]
    assert found == pytest.approx(
        [0.25, 0.5, 0.75, 1, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6, 0]
    )  # the first step of the fall is at the peak still


def test_without_warmup_it_falls_from_the_start():
    factor = warmup_then_linear(4, 0.0)
    assert [factor(step) for step in range(5)] == [1, 0.75, 0.5, 0.25, 0]


@pytest.mark.parametrize("steps", [1, 2, 3, 17])
@pytest.mark.parametrize("warmup", [0.0, 0.05, 0.5, 0.99])
def test_no_step_of_a_run_stands_still_and_none_is_above_the_peak(steps, warmup):
    factor = warmup_then_linear(steps, warmup)
    assert all(0 < factor(step) <= 1 for step in range(steps))
    assert factor(steps) == 0 or round(warmup * steps) == steps
    assert factor(steps + 5) == 0
