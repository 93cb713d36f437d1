"""One gradient norm for both stages."""

import math
from collections.abc import Iterable

from jaxtyping import Float
from torch import Tensor, nn


def clip_gradients(parameters: Iterable[nn.Parameter], limit: float | None) -> Float[Tensor, ""]:
    """Scale the gradient of ``parameters`` to a norm of at most ``limit``; no host wait.

    Call it in ``on_before_optimizer_step``. No precision that can be chosen scales its gradients.

    Args:
        parameters: their gradients count as one vector.
        limit: None for no clipping.

    Returns:
        The norm before clipping.
    """
    return nn.utils.clip_grad_norm_(list(parameters), math.inf if limit is None else limit)
