"""Full precision, whatever the autocast state of the caller."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

Loss = TypeVar("Loss", bound=Callable[..., Tensor])


def in_full_precision(loss: Loss) -> Loss:
    """Run a loss without autocast and in one type: half types are raised, float64 stays.

    All floating tensors among the arguments get the widest type among them, float32 at least.
    """

    @functools.wraps(loss)
    def wrapped(*args: Any, **settings: Any) -> Tensor:
        tensors = [value for value in (*args, *settings.values()) if isinstance(value, Tensor)]
        floating = [tensor.dtype for tensor in tensors if tensor.is_floating_point()]
        widest = functools.reduce(torch.promote_types, floating, torch.float32)

        def raised(value: Any) -> Any:
            is_float = isinstance(value, Tensor) and value.is_floating_point()
            return value.to(widest) if is_float else value

        device = tensors[0].device.type if tensors else "cpu"
        with torch.autocast(device, enabled=False):
            return loss(
                *(raised(value) for value in args),
                **{name: raised(value) for name, value in settings.items()},
            )

    return cast(Loss, wrapped)
