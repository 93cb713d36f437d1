"""Full precision, whatever the autocast state of the caller."""

import functools
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

Loss = TypeVar("Loss", bound=Callable[..., Any])


def in_full_precision(loss: Loss) -> Loss:
    """Run a loss without autocast and in one type: half types are raised, float64 stays.

    All floating tensors among the arguments, in lists and tuples too, get the widest type among
    them, float32 at least.
    """

    @functools.wraps(loss)
    def wrapped(*args: Any, **settings: Any) -> Any:
        tensors = list(_tensors([*args, *settings.values()]))
        floating = [tensor.dtype for tensor in tensors if tensor.is_floating_point()]
        widest = functools.reduce(torch.promote_types, floating, torch.float32)
        device = tensors[0].device.type if tensors else "cpu"
        with torch.autocast(device, enabled=False):
            return loss(
                *(_raised(value, widest) for value in args),
                **{name: _raised(value, widest) for name, value in settings.items()},
            )

    return cast(Loss, wrapped)


def _tensors(value: object) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _tensors(one)


def _raised(value: Any, widest: torch.dtype) -> Any:
    if isinstance(value, Tensor):
        return value.to(widest) if value.is_floating_point() else value
    if isinstance(value, list | tuple):
        parts = (_raised(one, widest) for one in value)
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return value
