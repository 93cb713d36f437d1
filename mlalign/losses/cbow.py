"""Word vectors: a word is told from others by the words around it."""

from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import logsigmoid

from mlalign.losses.precision import in_full_precision


@in_full_precision
def cbow_loss(
    context: Float[Tensor, "b d"],
    centre: Float[Tensor, "b d"],
    negative: Float[Tensor, "b k d"],
    *,
    translation: Float[Tensor, "b d"] | None = None,
    translated: Bool[Tensor, " b"] | None = None,
) -> Float[Tensor, ""]:
    r"""Continuous bag of words with negative sampling, and with a translation as a second positive.

    .. math::
        L = -\ln \sigma(u_w \cdot h) - [t]\, \ln \sigma(u_t \cdot h) - \sum_{k} \ln \sigma(-u_k \cdot h)

    Mikolov et al. 2013 (arXiv:1310.4546), eq. 4, with h the mean of the words around w; the second term
    is that of Duong et al. 2016 (arXiv:1606.09403).

    Args:
        context: h, of each position.
        centre: u of the words that stand there.
        negative: u of k words drawn by chance.
        translation: u of one translation of each word; None for none.
        translated: which words have a translation; needed with it.

    Returns:
        Mean over positions, in nats; (1 + k) ln 2 for vectors of zeros without translations.

    Raises:
        ValueError: there is no position.
    """
    if not len(context):
        raise ValueError("cbow_loss needs at least 1 position, got 0")
    loss = -logsigmoid((centre * context).sum(-1)) - logsigmoid(-(negative * context[:, None]).sum(-1)).sum(-1)
    if translation is not None and translated is not None:
        loss = loss - logsigmoid((translation * context).sum(-1)).where(translated, 0.0)
    return loss.mean()
