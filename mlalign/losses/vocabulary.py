"""Words of a translation against the mixture of a sentence's softmaxes, some columns at a time."""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import Function, once_differentiable
from torch.nn import functional

KEPT_ENTRIES = 2**25  # up to so many logits are kept for the backward pass: 128 MiB in float32
CACHED_ENTRIES = 2**20  # so many fit a processor's cache


class Chunks(NamedTuple):
    """The columns of the vocabulary in parts, and whether the logits of all are kept."""

    columns: list[range]
    kept: bool

    @classmethod
    def of(
        cls, words: Float[Tensor, "n d"], weight: Float[Tensor, "v d"], size: int | None
    ) -> "Chunks":
        """Parts of a given size, or what is quick for so many rows and has room."""
        kept = size is None and len(words) * len(weight) <= KEPT_ENTRIES
        entries = CACHED_ENTRIES if kept and words.device.type == "cpu" else KEPT_ENTRIES
        size = size or max(1, entries // len(words))
        columns = range(len(weight))
        return cls([columns[start : start + size] for start in columns[::size]], kept)


class Partner(NamedTuple):
    """The words of each sentence's translation, and the mass spread over all other words."""

    words: Int[Tensor, " m"]
    sentence: Int[Tensor, " m"]
    lengths: Float[Tensor, " sentences"]
    smoothing_mass: float

    def distribution(self, columns: range, vocabulary: int) -> Float[Tensor, "sentences columns"]:
        """Smoothed relative frequencies of some words of the vocabulary."""
        inside = (self.words >= columns.start) & (self.words < columns.stop)
        position = (self.words - columns.start).clamp(0, len(columns) - 1)
        counts = self.lengths.new_zeros(len(self.lengths), len(columns))
        counts.index_put_((self.sentence, position), inside.to(counts), accumulate=True)
        per_word = (1 - self.smoothing_mass) / self.lengths
        return counts.mul_(per_word[:, None]).add_(self.smoothing_mass / vocabulary)


class Mixture(NamedTuple):
    """The sum of the softmaxes of a sentence's rows, in parts that neither over- nor underflow.

    ``share * peak.exp()`` is a row's softmax, ``share / total`` its part of its sentence's sum.
    """

    share: Float[Tensor, "n columns"]
    peak: Float[Tensor, "sentences columns"]
    total: Float[Tensor, "sentences columns"]

    @classmethod
    def of(
        cls, log_softmax: Float[Tensor, "n columns"], sentence: Int[Tensor, " n"], sentences: int
    ) -> "Mixture":
        """The first argument is overwritten."""
        peak = log_softmax.new_full((sentences, log_softmax.shape[1]), -torch.inf)
        peak.scatter_reduce_(0, sentence[:, None].expand_as(log_softmax), log_softmax, "amax")
        share = log_softmax.sub_(peak.index_select(0, sentence)).exp_()
        return cls(share, peak, torch.zeros_like(peak).index_add_(0, sentence, share))


class MixtureDivergence(Function):
    r"""Mean over sentences of KL(partner's words || mean of the rows' softmaxes).

    .. math::
        L = \frac1B \sum_{bv} p_{bv} (\ln p_{bv} - \ln q_{bv}), \quad
        q_{bv} = \frac1{n_b} \sum_{n \in b} e^{z_{nv} - Z_n}, \quad
        \frac{\partial L}{\partial z_{nv}} = \frac1B \bigl(
            R_n \, e^{z_{nv} - Z_n} - p_{bv} \, \rho_{nv} \bigr)

    where rho is the softmax of z - Z over the rows of a sentence and R_n the sum of p rho over
    the vocabulary. A first pass over the columns finds Z, a second the value and R, and the
    backward pass needs the logits once more. They are kept if they are few, else computed again.

    Arguments of ``apply``: words [n, d], weight [v, d], bias [v] or None, the sentence of each
    row [n], the number of rows of each sentence, the partner, and the parts of the vocabulary.
    """

    @staticmethod
    def forward(
        ctx: Any,
        words: Float[Tensor, "n d"],
        weight: Float[Tensor, "v d"],
        bias: Float[Tensor, " v"] | None,
        sentence: Int[Tensor, " n"],
        lengths: Float[Tensor, " sentences"],
        partner: Partner,
        chunks: Chunks,
    ) -> Float[Tensor, ""]:
        """The value; see the class."""
        log_sum = words.new_full((len(words),), -torch.inf)
        kept: list[Tensor] = []
        for columns in chunks.columns:
            logits = _logits(words, weight, bias, columns)
            log_sum = torch.logaddexp(log_sum, logits.logsumexp(dim=1))
            if chunks.kept:
                kept.append(logits)

        loss = words.new_zeros(())
        row_mass = words.new_zeros(len(words))
        mixtures: list[Tensor] = []
        for i, columns in enumerate(chunks.columns):
            logits = kept[i] if kept else _logits(words, weight, bias, columns)
            mixture = Mixture.of(logits.sub_(log_sum[:, None]), sentence, len(lengths))
            log_q = mixture.total.log().add_(mixture.peak).sub_(lengths.log()[:, None])
            p = partner.distribution(columns, len(weight))
            loss += (torch.xlogy(p, p) - p * log_q).sum()
            pull = (p / mixture.total).index_select(0, sentence)
            row_mass += pull.mul_(mixture.share).sum(dim=1)
            if chunks.kept:
                mixtures.extend(mixture)
        ctx.save_for_backward(
            words, weight, bias, sentence, log_sum, row_mass, *partner[:3], *mixtures
        )
        ctx.smoothing_mass, ctx.chunks = partner.smoothing_mass, chunks
        return loss / len(lengths)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Float[Tensor, ""]) -> tuple[Tensor | None, ...]:
        """The gradients of words, weight and bias; see the class."""
        words, weight, bias, sentence, log_sum, row_mass, *others = ctx.saved_tensors
        partner_words, partner_sentence, partner_lengths, *mixtures = others
        partner = Partner(partner_words, partner_sentence, partner_lengths, ctx.smoothing_mass)
        sentences = len(partner_lengths)
        gradient = gradient / sentences
        slopes: list[Tensor | None] = [
            torch.zeros_like(tensor) if needed else None
            for tensor, needed in zip((words, weight, bias), ctx.needs_input_grad, strict=False)
        ]
        to_words, to_weight, to_bias = slopes
        with torch.autocast(words.device.type, enabled=False):
            for i, columns in enumerate(ctx.chunks.columns):
                part = slice(columns.start, columns.stop)
                if mixtures:
                    mixture = Mixture(*mixtures[3 * i : 3 * i + 3])
                else:
                    logits = _logits(words, weight, bias, columns).sub_(log_sum[:, None])
                    mixture = Mixture.of(logits, sentence, sentences)
                pull = partner.distribution(columns, len(weight)).div_(mixture.total)
                slope = mixture.peak.exp().index_select(0, sentence).mul_(row_mass[:, None])
                slope.sub_(pull.index_select(0, sentence)).mul_(mixture.share).mul_(gradient)
                if to_words is not None:
                    to_words.addmm_(slope, weight[part])
                if to_weight is not None:
                    torch.mm(slope.T, words, out=to_weight[part])
                if to_bias is not None:
                    torch.sum(slope, dim=0, out=to_bias[part])
        return *slopes, None, None, None, None


def _logits(
    words: Float[Tensor, "n d"],
    weight: Float[Tensor, "v d"],
    bias: Float[Tensor, " v"] | None,
    columns: range,
) -> Float[Tensor, "n columns"]:
    part = slice(columns.start, columns.stop)
    return functional.linear(words, weight[part], None if bias is None else bias[part])
