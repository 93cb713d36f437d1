"""Continuous bag of words against its equation, written as loops."""

import math

import pytest
import torch

from mlalign.losses import cbow_loss


def made(b=5, k=3, d=4):
    torch.manual_seed(0)
    shapes = (b, d), (b, d), (b, k, d), (b, d)
    return [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]


def equation(context, centre, negative, translation, translated):
    def cost(u, h, sign):
        return -torch.log(1 / (1 + torch.exp(-sign * (u @ h))))

    total = 0.0
    for place, h in enumerate(context):
        total = total + cost(centre[place], h, 1)
        for drawn in negative[place]:
            total = total + cost(drawn, h, -1)
        if translated[place]:
            total = total + cost(translation[place], h, 1)
    return total / len(context)


def test_is_the_equation_and_so_is_its_gradient():
    tensors = made()
    translated = torch.tensor([True, False, True, True, False])
    loss = cbow_loss(*tensors[:3], translation=tensors[3], translated=translated)
    expected = equation(*tensors, translated)
    torch.testing.assert_close(loss, expected)
    for found, gradient in zip(torch.autograd.grad(loss, tensors), torch.autograd.grad(expected, tensors), strict=True):
        torch.testing.assert_close(found, gradient)


def test_a_word_without_translations_costs_what_it_costs_alone():
    context, centre, negative, translation = made()
    none = torch.zeros(5, dtype=torch.bool)
    loss = cbow_loss(context, centre, negative, translation=translation, translated=none)
    assert loss.equal(cbow_loss(context, centre, negative))


def test_vectors_of_zeros_are_at_chance():
    zeros = torch.zeros(2, 4), torch.zeros(2, 4), torch.zeros(2, 3, 4)
    assert cbow_loss(*zeros).item() == pytest.approx(4 * math.log(2))


def test_no_position_is_refused():
    with pytest.raises(ValueError, match="at least 1 position, got 0"):
        cbow_loss(torch.zeros(0, 4), torch.zeros(0, 4), torch.zeros(0, 3, 4))
