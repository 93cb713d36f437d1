"""Embeddings of each language's own in one matrix: which row a token has in which language."""

from collections.abc import Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import PreTrainedModel

from mlalign.data.languages import ENGLISH


class LanguageRows(nn.Module):
    """Moves the ids of a sequence's words to the rows of its language, which its language token names.

    The matrix has a block of ``size`` rows for the pivot (English as a rule) and behind it one for each other language.
    Special and language tokens have the rows of the first block in every language, and so has all text of an unknown
    one.

    Args:
        size: rows of a block.
    """

    offsets: Int[Tensor, " size"]
    is_own: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("offsets", torch.zeros(size, dtype=torch.long))
        self.register_buffer("is_own", torch.zeros(size, dtype=torch.bool))

    @classmethod
    def of(
        cls, size: int, tokens: Mapping[str, int], ordinary: Int[Tensor, " ordinary"], pivot: str = ENGLISH
    ) -> "LanguageRows":
        """With a block for each language.

        Args:
            size: rows of a block.
            tokens: language -> id of its token, in the order of the blocks; the pivot, if named, has the first.
            ordinary: ids that each language has rows of its own for.
            pivot: the language of the first block.
        """
        rows = cls(size)
        others = [token for language, token in tokens.items() if language != pivot]
        rows.offsets[others] = size * torch.arange(1, len(others) + 1)
        rows.is_own[ordinary] = True
        return rows

    def forward(self, ids: Int[Tensor, "batch length"]) -> Int[Tensor, "batch length"]:
        """The rows of sequences whose second token is that of their language."""
        return torch.where(self.is_own[ids], ids + self.offsets[ids[:, 1:2]], ids)


@torch.no_grad()
def set_blocks(model: PreTrainedModel, blocks: list[Float[Tensor, "size dim"]]) -> None:
    """Give a model the embedding matrix that has these blocks, one behind the other."""
    model.resize_token_embeddings(sum(map(len, blocks)), mean_resizing=False)
    model.get_input_embeddings().weight.copy_(torch.cat(blocks))
