"""Language level: one player guesses the language of a sentence, the other hides it."""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from mlalign.config.enums import Confusion
from mlalign.losses.precision import in_full_precision


@in_full_precision
def discriminator_loss(
    source_logits: Float[Tensor, " source"],
    target_logits: Float[Tensor, " target"],
    *,
    smoothing: float = 0.0,
) -> Float[Tensor, ""]:
    r"""What the discriminator minimises: binary cross entropy, both sides weighing the same.

    .. math::
        L_D = \tfrac{1}{2} \bigl[ \overline{(1-\epsilon)\,\mathrm{softplus}(-a^\phi)
            + \epsilon\,\mathrm{softplus}(a^\phi)} + \overline{\mathrm{softplus}(a^\psi)} \bigr]

    Minus Eq. 1 of the paper, halved; the one-sided smoothing is that of Salimans et al. 2016
    (arXiv:1606.03498), section 3.4.

    Args:
        source_logits: the discriminator's logits for source sentences; positive says "source".
        target_logits: the same for target sentences; their number may differ.
        smoothing: epsilon in [0, 1); the label of the source is 1 - epsilon, of the target 0.

    Returns:
        Mean over each side, then over the sides, in nats; ln 2 at chance.

    Raises:
        ValueError: logits that are no non-empty vectors, or smoothing outside [0, 1).
    """
    _check_logits("discriminator_loss", source_logits, target_logits)
    if not 0 <= smoothing < 1:
        raise ValueError(f"discriminator_loss: smoothing must lie in [0, 1), found {smoothing}")
    source = _cross_entropy(source_logits, label=1 - smoothing)
    return (source + _cross_entropy(target_logits, label=0.0)) / 2


@in_full_precision
def confusion_loss(
    source_logits: Float[Tensor, " source"],
    target_logits: Float[Tensor, " target"],
    *,
    form: str = "flip",
) -> Float[Tensor, ""]:
    r"""What the generator minimises: it hides the language from the discriminator.

    .. math::
        \mathrm{flip} = \tfrac{1}{2} \bigl[ \overline{\mathrm{softplus}(a^\phi)}
            + \overline{\mathrm{softplus}(-a^\psi)} \bigr], \quad
        \mathrm{minimax} = -L_D, \quad
        \mathrm{uniform} = \tfrac{1}{2} \sum_{x \in \{\phi, \psi\}} \overline{\tfrac{1}{2} \bigl[
            \mathrm{softplus}(a^x) + \mathrm{softplus}(-a^x) \bigr]} - \ln 2

    ``minimax`` is the generator's side of Eq. 1 of the paper; ``flip`` is its non-saturating
    form (Goodfellow et al. 2014, arXiv:1406.2661, section 3).

    Args:
        source_logits: the discriminator's logits for source sentences; positive says "source".
        target_logits: the same for target sentences; their number may differ.
        form: ``flip`` keeps its gradient when the discriminator is confident, ``minimax``
            loses it then and is never positive, ``uniform`` rests when the discriminator is blind.

    Returns:
        In nats; at chance ln 2 for ``flip``, -ln 2 for ``minimax`` and 0 for ``uniform``.

    Raises:
        ValueError: logits that are no non-empty vectors, or an unknown form.
    """
    _check_logits("confusion_loss", source_logits, target_logits)
    if form == "flip":
        source_label, target_label = 0.0, 1.0
    elif form == "minimax":
        return -discriminator_loss(source_logits, target_logits)
    elif form == "uniform":
        source_label, target_label = 0.5, 0.5
    else:
        forms = ", ".join(Confusion)
        raise ValueError(f"confusion_loss: form must be one of {forms}, found {form!r}")
    source = _cross_entropy(source_logits, label=source_label)
    loss = (source + _cross_entropy(target_logits, label=target_label)) / 2
    return loss - math.log(2) if form == "uniform" else loss


def _cross_entropy(logits: Float[Tensor, " n"], label: float) -> Float[Tensor, ""]:
    """Mean binary cross entropy; each logarithm by itself, so that small ones keep their digits."""
    return -torch.mean(label * functional.logsigmoid(logits) + (1 - label) * functional.logsigmoid(-logits))


def _check_logits(loss: str, source: Tensor, target: Tensor) -> None:
    for name, logits in (("source_logits", source), ("target_logits", target)):
        if logits.dim() != 1 or not len(logits):
            raise ValueError(
                f"{loss}: {name} must be a vector with one logit a sentence, found shape {tuple(logits.shape)}"
            )
