"""From the settings of an adapter to a backbone in which it learns."""

from collections.abc import Collection

import torch
from transformers import PreTrainedModel

from mlalign.config.schema import Adapter
from mlalign.models.adapters import add_adapter
from mlalign.training.seeding import own_stream


def adapt(model: PreTrainedModel, adapter: Adapter, seed: int, *, tokens: Collection[int] = ()) -> None:
    """See ``add_adapter``; its first values have a random stream of their own.

    Raises:
        ConfigError: the backbone cannot have it.
    """
    assert adapter.form is not None
    with own_stream(torch.device("cpu"), seed, "adapter"):
        add_adapter(
            model,
            form=adapter.form,
            size=adapter.size,
            alpha=adapter.alpha,
            dropout=adapter.dropout,
            layers=adapter.layers,
            tokens=tokens,
        )
