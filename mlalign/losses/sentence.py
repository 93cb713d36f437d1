"""Sentence level: translations come together, and both languages keep the same structure."""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from mlalign.config.enums import Similarity
from mlalign.losses.precision import in_full_precision

SMALLEST_OVERLAP = 1e-6  # caps a term of the intra-sentence loss at 13.4


@in_full_precision
def inter_sentence_loss(
    source: Float[Tensor, "pairs dim"],
    target: Float[Tensor, "pairs dim"],
    *,
    similarity: str = "cosine",
    temperature: float,
    margin: float = 0.0,
    same: Bool[Tensor, "pairs pairs"] | None = None,
) -> Float[Tensor, ""]:
    r"""A translation is closer than every other sentence of the batch.

    .. math::
        L = \mathrm{CE}(S, I) + \mathrm{CE}(S^\top, I), \qquad
        S_{ij} = (\mathrm{sim}(x_i, y_j) - m\,[i = j]) / T

    Eq. 7 of the paper, its misprint corrected (it names one language twice). The margin is that
    of Yang et al. 2019 (arXiv:1902.08564).

    Args:
        source: sentence vectors.
        target: their translations; row i translates row i of ``source``.
        similarity: ``cosine``, ``dot``, or ``scaled_dot``: the dot product over sqrt(dim).
        temperature: T > 0; smaller looks at the hardest negatives alone.
        margin: m, by how much a translation has to be closer.
        same: true where source i and target j say the same without being paired: no negatives.
            The diagonal does not matter.

    Returns:
        Mean over pairs, summed over the two directions, in nats; 2 ln(pairs) for equal vectors.

    Raises:
        ValueError: shapes that don't pair up, fewer than two pairs, temperature <= 0, or an
            unknown similarity.
    """
    _check_pairs("inter_sentence_loss", source, target, temperature)
    diagonal = torch.eye(len(source), device=source.device, dtype=source.dtype)
    logits = (_similarities(source, target, similarity) - margin * diagonal) / temperature
    if same is not None:
        if same.shape != logits.shape or same.dtype != torch.bool:
            raise ValueError(
                f"inter_sentence_loss: same must be a bool tensor of shape {tuple(logits.shape)}, "
                f"found {same.dtype} of shape {tuple(same.shape)}"
            )
        logits = logits.masked_fill(same & (diagonal == 0), -math.inf)
    pairs = torch.arange(len(source), device=source.device)
    return functional.cross_entropy(logits, pairs) + functional.cross_entropy(logits.T, pairs)


@in_full_precision
def false_negatives(
    source: Float[Tensor, "pairs dim"], target: Float[Tensor, "pairs dim"], *, margin: float = 0.0
) -> Bool[Tensor, "pairs pairs"]:
    r"""Pairs of the batch that a guide finds as near as translations, and that are therefore no negatives.

    .. math::
        F_{ij} = \cos(x_i, y_j) > \min(\cos(x_i, y_i), \cos(x_j, y_j)) - m \quad\text{for } i \ne j

    Solatorio 2024 (arXiv:2402.16829), section 3.1; there each anchor is compared with its own translation
    alone, here a pair is left out of both directions as soon as one of them would leave it out.

    Args:
        source: the guide's sentence vectors.
        target: of their translations; row i translates row i of ``source``.
        margin: m; larger leaves out more.

    Returns:
        ``same`` of ``inter_sentence_loss``, false on the diagonal; false everywhere for equal vectors at m = 0.

    Raises:
        ValueError: shapes that don't pair up, or fewer than two pairs.
    """
    _check_pairs("false_negatives", source, target, temperature=1)
    similarity = _similarities(source, target, "cosine")
    own = similarity.diagonal()
    near = similarity > torch.minimum(own[:, None], own) - margin
    return near & ~torch.eye(len(own), dtype=torch.bool, device=own.device)


@in_full_precision
def intra_sentence_loss(
    source: Float[Tensor, "pairs dim"],
    target: Float[Tensor, "pairs dim"],
    *,
    similarity: str = "cosine",
    temperature: float,
    exclude_self: bool = True,
) -> Float[Tensor, ""]:
    r"""A sentence is to its neighbours what its translation is to theirs.

    .. math::
        L = \frac{1}{b} \sum_{ij} -\ln \cos \tfrac{\pi}{2} \bigl| P^\phi_{ij} - P^\psi_{ij} \bigr|, \qquad
        P^x_{ij} = \mathrm{softmax}_{j \ne i} \, \mathrm{sim}(x_i, x_j) / T

    Eq. 8 of the paper. There j = i is not left out, which makes both rows the same one-hot
    vector as soon as the vectors are long. A term is capped at 13.4, where its gradient ends;
    ``clamped_entries`` counts how many are.

    Args:
        source: sentence vectors.
        target: their translations; row i translates row i of ``source``.
        similarity: ``cosine``, ``dot``, or ``scaled_dot``: the dot product over sqrt(dim).
        temperature: T > 0.
        exclude_self: leave out each sentence's similarity with itself.

    Returns:
        Summed over columns, mean over rows; 0 for equal similarities, and so for two pairs
        without themselves. About (pi^2 / 8) times the squared difference while that is small.
        Finite for any finite vectors; so is the gradient unless it leaves the type's range.

    Raises:
        ValueError: shapes that don't pair up, fewer than two pairs, temperature <= 0, or an
            unknown similarity.
    """
    _check_pairs("intra_sentence_loss", source, target, temperature)
    one, other = (_log_neighbours(vectors, similarity, temperature, exclude_self) for vectors in (source, target))
    small = (one.exp() - other.exp()).clamp(-0.5, 0.5)
    near = -0.5 * torch.log1p(-torch.sin(math.pi / 2 * small).square())
    overlap = _overlap(one, other)
    far = -torch.log(torch.sin(math.pi / 2 * overlap.clamp(min=SMALLEST_OVERLAP)))
    return torch.where(overlap > 0.5, near, far).sum() / len(source)


@in_full_precision
def clamped_entries(
    source: Float[Tensor, "pairs dim"],
    target: Float[Tensor, "pairs dim"],
    *,
    similarity: str = "cosine",
    temperature: float,
    exclude_self: bool = True,
) -> Int[Tensor, ""]:
    """How many entries of ``intra_sentence_loss`` are at its cap, where they teach nothing."""
    _check_pairs("clamped_entries", source, target, temperature)
    one, other = (
        _log_neighbours(vectors.detach(), similarity, temperature, exclude_self) for vectors in (source, target)
    )
    return (_overlap(one, other) < SMALLEST_OVERLAP).sum()


def _log_neighbours(
    vectors: Float[Tensor, "b dim"], similarity: str, temperature: float, exclude_self: bool
) -> Float[Tensor, "b b"]:
    """Logarithm of each row's distribution over the other rows."""
    logits = _similarities(vectors, vectors, similarity) / temperature
    logits = logits.nan_to_num(nan=0.0)  # dot products beyond the type's range
    if exclude_self:
        logits = logits.masked_fill(torch.eye(len(logits), device=logits.device) > 0, -math.inf)
    return logits.log_softmax(dim=-1)


def _overlap(one: Float[Tensor, "b b"], other: Float[Tensor, "b b"]) -> Float[Tensor, "b b"]:
    """1 - |p - q| from the logarithms of p and q, without cancellation near 0."""
    return -torch.expm1(torch.maximum(one, other)) + torch.minimum(one, other).exp()


def _similarities(
    rows: Float[Tensor, "n dim"], columns: Float[Tensor, "m dim"], similarity: str
) -> Float[Tensor, "n m"]:
    if similarity == "cosine":
        return _unit(rows) @ _unit(columns).T
    if similarity == "dot":
        return rows @ columns.T
    if similarity == "scaled_dot":
        return rows @ columns.T / math.sqrt(rows.shape[1])
    choices = ", ".join(Similarity)
    raise ValueError(f"similarity must be one of {choices}, found {similarity!r}")


def _unit(vectors: Float[Tensor, "n dim"]) -> Float[Tensor, "n dim"]:
    """Of length one; the largest entry is divided out first, so that no square overflows."""
    largest = vectors.detach().abs().amax(dim=-1, keepdim=True)
    return functional.normalize(vectors / largest.clamp(min=1e-12), dim=-1, eps=1.0)


def _check_pairs(loss: str, source: Tensor, target: Tensor, temperature: float) -> None:
    if source.dim() != 2 or source.shape != target.shape or not source.numel() or len(source) < 2:
        raise ValueError(
            f"{loss} needs at least 2 row-aligned pairs of vectors, found source of shape "
            f"{tuple(source.shape)} and target of shape {tuple(target.shape)}; see align.batch_size"
        )
    if not temperature > 0:
        raise ValueError(f"{loss}: temperature must be > 0, found {temperature}")
