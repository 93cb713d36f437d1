"""Optimizers that hold every trained parameter of a module exactly once."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import lightning as L
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

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
    trained = [_trained(groups) for groups in players]
    _check_each_once(module, [group for groups in trained for group in groups])
    return [_optimizer(kind, groups, settings) for groups in trained]


def separate_optimizer(kind: type[Optimizer], groups: Iterable[ParameterGroup], **settings: Any) -> Optimizer:
    """One more optimizer of parameters that another trains too; see ``build_optimizers``."""
    return _optimizer(kind, _trained(groups), settings)


def along(optimizer: Optimizer, factor: Callable[[int], float]) -> OptimizerLRSchedulerConfig:
    """An optimizer whose rates are multiplied with a function of its updates, as Lightning is given it."""
    name = optimizer.param_groups[0].get("name")
    called = name and f"learning_rate/{name}"
    return {
        "optimizer": optimizer,
        "lr_scheduler": {"scheduler": LambdaLR(optimizer, factor), "interval": "step", "name": called},
    }


def _optimizer(kind: type[Optimizer], groups: list[ParameterGroup], settings: Mapping[str, Any]) -> Optimizer:
    return kind(groups, fused=are_on_gpu(groups), **settings)  # type: ignore[call-arg]


def _trained(groups: Iterable[ParameterGroup]) -> list[ParameterGroup]:
    kept = [group | {"params": [one for one in group["params"] if one.requires_grad]} for group in groups]
    return [group for group in kept if group["params"]]


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


def parameters_of(optimizer: Optimizer | LightningOptimizer) -> list[nn.Parameter]:
    """All that an optimizer trains."""
    return [one for group in optimizer.param_groups for one in group["params"]]


def optimizers_of(module: L.LightningModule) -> list[LightningOptimizer]:
    """A module's optimizers as a list, also where there is only one."""
    found: Any = module.optimizers()
    return found if isinstance(found, list) else [found]


def schedules_of(module: L.LightningModule) -> list[LRScheduler]:
    """Their schedules, in the same order, as a list too."""
    found: Any = module.lr_schedulers()
    return found if isinstance(found, list) else [found]


def uncounted(optimizer: LightningOptimizer, trainer: Any) -> LightningOptimizer:
    """An optimizer whose steps ``global_step`` leaves out, so that it means updates.

    Lightning counts every optimizer's step (its issue 17958), and puts its counting hooks back
    before every batch: ask for the optimizer again in every step.

    Args:
        optimizer: as Lightning wraps it.
        trainer: of the module.
    """
    profiler = trainer.profiler
    optimizer._on_before_step = lambda: profiler.start("optimizer_step")
    optimizer._on_after_step = lambda: profiler.stop("optimizer_step")
    return optimizer
