"""How sentence vectors lie: whether translations are near, and whether the rest is spread out."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize


@torch.no_grad()
def alignment(source: Float[Tensor, "n d"], target: Float[Tensor, "n d"]) -> float:
    """Mean squared distance of translations on the unit sphere; 0 is best, 2 unrelated, 4 worst.

    Wang and Isola, ICML 2020 (arXiv:2005.10242), with exponent 2. Low alone says nothing: equal
    vectors have 0. Read it beside ``uniformity``.

    Args:
        source: vectors of any norm.
        target: row i translates row i of ``source``.

    Raises:
        ValueError: rows do not pair up, or there are none.
    """
    _check_pairs("alignment", source, target, 1)
    return float((unit(source) - unit(target)).square().sum(1).mean())


@torch.no_grad()
def uniformity(vectors: Float[Tensor, "n d"]) -> float:
    """Logarithm of the mean Gaussian potential of all pairs; 0 for equal vectors, lower is better.

    Wang and Isola, ICML 2020 (arXiv:2005.10242), with t = 2. Vectors spread evenly over a sphere
    of many dimensions come near -4.

    Raises:
        ValueError: fewer than two vectors.
    """
    if vectors.ndim != 2 or len(vectors) < 2:
        raise ValueError(f"uniformity needs at least 2 vectors, found {list(vectors.shape)}")
    distances = torch.pdist(unit(vectors)).square()
    return float(distances.mul(-2).exp().mean().log())


@torch.no_grad()
def pair_cosine(source: Float[Tensor, "n d"], target: Float[Tensor, "n d"]) -> float:
    """Mean cosine of translations, in [-1, 1].

    Raises:
        ValueError: rows do not pair up, or there are none.
    """
    _check_pairs("pair_cosine", source, target, 1)
    return float((unit(source) * unit(target)).sum(1).mean())


@torch.no_grad()
def off_diagonal_cosine(source: Float[Tensor, "n d"], target: Float[Tensor, "n d"]) -> float:
    """Mean cosine of a sentence and what does not translate it; near 1 all vectors are alike.

    Raises:
        ValueError: rows do not pair up, or there are fewer than two.
    """
    _check_pairs("off_diagonal_cosine", source, target, 2)
    one, other = unit(source), unit(target)
    everything = one.sum(0) @ other.sum(0)  # of all cosines, without a matrix of them
    diagonal = (one * other).sum()
    return float((everything - diagonal) / (len(one) * (len(one) - 1)))


@torch.no_grad()
def cosines(vectors: Float[Tensor, "n d"]) -> Float[Tensor, "n n"]:
    """Cosine of every two rows, as of language prototypes; 0 with a row of zeros."""
    directions = unit(vectors)
    return (directions @ directions.T).clamp(-1, 1)


def unit(vectors: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch d"]:
    """The same directions with a norm of 1, in float32 or better; zeros stay."""
    return normalize(vectors.to(torch.promote_types(vectors.dtype, torch.float32)), dim=-1)


def _check_pairs(name: str, source: Tensor, target: Tensor, least: int) -> None:
    if source.ndim != 2 or source.shape != target.shape or len(source) < least:
        raise ValueError(
            f"{name} needs source and target vectors of one shape [n, d] with n >= {least}, found "
            f"{list(source.shape)} and {list(target.shape)}"
        )
