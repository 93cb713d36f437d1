"""One learned weight per loss."""

import math

import pytest
import torch

from mlalign.losses import UncertaintyWeights


def weights_at(log_variance: list[float], form: str = "kendall") -> UncertaintyWeights:
    module = UncertaintyWeights([f"loss_{i}" for i in range(len(log_variance))], form=form)
    module.log_variance.data = torch.tensor(log_variance)
    return module


def named(*losses: float) -> dict[str, torch.Tensor]:
    return {f"loss_{i}": torch.tensor(loss) for i, loss in enumerate(losses)}


def test_starts_as_the_plain_sum():
    module = weights_at([0.0, 0.0])
    assert UncertaintyWeights(["a", "b"]).log_variance.tolist() == [0, 0]
    assert module(named(3.0, 0.5)).item() == 3.5
    assert module.weights() == {"loss_0": 1, "loss_1": 1}


def test_kendall_is_the_equation():
    module = weights_at([0.5, -1.0])
    expected = math.exp(-0.5) * 3 + 0.25 + math.exp(1) * 0.5 - 0.5
    assert module(named(3.0, 0.5)).item() == pytest.approx(expected)
    assert module.weights()["loss_1"].item() == pytest.approx(math.e)


def test_liebel_is_the_equation():
    module = weights_at([0.5, -1.0], form="liebel")
    expected = sum(loss / (2 * math.exp(s)) + math.log(1 + math.exp(s)) for s, loss in ((0.5, 3), (-1, 0.5)))
    assert module(named(3.0, 0.5)).item() == pytest.approx(expected)
    assert module.weights()["loss_0"].item() == pytest.approx(math.exp(-0.5) / 2)


def test_fixed_is_the_sum_and_learns_nothing():
    module = UncertaintyWeights(["loss_0", "loss_1"], form="fixed")
    assert module(named(3.0, 0.5)).item() == 3.5
    assert module.weights() == {"loss_0": 1, "loss_1": 1}
    assert not [parameter for parameter in module.parameters() if parameter.requires_grad]


def test_a_weight_rests_at_half_the_inverse_of_its_loss():
    module = weights_at([math.log(2 * 3.0)])
    module(named(3.0)).backward()
    assert module.weights()["loss_0"].item() == pytest.approx(1 / (2 * 3.0))
    assert module.log_variance.grad.item() == pytest.approx(0, abs=1e-7)


def test_the_order_of_the_losses_does_not_matter():
    module = weights_at([0.5, -1.0])
    losses = named(3.0, 0.5)
    assert module(losses) == module(dict(reversed(losses.items())))


def test_is_used_within_its_bounds():
    outside, at_bound = weights_at([-5.0, 9.0]), weights_at([-2.0, 2.0])
    losses = named(3.0, 0.5)
    assert outside(losses) == at_bound(losses)
    assert outside.weights() == at_bound.weights()


def test_finds_its_way_back_from_outside():
    """A loss near 0 drove s down; now it is large, and s has to rise again."""
    module = weights_at([-5.0])
    optimizer = torch.optim.SGD(module.parameters(), lr=0.01)
    module(named(10.0)).backward()
    optimizer.step()
    assert module.log_variance.item() > -5
    module.clamp_()
    assert module.log_variance.item() == -2


def test_a_loss_of_0_does_not_win():
    module = weights_at([0.0])
    optimizer = torch.optim.SGD(module.parameters(), lr=1.0)
    for _ in range(20):
        optimizer.zero_grad()
        module(named(0.0)).backward()
        optimizer.step()
        module.clamp_()
    assert module.weights()["loss_0"].item() == pytest.approx(math.exp(2))


def test_refuses_losses_that_were_not_announced():
    module = UncertaintyWeights(["inter", "intra"])
    losses = {"inter": torch.tensor(1.0), "masked": torch.tensor(1.0)}
    with pytest.raises(ValueError, match=r"missing \['intra'\], unknown \['masked'\]"):
        module(losses)


def test_refuses_settings_that_make_no_sense():
    with pytest.raises(ValueError, match="needs names"):
        UncertaintyWeights([])
    with pytest.raises(ValueError, match=r"each once, found \('a', 'a'\)"):
        UncertaintyWeights(["a", "a"])
    with pytest.raises(ValueError, match="one of kendall, liebel, fixed, found 'equal'"):
        UncertaintyWeights(["a"], form="equal")
    with pytest.raises(ValueError, match=r"found \(2.0, -2.0\)"):
        UncertaintyWeights(["a"], bounds=(2.0, -2.0))


@pytest.mark.parametrize("form", ["kendall", "liebel", "fixed"])
def test_weight_bounds_are_the_weights_at_the_ends(form):
    low, high = weights_at([0.0], form).weight_bounds()
    assert weights_at([2.0], form).weights()["loss_0"].item() == pytest.approx(low)
    assert weights_at([-2.0], form).weights()["loss_0"].item() == pytest.approx(high)
    assert (low < high) == (form != "fixed")
