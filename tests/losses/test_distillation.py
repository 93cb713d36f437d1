"""The loss of distillation."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from mlalign.losses import distillation_loss


@pytest.fixture
def vectors():
    random = torch.Generator().manual_seed(0)
    return [torch.randn(5, 4, generator=random, dtype=torch.float64, requires_grad=True) for _ in range(3)]


def test_it_is_the_sum_of_both_distances_to_the_teacher(vectors):
    source, target, teacher = vectors
    mse = nn.MSELoss()
    torch.testing.assert_close(distillation_loss(*vectors, distance="mse"), mse(source, teacher) + mse(target, teacher))
    cosine = sum(1 - functional.cosine_similarity(one, teacher, dim=1).mean() for one in (source, target))
    torch.testing.assert_close(distillation_loss(*vectors, distance="cosine"), cosine)


def test_the_teacher_learns_nothing_and_a_student_like_it_pays_for_the_translation_alone(vectors):
    source, target, teacher = vectors
    distillation_loss(*vectors, distance="mse").backward()
    assert teacher.grad is None
    error = source + 0.5
    both = distillation_loss(error, error, source, distance="mse")
    half = distillation_loss(source, error, source, distance="mse")
    torch.testing.assert_close(half, both / 2)
    assert distillation_loss(target, target, target, distance="mse") == 0


def test_what_does_not_fit_is_refused(vectors):
    source, target, teacher = vectors
    with pytest.raises(ValueError, match="three tensors of one shape, found source"):
        distillation_loss(source[1:], target, teacher, distance="mse")
    with pytest.raises(ValueError, match="distance must be mse or cosine, found 'l1'"):
        distillation_loss(source, target, teacher, distance="l1")
