"""Whether weights are numbers: looked at after loading, before saving and before scoring."""

import torch
from torch import nn


def non_finite_weights(module: nn.Module) -> str | None:
    """Says which weights or buffers hold NaN or infinity; None if all are finite.

    The host waits for the device once.
    """
    state = {name: value for name, value in module.state_dict(keep_vars=True).items() if value.is_floating_point()}
    if not state:
        return None
    fine = torch.stack([value.detach().isfinite().all() for value in state.values()]).tolist()
    sick = [name for name, is_fine in zip(state, fine, strict=True) if not is_fine]
    if not sick:
        return None
    return f"{len(sick)} of {len(state)} tensors hold non-finite numbers, {sick[0]} first"
