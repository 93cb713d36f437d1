"""The two players of the language level."""

import math

import pytest
import torch
from torch import Tensor

from mlalign.losses import confusion_loss, discriminator_loss


@pytest.fixture
def logits() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.randn(7, dtype=torch.float64) * 3, torch.randn(4, dtype=torch.float64) * 3


def cross_entropy(logits: Tensor, label: float) -> float:
    """Bernoulli cross entropy, one logit at a time."""
    total = 0.0
    for logit in logits.tolist():
        source = 1 / (1 + math.exp(-logit))
        total -= label * math.log(source) + (1 - label) * math.log(1 - source)
    return total / len(logits)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_discriminator_loss_is_the_equation(logits, smoothing):
    source, target = logits
    expected = (cross_entropy(source, 1 - smoothing) + cross_entropy(target, 0)) / 2
    loss = discriminator_loss(source, target, smoothing=smoothing)
    assert loss.item() == pytest.approx(expected, rel=1e-12)


def test_confusion_loss_is_the_equation(logits):
    source, target = logits
    halves = (cross_entropy(source, 0.5) + cross_entropy(target, 0.5)) / 2
    expected = {
        "flip": (cross_entropy(source, 0) + cross_entropy(target, 1)) / 2,
        "minimax": -(cross_entropy(source, 1) + cross_entropy(target, 0)) / 2,
        "uniform": halves - math.log(2),
    }
    for form, value in expected.items():
        assert confusion_loss(source, target, form=form).item() == pytest.approx(value, rel=1e-12)


def test_swapped_labels_are_the_default(logits):
    assert confusion_loss(*logits) == confusion_loss(*logits, form="flip")


def test_a_blind_discriminator_costs_ln_2():
    source, target = torch.zeros(3), torch.zeros(5)
    assert discriminator_loss(source, target).item() == pytest.approx(math.log(2))
    assert confusion_loss(source, target, form="flip").item() == pytest.approx(math.log(2))
    assert confusion_loss(source, target, form="minimax").item() == pytest.approx(-math.log(2))
    assert confusion_loss(source, target, form="uniform").item() == 0


def test_each_side_weighs_the_same_whatever_its_size(logits):
    source, target = logits
    torch.testing.assert_close(discriminator_loss(source.repeat(9), target), discriminator_loss(source, target))


def test_flip_and_minimax_pull_the_same_way_against_the_discriminator(logits):
    def slopes(loss, **settings):
        leaves = [side.clone().requires_grad_() for side in logits]
        loss(*leaves, **settings).backward()
        return torch.cat([leaf.grad.sign() for leaf in leaves])

    flip = slopes(confusion_loss, form="flip")
    assert flip.equal(slopes(confusion_loss, form="minimax"))
    assert flip.equal(-slopes(discriminator_loss))


def test_flip_learns_from_a_confident_discriminator_and_minimax_does_not():
    for form, slope in (("flip", 0.5), ("minimax", 0.0)):
        source = torch.tensor([50.0], requires_grad=True)
        confusion_loss(source, torch.tensor([-50.0]), form=form).backward()
        assert source.grad.item() == pytest.approx(slope)


def test_the_blind_discriminator_is_a_fixed_point_of_uniform():
    source = torch.zeros(3, requires_grad=True)
    confusion_loss(source, torch.zeros(3), form="uniform").backward()
    assert not source.grad.any()


def test_small_losses_keep_their_digits():
    loss = discriminator_loss(torch.tensor([30.0]), torch.tensor([-30.0]))
    assert loss.item() == pytest.approx(math.exp(-30), rel=1e-5)


@pytest.mark.parametrize("size", [1e4, 1e30])
def test_extreme_logits_stay_finite(size):
    source = torch.tensor([size, -size], requires_grad=True)
    target = torch.tensor([-size, size])
    for form in ("flip", "minimax", "uniform"):
        loss = confusion_loss(source, target, form=form)
        (slope,) = torch.autograd.grad(loss, source)
        assert loss.isfinite()
        assert slope.isfinite().all()


@pytest.mark.parametrize("form", ["flip", "minimax", "uniform"])
def test_the_gradient_is_right(logits, form):
    leaves = [side.requires_grad_() for side in logits]
    assert torch.autograd.gradcheck(lambda a, b: confusion_loss(a, b, form=form), leaves)
    assert torch.autograd.gradcheck(lambda a, b: discriminator_loss(a, b, smoothing=0.2), leaves)


def test_refuses_what_does_not_fit():
    good, empty = torch.zeros(3), torch.zeros(0)
    with pytest.raises(ValueError, match=r"target_logits must be a vector.*found shape \(0,\)"):
        discriminator_loss(good, empty)
    with pytest.raises(ValueError, match=r"source_logits must be a vector.*found shape \(3, 1\)"):
        confusion_loss(good[:, None], good)
    for smoothing in (-0.1, 1.0, math.nan):
        with pytest.raises(ValueError, match=rf"in \[0, 1\), found {smoothing}"):
            discriminator_loss(good, good, smoothing=smoothing)
    with pytest.raises(ValueError, match="one of flip, minimax, uniform, found 'reverse'"):
        confusion_loss(good, good, form="reverse")
