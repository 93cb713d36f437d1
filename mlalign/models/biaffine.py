"""A dependency parser on word vectors: which word each depends on, and how."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


class Biaffine(nn.Module):
    r"""Scores of pairs of vectors, linear in each when the other is given.

    .. math:: s_{ijk} = (x_i, 1)^\top W_k (y_j, 1)

    Dozat and Manning 2017 (arXiv:1611.01734), equations 5 to 7 in one matrix. All scores begin at 0.

    Args:
        dim: of the vectors.
        outputs: scores of each pair.
    """

    def __init__(self, dim: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(outputs, dim + 1, dim + 1))

    def forward(
        self, dependents: Float[Tensor, "*batch n dim"], heads: Float[Tensor, "*batch m dim"]
    ) -> Float[Tensor, "*batch n m outputs"]:
        """Of every dependent with every head."""
        one, two = (nn.functional.pad(vectors, (0, 1), value=1.0) for vectors in (dependents, heads))
        return torch.einsum("...id,kde,...je->...ijk", one, self.weight, two)


class Parser(nn.Module):
    """Heads and relations of words, without layers between (Glavaš and Vulić 2021, arXiv:2008.06788).

    Args:
        dim: of a word's vector.
        relations: how many there are.
    """

    def __init__(self, dim: int, relations: int) -> None:
        super().__init__()
        self.arc, self.relation = Biaffine(dim, 1), Biaffine(dim, relations)

    def arcs(
        self, root: Float[Tensor, "batch dim"], words: Float[Tensor, "batch n dim"]
    ) -> Float[Tensor, "batch n heads"]:
        """Scores of each word's heads: the root first, then all words of the sentence."""
        return self.arc(words, torch.cat([root[:, None], words], 1))[..., 0]

    def relations(
        self,
        root: Float[Tensor, "batch dim"],
        words: Float[Tensor, "batch n dim"],
        heads: Int[Tensor, "batch n"],
    ) -> Float[Tensor, "batch n relations"]:
        """Scores of each word's relations to its given head, 0 for the root."""
        ends = torch.cat([root[:, None], words], 1)
        chosen = ends.take_along_dim(heads[..., None], 1)
        return self.relation(words[:, :, None], chosen[:, :, None])[:, :, 0, 0]


def word_means(
    states: Float[Tensor, "batch length dim"], word: Int[Tensor, "batch length"], words: int
) -> Float[Tensor, "batch words dim"]:
    """The mean vector of each word's tokens; zero for a word without any.

    Args:
        states: of all tokens.
        word: the number of each token's word, from 1; 0 for none.
        words: how many there are at most.
    """
    rows, _, dim = states.shape
    sums = states.new_zeros(rows, words + 1, dim).scatter_add(1, word[..., None].expand_as(states), states)
    counts = states.new_zeros(rows, words + 1).scatter_add(1, word, torch.ones_like(states[..., 0]))
    return sums[:, 1:] / counts[:, 1:, None].clamp(min=1)
