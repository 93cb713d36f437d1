"""Two predictions of the same examples are to agree."""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from mlalign.losses.precision import in_full_precision


@in_full_precision
def consistency_loss(logits: Float[Tensor, "n classes"], other: Float[Tensor, "n classes"]) -> Float[Tensor, ""]:
    r"""Symmetric Kullback-Leibler divergence whose targets have no gradient.

    .. math::
        \overline{\mathrm{KL}(\bar p \,\|\, p') + \mathrm{KL}(\bar p' \,\|\, p)}

    R1 of xTune (Zheng et al. 2021, arXiv:2106.08226), a bar for a target without gradient.

    Args:
        logits: of the examples as they are.
        other: of their other view.

    Returns:
        Mean over examples, in nats; 0 for equal predictions, and for no rows.

    Raises:
        ValueError: the two have different shapes.
    """
    _check("consistency_loss", logits, other)
    one, two = logits.log_softmax(-1), other.log_softmax(-1)
    total = functional.kl_div(two, one.detach(), reduction="sum", log_target=True)
    total = total + functional.kl_div(one, two.detach(), reduction="sum", log_target=True)
    return total / max(len(logits), 1)


@in_full_precision
def model_consistency_loss(logits: Float[Tensor, "n classes"], first: Float[Tensor, "n classes"]) -> Float[Tensor, ""]:
    r"""Kullback-Leibler divergence of a model's predictions from those of an earlier model.

    .. math::
        \overline{\mathrm{KL}(p^* \,\|\, p)}

    R2 of xTune (Zheng et al. 2021, arXiv:2106.08226).

    Args:
        logits: of the model.
        first: of the earlier one; they get no gradient.

    Returns:
        Mean over examples, in nats; 0 for equal predictions, and for no rows.

    Raises:
        ValueError: the two have different shapes.
    """
    _check("model_consistency_loss", logits, first)
    target = first.detach().log_softmax(-1)
    total = functional.kl_div(logits.log_softmax(-1), target, reduction="sum", log_target=True)
    return total / max(len(logits), 1)


def _check(loss: str, one: Tensor, other: Tensor) -> None:
    if one.shape != other.shape:
        raise ValueError(f"{loss}: expected logits of one shape, found {tuple(one.shape)} and {tuple(other.shape)}")
