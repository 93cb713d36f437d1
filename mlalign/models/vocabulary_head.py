"""The masked-word head: from the vector of a word to what is multiplied with the vocabulary."""

from collections.abc import Callable, Collection

from torch import Tensor, nn
from transformers import PreTrainedModel

from mlalign.errors import DataError


def word_transform(model: PreTrainedModel) -> Callable[[Tensor], Tensor]:
    """What the backbone's own masked-word head does to a vector before the vocabulary matrix.

    Raises:
        DataError: the head is of a form that is not known here.
    """
    if hasattr(model, "lm_head") and hasattr(model.lm_head, "dense"):  # RoBERTa, XLM-R
        head = model.lm_head
        return lambda rows: head.layer_norm(nn.functional.gelu(head.dense(rows)))
    if hasattr(model, "cls"):  # BERT, DeBERTa
        return lambda rows: model.cls.predictions.transform(rows)
    if hasattr(model, "head"):  # ModernBERT
        return lambda rows: model.head(rows)
    raise DataError(
        f"{type(model).__name__}: its masked-word head is of no known form (lm_head, "
        "cls.predictions, head); choose align.word_head=layer_norm"
    )


def head_parameters(model: PreTrainedModel) -> list[nn.Parameter]:
    """The masked-word head's own parameters, without those tied to the embeddings."""
    encoder = {id(parameter) for parameter in model.base_model.parameters()}
    return [parameter for parameter in model.parameters() if id(parameter) not in encoder]


def unused_head(model: PreTrainedModel) -> None:
    """Freeze the masked-word head where no loss uses it."""
    for parameter in head_parameters(model):
        parameter.requires_grad_(False)


def mark_untrained_head(model: PreTrainedModel, missing: Collection[str]) -> None:
    """Remember that the weights held no masked-word head, or only a part of it.

    Discriminators as mDeBERTa and sentence encoders as LaBSE have none; theirs is trained here.

    Args:
        model: as loaded.
        missing: the keys of its state for which there were no weights.
    """
    model.untrained_head = frozenset(missing)


def untrained_head(model: PreTrainedModel) -> list[nn.Parameter]:
    """The parameters of the masked-word head that start at random."""
    names: Collection[str] = getattr(model, "untrained_head", ())
    return [parameter for name, parameter in model.named_parameters() if name in names]
