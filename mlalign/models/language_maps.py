"""What brings each language's vectors to those of English without any training of the encoder."""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mlalign.data.languages import ENGLISH, nearest

Kind = Literal["sentence", "word"]


class LanguageMaps(nn.Module):
    r"""Moves, and with ``linear`` also turns, the vectors of every language but the pivot, which is English as a rule.

    .. math::
        z \leftarrow (z - m_l) W_l + m_{en}

    m are means of sentence or of word vectors. W is the identity (Libovický et al. 2020,
    arXiv:2004.05160) or orthogonal (``procrustes``). Distances within a language are kept.

    Args:
        languages: that have a map, without the pivot; others stay as they are.
        dim: the encoder's width.
        linear: whether there are matrices.
        pivot: the language whose vectors stay as they are.
    """

    means: Tensor
    matrices: Tensor | None

    def __init__(self, languages: Sequence[str], dim: int, *, linear: bool, pivot: str = ENGLISH) -> None:
        super().__init__()
        self.languages = (pivot, *languages)
        self.register_buffer("means", torch.zeros(2, len(self.languages), dim))
        self.register_buffer("matrices", torch.zeros(len(self.languages), dim, dim) if linear else None)

    def forward(
        self, vectors: Float[Tensor, "*batch dim"], language: str | None, kind: Kind
    ) -> Float[Tensor, "*batch dim"]:
        """The vectors of one language, moved; ``None`` is an unknown one."""
        known = None if language is None else nearest(language, self.languages)
        if known is None or known == self.languages[0]:
            return vectors
        row, means = self.languages.index(known), self.means[int(kind == "word")]
        centred = vectors - means[row]
        if self.matrices is not None:
            centred = centred @ self.matrices[row].to(centred.dtype)
        return (centred + means[0]).to(vectors.dtype)


def procrustes(source: Float[Tensor, "rows dim"], target: Float[Tensor, "rows dim"]) -> Float[Tensor, "dim dim"]:
    r"""The orthogonal W with the least :math:`\lVert X W - Y \rVert` (Schönemann 1966), in float64."""
    left, _, right = torch.linalg.svd(source.double().T @ target.double())
    return left @ right
