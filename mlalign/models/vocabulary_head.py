"""The masked-word head: from the vector of a word to what is multiplied with the vocabulary."""

from collections.abc import Callable, Collection, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import PreTrainedModel

from mlalign.errors import DataError


class VocabularyHead(nn.Module):
    """From a word's vector to what is multiplied with the vocabulary matrix.

    Args:
        transform: applied to the vectors of words.
        embeddings: the tied embedding matrix; rows after ``size`` (language tokens) are not in the vocabulary.
        bias: of the vocabulary, or None.
        size: of the vocabulary before language tokens were added.
        untrained: parameters of the backbone that belong to the head and start at random; trained here.
        vocabulary_ids: ascending ids of the words that are normalised over; None for all.
    """

    vocabulary_ids: Int[Tensor, " ids"] | None
    places: Int[Tensor, " vocabulary"] | None  # on the host, as the ids of a batch

    def __init__(
        self,
        transform: Callable[[Tensor], Tensor],
        embeddings: nn.Parameter,
        bias: nn.Parameter | None,
        size: int,
        untrained: Sequence[nn.Parameter] = (),
        vocabulary_ids: Int[Tensor, " ids"] | None = None,
    ) -> None:
        super().__init__()
        self.transform, self.untrained = transform, list(untrained)
        self._embeddings, self._bias, self.size = [embeddings], [bias], size
        places = None
        if vocabulary_ids is not None:
            places = torch.full((size,), -1).index_copy_(0, vocabulary_ids, torch.arange(len(vocabulary_ids)))
        self.register_buffer("vocabulary_ids", vocabulary_ids, persistent=False)
        self.places = places

    def __len__(self) -> int:
        """How many words are normalised over."""
        return self.size if self.vocabulary_ids is None else len(self.vocabulary_ids)

    @property
    def weight(self) -> Float[Tensor, "rows dim"]:
        """A row for each word that is normalised over, the first ``len`` rows; gathered at every call."""
        rows = self._embeddings[0]
        return rows if self.vocabulary_ids is None else rows.index_select(0, self.vocabulary_ids)

    @property
    def bias(self) -> Float[Tensor, " rows"] | None:
        """One number for each row of ``weight``."""
        bias = self._bias[0]
        return bias if bias is None or self.vocabulary_ids is None else bias.index_select(0, self.vocabulary_ids)

    def columns(self, ids: Int[Tensor, " words"]) -> Int[Tensor, " words"]:
        """Where ``weight`` has these words; -1, which the losses refuse, if they are left out."""
        return ids if self.places is None else self.places[ids]

    def forward(self, words: Float[Tensor, "words dim"]) -> Float[Tensor, "words dim"]:
        """Rows for ``word_divergences``."""
        return self.transform(words)


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
