"""Sentence level: a translation has the vector that a teacher gives to English."""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from mlalign.config.enums import Distance
from mlalign.losses.precision import in_full_precision


@in_full_precision
def distillation_loss(
    source: Float[Tensor, "pairs dim"],
    target: Float[Tensor, "pairs dim"],
    teacher: Float[Tensor, "pairs dim"],
    *,
    distance: Distance | str,
) -> Float[Tensor, ""]:
    r"""English and its translation have the teacher's vector of English.

    .. math::
        L = d(x, t) + d(y, t), \qquad d_{mse} = \frac{1}{n\,w} \sum_{ij} (x_{ij} - t_{ij})^2, \quad
        d_{cosine} = 1 - \frac{1}{n} \sum_i \cos(x_i, t_i)

    Reimers and Gurevych 2020 (arXiv:2004.09813).

    Args:
        source: vectors of English sentences.
        target: those of their translations.
        teacher: the teacher's vectors of the English sentences; they get no gradient.
        distance: ``mse`` or ``cosine``.

    Returns:
        The sum for both languages; 0 where all vectors are the teacher's.

    Raises:
        ValueError: shapes that differ, or an unknown distance.
    """
    if not source.shape == target.shape == teacher.shape:
        raise ValueError(
            f"distillation_loss needs three tensors of one shape, found source {tuple(source.shape)}, "
            f"target {tuple(target.shape)} and teacher {tuple(teacher.shape)}"
        )
    goal = teacher.detach()
    if distance == Distance.mse:
        return functional.mse_loss(source, goal) + functional.mse_loss(target, goal)
    if distance == Distance.cosine:
        similar = [functional.cosine_similarity(one, goal, dim=-1).mean() for one in (source, target)]
        return 2 - similar[0] - similar[1]
    raise ValueError(f"distillation_loss: distance must be mse or cosine, found {distance!r}")
