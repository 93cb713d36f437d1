"""No trained parameter is forgotten, and none steps twice."""

import pytest
import torch
from torch import nn
from torch.optim import Adam, AdamW
from training.toy import built

from mlalign.training.optimizers import build_optimizers


@pytest.fixture
def module() -> nn.Module:
    return nn.ModuleDict({"first": nn.Linear(2, 3), "second": nn.Linear(3, 1)})


def group(part: nn.Module, rate: float) -> dict[str, object]:
    return {"params": part.parameters(), "lr": rate}


def test_each_player_has_its_groups(module):
    generator, other = build_optimizers(
        Adam, module, [group(module["first"], 0.1)], [group(module["second"], 0.2)], betas=(0.5, 0.9)
    )
    assert [one.param_groups[0]["lr"] for one in (generator, other)] == [0.1, 0.2]
    assert generator.defaults["betas"] == (0.5, 0.9)


def test_what_is_frozen_is_left_out_and_so_are_empty_groups(module):
    module["first"].requires_grad_(False)
    (optimizer,) = build_optimizers(AdamW, module, [group(module["first"], 0.1), group(module["second"], 0.2)])
    assert [one["lr"] for one in optimizer.param_groups] == [0.2]


def test_a_parameter_in_no_group_is_named(module):
    with pytest.raises(ValueError, match=r"in no group: second\.weight, second\.bias\. Add them"):
        build_optimizers(Adam, module, [group(module["first"], 0.1)])


def test_a_parameter_in_two_groups_is_named(module):
    with pytest.raises(ValueError, match=r"in several groups: first\.weight, first\.bias"):
        build_optimizers(Adam, module, [group(module, 0.1)], [group(module["first"], 0.1)])


def test_an_alignment_with_a_part_that_nothing_trains_is_refused(toy):
    module, _ = built(toy)
    module.encoder.extra = nn.Linear(2, 2)
    with pytest.raises(ValueError, match=r"AlignmentModule: .*encoder\.extra\.weight"):
        module.configure_optimizers()


def test_parameters_of_an_objective_are_trained_with_the_heads(toy):
    module, _ = built(toy, "align.learning_rate.heads=3e-3")
    extra = nn.Parameter(torch.zeros(2))
    module.objectives["inter_sentence"].extra = extra
    generator = module.configure_optimizers()[0]["optimizer"]
    (rate,) = {one["initial_lr"] for one in generator.param_groups if any(extra is two for two in one["params"])}
    assert rate == 3e-3
