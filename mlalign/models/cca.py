"""Canonical correlation analysis in closed form, and the map between two spaces that it gives."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class LinearMap(NamedTuple):
    """From the vectors of one space to those of another."""

    mean: Float[np.ndarray, " dim"]
    matrix: Float[np.ndarray, "dim other"]
    other_mean: Float[np.ndarray, " other"]

    def __call__(self, vectors: Float[np.ndarray, "n dim"]) -> Float[np.ndarray, "n other"]:
        """The vectors in the other space."""
        return (vectors - self.mean) @ self.matrix + self.other_mean


def canonical_map(
    source: Float[np.ndarray, "n dim"], target: Float[np.ndarray, "n other"]
) -> tuple[LinearMap, Float[np.ndarray, " directions"]]:
    r"""The map through the space of canonical correlation, in which all directions are kept.

    .. math::
        \hat v = C_{uu}^{1/2}\, U V^\top C_{vv}^{-1/2} (v - \bar v) + \bar u,
        \qquad U \Sigma V^\top = C_{uu}^{-1/2} C_{uv} C_{vv}^{-1/2}

    Ammar et al. 2016 (arXiv:1602.01925), T_en^-1 T_v: whitened, turned, and coloured as the target is.
    For v = A u with an A that can be inverted it gives back u.

    Args:
        source: v, one row for each pair.
        target: u, of the same pairs.

    Returns:
        The map, and the canonical correlations, the largest first.

    Raises:
        ValueError: there are not more pairs than dimensions.
    """
    if len(source) <= max(source.shape[1], target.shape[1]):
        raise ValueError(f"canonical_map needs more pairs than dimensions, got {len(source)} of {source.shape[1]}")
    v_mean, u_mean = source.mean(0, dtype=np.float64), target.mean(0, dtype=np.float64)
    v, u = source - v_mean, target - u_mean
    whiten_v, _ = _roots(v.T @ v)
    whiten_u, colour_u = _roots(u.T @ u)
    left, correlations, right = np.linalg.svd(whiten_u @ (u.T @ v) @ whiten_v, full_matrices=False)
    return LinearMap(v_mean, (colour_u @ left @ right @ whiten_v).T, u_mean), correlations


def _roots(
    scatter: Float[np.ndarray, "dim dim"],
) -> tuple[Float[np.ndarray, "dim dim"], Float[np.ndarray, "dim dim"]]:
    """The inverse square root, of what is not zero but for rounding, and the square root."""
    values, vectors = np.linalg.eigh(scatter)
    values = np.where(values > values.max() * len(values) * np.finfo(np.float64).eps, values, 0.0)
    inverse = np.divide(1.0, np.sqrt(values), out=np.zeros_like(values), where=values > 0)
    return vectors * inverse @ vectors.T, vectors * np.sqrt(values) @ vectors.T
