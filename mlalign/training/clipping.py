"""One gradient norm for both stages, after the un-scaling of mixed precision."""

import math
from collections.abc import Iterable

import lightning as L
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import Optimizer


def clip_gradients(
    trainer: L.Trainer, optimizer: Optimizer, parameters: Iterable[nn.Parameter], limit: float | None
) -> Float[Tensor, ""]:
    """Scale the gradient of ``parameters`` to a norm of at most ``limit``; no host wait.

    Call it in ``on_before_optimizer_step``. Lightning un-scales gradients before that hook unless
    the optimizer is fused, which un-scales in its own step; then it is done here.

    Args:
        trainer: whose precision plugin may hold a gradient scaler.
        optimizer: about to step.
        parameters: of the optimizer; their gradients count as one vector.
        limit: None for no clipping.

    Returns:
        The norm before clipping.
    """
    scaler = getattr(trainer.precision_plugin, "scaler", None)
    if scaler is not None and getattr(optimizer, "_step_supports_amp_scaling", False):
        scaler.unscale_(optimizer)
    return nn.utils.clip_grad_norm_(list(parameters), math.inf if limit is None else limit)
