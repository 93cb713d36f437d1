"""Optimizers that hold every trained parameter of a module exactly once."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torch import nn
from torch.optim import Optimizer

ParameterGroup = dict[str, Any]  # `params`, `lr` and, where it is reported, `name`


def build_optimizers(
    kind: type[Optimizer], module: nn.Module, *players: Iterable[ParameterGroup], **settings: Any
) -> list[Optimizer]:
    """One optimizer for each player; frozen parameters and groups without any are left out.

    Args:
        kind: ``Adam`` or ``AdamW``; fused where all parameters are on a GPU.
        module: whose parameters with ``requires_grad`` must be in exactly one group of all players.
        players: the parameter groups of each optimizer.
        **settings: of every optimizer.

    Raises:
        ValueError: names the parameters that are in no group, or in several.
    """
    trained = [[found for group in groups if (found := _trained(group))["params"]] for groups in players]
    _check_each_once(module, [group for groups in trained for group in groups])
    return [kind(groups, fused=are_on_gpu(groups), **settings) for groups in trained]  # type: ignore[call-arg]


def _trained(group: ParameterGroup) -> ParameterGroup:
    return group | {"params": [one for one in group["params"] if one.requires_grad]}


def _check_each_once(module: nn.Module, groups: Sequence[ParameterGroup]) -> None:
    times = Counter(id(parameter) for group in groups for parameter in group["params"])
    names = {name: times[id(one)] for name, one in module.named_parameters() if one.requires_grad}
    missing = [name for name, number in names.items() if number == 0]
    repeated = [name for name, number in names.items() if number > 1]
    if missing or repeated:
        found = [f"in no group: {', '.join(missing)}"] if missing else []
        found += [f"in several groups: {', '.join(repeated)}"] if repeated else []
        raise ValueError(
            f"{type(module).__name__}: every parameter with requires_grad belongs in exactly one parameter group, "
            f"found {'; '.join(found)}. Add them to parameter_groups(), or freeze what is not trained"
        )


def are_on_gpu(groups: Iterable[Mapping[str, Any]]) -> bool:
    """Whether all parameters are, so that one fused kernel can update them."""
    return all(parameter.is_cuda for group in groups for parameter in group["params"])
