"""One learned weight per loss."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mlalign.config.enums import WeightingForm


class UncertaintyWeights(nn.Module):
    r"""The sum of several losses, each with a weight that is learned as its uncertainty.

    .. math::
        \mathrm{kendall}: \sum_k e^{-s_k} L_k + \tfrac{1}{2} s_k, \qquad
        \mathrm{liebel}: \sum_k \tfrac{1}{2} e^{-s_k} L_k + \ln(1 + e^{s_k}), \qquad
        \mathrm{fixed}: \sum_k L_k

    Eq. 15 of the paper, after Kendall et al. 2018 (arXiv:1705.07115); Liebel and Körner 2018
    (arXiv:1805.06334). A loss near 0 would get a weight without bound, so s is used within
    bounds. Its gradient passes the bounds unchanged and can bring it back; call ``clamp_`` after
    each step of the optimizer, lest it wander far outside. No loss may be negative.

    Args:
        names: of the losses; for one weight per level, add up a level's losses first.
        form: how a weight follows from s.
        bounds: the smallest and largest s; -2 and 2 allow weights from 0.14 to 7.4.

    Raises:
        ValueError: no names or a name twice, an unknown form, or bounds in the wrong order.
    """

    def __init__(
        self,
        names: Sequence[str],
        form: str = "kendall",
        bounds: tuple[float, float] = (-2.0, 2.0),
    ) -> None:
        super().__init__()
        self.names = tuple(names)
        self.form = form
        self.bounds = low, high = tuple(bounds)
        if not self.names or len(set(self.names)) < len(self.names):
            raise ValueError(f"UncertaintyWeights needs names, each once, found {self.names}")
        if form not in list(WeightingForm):
            choices = ", ".join(WeightingForm)
            raise ValueError(f"UncertaintyWeights: form must be one of {choices}, found {form!r}")
        if not low < high:
            raise ValueError(f"UncertaintyWeights: bounds must be (low, high), found {bounds}")
        self.log_variance = nn.Parameter(torch.zeros(len(names)), requires_grad=form != "fixed")

    def forward(self, losses: Mapping[str, Float[Tensor, ""]]) -> Float[Tensor, ""]:
        """The weighted sum, and what keeps the weights from falling to 0.

        Raises:
            ValueError: a loss is missing or was not announced.
        """
        if set(losses) != set(self.names):
            missing = sorted(set(self.names) - set(losses))
            unknown = sorted(set(losses) - set(self.names))
            raise ValueError(
                f"UncertaintyWeights expects losses {', '.join(self.names)}: missing {missing}, unknown {unknown}"
            )
        log_variance = self._bounded()
        weighted = self._factors(log_variance) * torch.stack([losses[name] for name in self.names])
        return weighted.sum() + self._price(log_variance).sum()

    def weights(self) -> dict[str, Float[Tensor, ""]]:
        """What each loss is multiplied with now, for the log; exp(-s) for ``kendall``."""
        factors = self._factors(self._bounded().detach())
        return dict(zip(self.names, factors, strict=True))

    def weight_bounds(self) -> tuple[float, float]:
        """The smallest and the largest weight that a loss can get; equal where it is fixed."""
        low, high = (self._factors(torch.tensor(bound)).item() for bound in self.bounds[::-1])
        return low, high

    @torch.no_grad()
    def clamp_(self) -> None:
        """Bring s back within its bounds."""
        self.log_variance.clamp_(*self.bounds)

    def _bounded(self) -> Float[Tensor, " names"]:
        """The bounded value with the gradient of the unbounded one."""
        value = self.log_variance
        return value + (value.clamp(*self.bounds) - value).detach()

    def _factors(self, log_variance: Float[Tensor, " names"]) -> Float[Tensor, " names"]:
        if self.form == "fixed":
            return torch.ones_like(log_variance)
        return torch.exp(-log_variance) / (2 if self.form == "liebel" else 1)

    def _price(self, log_variance: Float[Tensor, " names"]) -> Float[Tensor, " names"]:
        if self.form == "fixed":
            return torch.zeros_like(log_variance)
        if self.form == "liebel":
            return nn.functional.softplus(log_variance)
        return log_variance / 2
