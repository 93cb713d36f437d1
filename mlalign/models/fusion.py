"""Attention fusion: a vector takes in what it shares with two languages."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from mlalign.config.enums import FusionForm

FORMS = [form for form in FusionForm if form != FusionForm.off]


class AttentionFusion(nn.Module):
    r"""Attend over a source and a target key, then mix the result into the query.

    .. math::
        \alpha_\phi = \mathrm{softmax}(h \cdot k_\phi / \tau,\; h \cdot k_\psi / \tau)_1, \qquad
        h^* = \alpha_\phi k_\phi + (1 - \alpha_\phi) k_\psi

        \mathrm{sigmoid}: h' = \sigma(W [h; h^*] + b), \qquad
        \mathrm{gated}: h' = h + g \odot \tanh(W [h; h^*] + b)

    Eqs. 4 to 6 of the paper, for sentences (Eqs. 2, 3) and words (Eqs. 10, 11). ``sigmoid`` is
    printed there; it maps pretrained features to nearly equal vectors. ``gated`` starts with
    g = 0, as the identity, so that the pretrained vocabulary head stays valid.

    Args:
        dim: width of queries and keys.
        temperature: tau > 0; sqrt(dim) keeps both keys in play.
        form: ``gated`` or ``sigmoid``.

    Raises:
        ValueError: dim < 1, temperature <= 0, or an unknown form.
    """

    def __init__(self, dim: int, *, temperature: float, form: str = "gated") -> None:
        super().__init__()
        if dim < 1:
            raise ValueError(f"AttentionFusion: dim must be at least 1, found {dim}")
        if not temperature > 0:
            raise ValueError(f"AttentionFusion: temperature must be > 0, found {temperature}")
        if form not in FORMS:
            choices = ", ".join(FORMS)
            raise ValueError(f"AttentionFusion: form must be one of {choices}, found {form!r}")
        self.dim, self.temperature, self.form = dim, temperature, form
        self.mix = nn.Linear(2 * dim, dim)
        nn.init.zeros_(self.mix.bias)
        if form == "gated":
            nn.init.normal_(self.mix.weight, std=0.02)
            self.gate = nn.Parameter(torch.zeros(dim))
        else:
            nn.init.xavier_uniform_(self.mix.weight)

    def forward(
        self,
        query: Float[Tensor, "*batch dim"],
        source_key: Float[Tensor, "*#batch dim"],
        target_key: Float[Tensor, "*#batch dim"],
    ) -> Float[Tensor, "*batch dim"]:
        """The fused query, in the query's type.

        W is applied to the keys before they are mixed, which gives the same and is nearly free
        for keys that many queries share.

        Raises:
            ValueError: a width other than dim, or keys that don't broadcast to the query.
        """
        share = self.attention(query, source_key, target_key).unsqueeze(-1)  # [*batch, 1]
        query_weight, key_weight = self.mix.weight.split(self.dim, dim=1)
        source, target = (functional.linear(key, key_weight) for key in (source_key, target_key))
        mixed = functional.linear(query, query_weight, self.mix.bias)
        mixed = mixed + share * source + (1 - share) * target
        if self.form == "gated":
            return (query + self.gate * mixed.tanh()).to(query.dtype)
        return mixed.sigmoid().to(query.dtype)

    def attention(
        self,
        query: Float[Tensor, "*batch dim"],
        source_key: Float[Tensor, "*#batch dim"],
        target_key: Float[Tensor, "*#batch dim"],
    ) -> Float[Tensor, " *batch"]:
        """The source key's share, at least in float32; the target key has the rest.

        Raises:
            ValueError: a width other than dim, or keys that don't broadcast to the query.
        """
        self._check(query, source_key, target_key)
        precision = torch.promote_types(query.dtype, torch.float32)
        difference = source_key.to(precision) - target_key.to(precision)
        # no matrix product, which autocast would round
        return torch.sigmoid((query.to(precision) * difference).sum(-1) / self.temperature)

    def _check(self, query: Tensor, *keys: Tensor) -> None:
        shapes = [tuple(tensor.shape) for tensor in (query, *keys)]
        fits = all(
            shape[-1:] == (self.dim,)
            and len(shape) <= query.dim()
            and all(k in (1, q) for k, q in zip(shape[::-1], shapes[0][::-1], strict=False))
            for shape in shapes
        )
        if not fits:
            raise ValueError(
                f"AttentionFusion expects query [..., {self.dim}] and keys that broadcast to it, "
                f"found query {shapes[0]}, source_key {shapes[1]} and target_key {shapes[2]}"
            )
