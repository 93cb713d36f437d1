"""How far predicted words are from true ones, for many rows, some columns of logits at a time."""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import Function, once_differentiable
from torch.nn import functional

from mlalign.losses.fused_vocabulary_bfloat16 import product
from mlalign.losses.targets import Targets

KEPT_ENTRIES = 2**26  # up to so many logits are kept for the backward pass: 256 MiB in float32
CACHED_ENTRIES = 2**20  # so many fit a processor's cache
FEWEST_COLUMNS = 512  # below, a product of matrices is slow
ALIGNED = 64  # a GPU's tensor cores want rows that begin at a multiple of so many entries


class Chunks(NamedTuple):
    """The columns of the vocabulary in parts, and whether the logits of all are kept."""

    columns: list[range]
    kept: bool

    @classmethod
    def of(cls, words: Float[Tensor, "n d"], vocabulary: int, size: int | None) -> "Chunks":
        """Parts of a given size, or what is quick for so many rows and has room."""
        rows = max(1, len(words))
        kept = size is None and rows * vocabulary <= KEPT_ENTRIES
        if size is None:
            cached = max(FEWEST_COLUMNS, CACHED_ENTRIES // rows)
            most = max(1, KEPT_ENTRIES // rows)
            size = min(cached, most) if words.device.type == "cpu" else max(most // ALIGNED, 1) * ALIGNED
        columns = range(vocabulary)
        return cls([columns[start : start + size] for start in columns[::size]], kept)


class Plan(NamedTuple):
    """What the host knows of a pass, so that nothing in it waits for the device.

    Attributes:
        chunks: the parts of the vocabulary.
        smoothed: whether any target gives mass to every word.
        starts: for both kinds of targets, the first entry of each part.
        rounded: whether matrices are rounded to bfloat16 before they are multiplied.
    """

    chunks: Chunks
    smoothed: bool
    starts: tuple[list[int], list[int]]
    rounded: bool

    @classmethod
    def of(cls, chunks: Chunks, singles: Targets, mixed: Targets, *, rounded: bool) -> "Plan":
        """From targets that are still on the host."""
        smoothed = any(bool(targets.even.any()) for targets in (singles, mixed))
        starts = singles.starts(chunks.columns), mixed.starts(chunks.columns)
        return cls(chunks, smoothed, starts, rounded)

    def operand(self, matrix: Tensor) -> Tensor:
        """A matrix as it is multiplied."""
        return matrix.bfloat16() if self.rounded else matrix

    def product(self, left: Tensor, right: Tensor, out: Tensor | None = None) -> Tensor:
        """Of two operands."""
        return product(left, right, out=out) if self.rounded else torch.mm(left, right, out=out)

    def parts(self, singles: Targets, mixed: Targets) -> tuple[list[Targets], list[Targets]]:
        """The targets of each part of the vocabulary."""
        first, second = self.starts
        columns = self.chunks.columns
        return singles.parts(columns, first), mixed.parts(columns, second)


class Mixture(NamedTuple):
    """The sum of the softmaxes of a sentence's rows, in parts that neither over- nor underflow.

    ``share * peak.exp()`` is a row's softmax, ``share / total`` its part of its sentence's sum.
    """

    share: Float[Tensor, "n columns"]
    peak: Float[Tensor, "sentences columns"]
    total: Float[Tensor, "sentences columns"]

    @classmethod
    def of(cls, log_softmax: Float[Tensor, "n columns"], sentence: Int[Tensor, " n"], sentences: int) -> "Mixture":
        """The first argument is overwritten."""
        peak = log_softmax.new_full((sentences, log_softmax.shape[1]), -torch.inf)
        peak.scatter_reduce_(0, sentence[:, None].expand_as(log_softmax), log_softmax, "amax")
        share = log_softmax.sub_(peak.index_select(0, sentence)).exp_()
        return cls(share, peak, torch.zeros_like(peak).index_add_(0, sentence, share))


class VocabularyDivergence(Function):
    r"""KL(true words || mean of the softmaxes of a sentence's rows), for each sentence.

    .. math::
        L_b = \sum_v p_{bv} (\ln p_{bv} - \ln q_{bv}), \quad
        q_{bv} = \frac{1}{n_b} \sum_{n \in b} e^{z_{nv} - Z_n}, \quad
        \frac{\partial L_b}{\partial z_{nv}} = R_n \, e^{z_{nv} - Z_n} - p_{bv} \, \rho_{nv}

    where rho is the softmax of z - Z over the rows of a sentence and R_n the sum of p rho over
    the vocabulary. A first pass over the columns finds Z, a second the value and R, and the
    backward pass needs the logits once more. They are kept if they are few, else computed again.

    A sentence of a single row (a masked word, a pooled sentence) needs no second pass: rho and R
    are 1, and its value is Z minus the sum of p z, plus the sum of p ln p. These rows come first.

    Arguments of ``apply``: words [n, d], weight [v or more, d], bias [v or more] or None; the
    plan, which knows the parts of the vocabulary; the targets of the first rows, each a sentence
    by itself; the sentence of each other row [n - singles], how many rows these sentences have,
    their targets, and all targets' negative entropies. The result holds the single rows'
    divergences, then the other sentences'.
    """

    @staticmethod
    def forward(
        ctx: Any,
        words: Float[Tensor, "n d"],
        weight: Float[Tensor, "v d"],
        bias: Float[Tensor, " v"] | None,
        plan: "Plan",
        singles: Targets,
        sentence: Int[Tensor, " mixed"],
        lengths: Float[Tensor, " sentences"],
        mixed: Targets,
        negative_entropy: Float[Tensor, " divergences"],
    ) -> Float[Tensor, " divergences"]:
        """The values; see the class."""
        chunks, smoothed = plan.chunks, plan.smoothed
        first, vocabulary = len(singles.even), plan.operand(weight)
        rows = plan.operand(words)
        parts = plan.parts(singles, mixed)
        log_sum = words.new_full((len(words),), -torch.inf)
        expected = torch.zeros_like(singles.even)
        kept: list[Tensor] = []
        for columns, part in zip(chunks.columns, parts[0], strict=True):
            logits = _logits(plan, rows, vocabulary, bias, columns)
            log_sum = torch.logaddexp(log_sum, logits.logsumexp(dim=1))
            expected += part.expected(logits[:first], smoothed=smoothed)
            if chunks.kept:
                kept.append(logits)
        of_singles = log_sum[:first] - expected + negative_entropy[:first]

        of_mixed = negative_entropy[first:].clone()
        row_mass = words.new_zeros(len(sentence))
        mixtures: list[Tensor] = []
        for i, columns in enumerate(chunks.columns if len(sentence) else []):
            logits = kept[i][first:] if kept else _logits(plan, rows[first:], vocabulary, bias, columns)
            mixture = Mixture.of(logits.sub_(log_sum[first:, None]), sentence, len(lengths))
            log_q = mixture.total.log().add_(mixture.peak).sub_(lengths.log()[:, None])
            of_mixed -= parts[1][i].expected(log_q, smoothed=smoothed)
            pull = _pull(parts[1][i], mixture, torch.ones_like(lengths), smoothed)
            row_mass += pull.index_select(0, sentence).mul_(mixture.share).sum(dim=1)
            if chunks.kept:
                mixtures.extend(mixture[1:])
        ctx.save_for_backward(words, weight, bias, sentence, log_sum, row_mass, *singles, *mixed, *kept, *mixtures)
        ctx.plan = plan
        return torch.cat([of_singles, of_mixed])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Float[Tensor, " divergences"]) -> tuple[Tensor | None, ...]:
        """The gradients of words, weight and bias; see the class."""
        words, weight, bias, sentence, log_sum, row_mass, *others = ctx.saved_tensors
        singles, mixed, kept = Targets(*others[:4]), Targets(*others[4:8]), others[8:]
        smoothed, columns = ctx.plan.smoothed, ctx.plan.chunks.columns
        first, count = len(singles.even), len(mixed.even)
        kept, mixtures = kept[: len(columns)], kept[len(columns) :]
        parts = zip(columns, *ctx.plan.parts(singles, mixed), strict=True)
        of_singles, of_mixed = gradient[:first], gradient[first:]
        row_mass = row_mass * of_mixed.index_select(0, sentence)
        need_words, need_weight, need_bias = ctx.needs_input_grad[:3]
        to_words = torch.zeros_like(words) if need_words else None
        to_weight = torch.empty_like(weight) if need_weight else None  # every row is written once
        to_bias = torch.empty_like(bias) if need_bias else None
        for slope in (to_weight, to_bias):
            if slope is not None:
                slope[columns[-1].stop :] = 0
        plan = ctx.plan
        vocabulary, rows = plan.operand(weight), plan.operand(words)
        with torch.autocast(words.device.type, enabled=False):
            for i, (chunk, of_single, of_sentence) in enumerate(parts):
                part = slice(chunk.start, chunk.stop)
                logits = kept[i] if kept else _logits(plan, rows, vocabulary, bias, chunk)
                slope = torch.empty_like(logits) if kept else logits
                if first:
                    torch.sub(logits[:first], log_sum[:first, None], out=slope[:first])
                    slope[:first].exp_().mul_(of_singles[:, None])
                    of_single.subtract_from(slope[:first], of_singles, smoothed=smoothed)
                if count:
                    if mixtures:
                        mixture = Mixture(logits[first:], *mixtures[2 * i : 2 * i + 2])
                    else:
                        log_softmax = logits[first:].sub_(log_sum[first:, None])
                        mixture = Mixture.of(log_softmax, sentence, count)
                    pull = _pull(of_sentence, mixture, of_mixed, smoothed)
                    factor = mixture.peak.exp().index_select(0, sentence).mul_(row_mass[:, None])
                    factor.sub_(pull.index_select(0, sentence))
                    torch.mul(mixture.share, factor, out=slope[first:])
                factor = plan.operand(slope)
                if to_words is not None and plan.rounded:
                    to_words += plan.product(factor, vocabulary[part])
                elif to_words is not None:
                    to_words.addmm_(slope, weight[part])
                if to_weight is not None:
                    plan.product(factor.T, rows, out=to_weight[part])
                if to_bias is not None:
                    torch.sum(slope, dim=0, out=to_bias[part])
        return to_words, to_weight, to_bias, None, None, None, None, None, None


def _pull(
    targets: Targets, mixture: Mixture, factor: Float[Tensor, " sentences"], smoothed: bool
) -> Float[Tensor, "sentences columns"]:
    """P over a sentence's sum of shares, times each sentence's factor."""
    pull = torch.zeros_like(mixture.total)
    targets.subtract_from(pull, -factor, smoothed=smoothed)
    return pull.div_(mixture.total)


def _logits(
    plan: Plan,
    rows: Tensor,
    vocabulary: Tensor,
    bias: Float[Tensor, " v"] | None,
    columns: range,
) -> Float[Tensor, "n columns"]:
    part = slice(columns.start, columns.stop)
    of_columns = None if bias is None else bias[part]
    if plan.rounded:
        logits = plan.product(rows, vocabulary[part].T)
        return logits if of_columns is None else logits.add_(of_columns)
    return functional.linear(rows, vocabulary[part], of_columns)
