"""How a backbone computes while it learns: compiled, or with its activations computed again."""

import torch
from transformers import PreTrainedModel


def configure_training(
    model: PreTrainedModel,
    *,
    gradient_checkpointing: bool,
    compiled: bool,
    backend: str = "inductor",
) -> None:
    """Neither changes what is computed, nor the names of the weights.

    Args:
        model: changed in place; its head is left as it is.
        gradient_checkpointing: keep a layer's input only and compute the rest again on the way
            back.
        compiled: one graph for all numbers and lengths of sentences, so that only the first
            batches wait for the compiler.
        backend: of ``torch.compile``.
    """
    if gradient_checkpointing:
        settings = {"use_reentrant": False}
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs=settings)
    if compiled:
        torch._dynamo.config.skip_nnmodule_hook_guards = False  # hooks come and go, as those of noise on embeddings
        model.base_model.compile(dynamic=True, backend=backend)
