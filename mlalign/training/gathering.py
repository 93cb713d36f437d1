"""Each rank encodes its slice of a batch; here the losses see the whole of it.

A run minimises the mean over ranks of what each of them computes, and data-parallel training
averages the gradients. So a loss of gathered rows, which is the same on every rank, needs nothing
more, and a mean over rows that stay where they are is ``weighted`` by their number. Both have the
value and the gradient of one process with the whole batch (docs/devices.md).
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

import lightning as L
import torch
from jaxtyping import Float
from torch import Tensor, distributed, nn
from torch.autograd.function import Function, FunctionCtx, once_differentiable

from mlalign.distributed import all_gather_object, rank, world_size


def all_gather(rows: Float[Tensor, "rows *dim"], *, even: bool = True) -> Float[Tensor, "all *dim"]:
    """The rows of all ranks, one rank behind the other; the gradient comes back summed over ranks.

    Args:
        rows: of this rank.
        even: whether every rank has as many; otherwise their numbers are exchanged first.
    """
    if world_size() == 1:
        return rows
    precise = rows.to(torch.promote_types(rows.dtype, torch.float32))
    sizes = [len(rows)] * world_size() if even else _sizes(rows)
    return _Gather.apply(precise, sizes)


def weighted(mean: Float[Tensor, ""], number: int) -> Float[Tensor, ""]:
    """A mean over this rank's ``number`` rows, so that its mean over ranks is that of all rows."""
    return mean * (number / per_rank(number))


def per_rank(number: float) -> float:
    """The mean over ranks of a number of rows, or of what rows weigh together; of 1 where there is nothing."""
    if world_size() > 1:
        device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
        total = torch.tensor(number, dtype=torch.float64, device=device)
        distributed.all_reduce(total)
        number = total.item()
    return (number or 1) / world_size()


def mean_over_ranks(values: dict[str, float]) -> dict[str, float]:
    """Of numbers that are shown; all ranks have the same names."""
    found = all_gather_object(values)
    return {name: sum(one[name] for one in found) / len(found) for name in values}


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """For a player that takes no part in the reduction of the backward pass."""
    gradients = [one.grad for one in parameters if one.grad is not None]
    if world_size() == 1 or not gradients:
        return
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    parts = flat.div_(world_size()).split([gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))


def unsynchronised(trainer: L.Trainer) -> AbstractContextManager[None]:
    """A backward pass in here leaves every rank with gradients of its own."""
    wait_with = getattr(trainer.strategy, "block_backward_sync", nullcontext)
    return wait_with()


def _sizes(rows: Tensor) -> list[int]:
    """How many rows each rank has."""
    here = torch.tensor([len(rows)], device=rows.device)
    everywhere = [torch.empty_like(here) for _ in range(world_size())]
    distributed.all_gather(everywhere, here)
    return torch.cat(everywhere).tolist()


class _Sizes(FunctionCtx):
    """What the backward pass needs."""

    sizes: list[int]


class _Gather(Function):
    """Uneven parts are padded on their way, since collectives need equal ones."""

    @staticmethod
    def forward(ctx: _Sizes, rows: Tensor, sizes: list[int]) -> Tensor:
        """The parts behind one another."""
        ctx.sizes = sizes
        padded = rows.new_zeros(max(sizes), *rows.shape[1:])
        padded[: len(rows)] = rows
        parts = [torch.empty_like(padded) for _ in sizes]
        distributed.all_gather(parts, padded)
        return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])

    @staticmethod
    @once_differentiable
    def backward(ctx: _Sizes, gradient: Tensor) -> tuple[Tensor, None]:
        """What all ranks' losses say about this rank's rows."""
        gradient = gradient.clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(gradient)
        return gradient.split(ctx.sizes)[rank()], None
