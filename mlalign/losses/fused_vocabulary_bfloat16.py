"""Products with the vocabulary in bfloat16, for rows that are sentences by themselves.

Operands are rounded to bfloat16, sums are kept in float32 (docs/speed.md has the error). Only the
log-sum-exp and the softmax see rounded products; targets are exact in float32.
"""

from typing import Any

import torch
from jaxtyping import BFloat16, Float
from torch import Tensor, nn
from torch.autograd.function import Function, once_differentiable

from mlalign.losses.targets import Targets

PARTS = 3  # bfloat16 numbers that add up to a float32
EXTRA = 8  # columns for a bias and a row's shift; tensor cores want a multiple of eight


def products_in_bfloat16(device: torch.device) -> bool:
    """Whether autocast asks for it, on a device whose products keep float32 sums."""
    kind = device.type
    return kind == "cuda" and torch.is_autocast_enabled(kind) and torch.get_autocast_dtype(kind) == torch.bfloat16


def product(
    left: BFloat16[Tensor, "n k"], right: BFloat16[Tensor, "k m"], *, out: Tensor | None = None
) -> Float[Tensor, "n m"]:
    """Of bfloat16 matrices with float32 sums; the CPU, which has no such product, raises them."""
    if left.is_cuda:
        return torch.mm(left, right, out_dtype=torch.float32, out=out)
    return torch.mm(left.float(), right.float(), out=out)


class SingleRowDivergence(Function):
    r"""KL(true words || softmax of the row's logits), for each row.

    .. math::
        L_n = Z_n - \sum_v p_{nv} z_{nv} + \sum_v p_{nv} \ln p_{nv}, \quad
        \frac{\partial L_n}{\partial z_{nv}} = e^{z_{nv} - Z_n} - p_{nv}

    The bias and, on the way back, the shift by Z are columns of the matrices that are multiplied,
    and a row's factor from above is applied to what is small: the logits are only written,
    exponentiated and read.

    Arguments of ``apply``: words [n, d], weight [v or more, d], bias [v or more] or None; targets
    and their negative entropy; whether they give mass to every word; the parts of the vocabulary.
    """

    @staticmethod
    def forward(
        ctx: Any,
        words: Float[Tensor, "n d"],
        weight: Float[Tensor, "v d"],
        bias: Float[Tensor, " v"] | None,
        targets: Targets,
        negative_entropy: Float[Tensor, " n"],
        smoothed: bool,
        columns: list[range],
    ) -> Float[Tensor, " n"]:
        """The values; see the class."""
        size = columns[-1].stop
        table = _table(weight[:size], None if bias is None else bias[:size])
        rows = _rows(words, torch.zeros_like(words[:, 0]))
        log_sum = words.new_full((len(words),), -torch.inf)
        for chunk in columns:
            logits = product(rows, table[chunk.start : chunk.stop].T)
            log_sum = torch.logaddexp(log_sum, _log_sum_exp(logits))
        picked = words.index_select(0, targets.sentence).mul_(weight.index_select(0, targets.words))
        logit = picked.sum(1)
        if bias is not None:
            logit += bias.index_select(0, targets.words)
        expected = torch.zeros_like(log_sum).index_add_(0, targets.sentence, logit * targets.mass)
        if smoothed:
            total = words @ weight[:size].sum(0)
            expected += targets.even * (total if bias is None else total + bias[:size].sum())
        ctx.save_for_backward(words, weight, bias, table, log_sum, *targets)
        ctx.columns, ctx.smoothed = columns, smoothed
        return log_sum - expected + negative_entropy

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Float[Tensor, " n"]) -> tuple[Tensor | None, ...]:
        """The gradients of words, weight and bias; see the class."""
        words, weight, bias, table, log_sum, *others = ctx.saved_tensors
        targets, size, dim = Targets(*others), ctx.columns[-1].stop, words.shape[1]
        need_weight, need_bias = ctx.needs_input_grad[1], bias is not None
        rows, scaled = _rows(words, -log_sum), (words * gradient[:, None]).bfloat16()
        factors = nn.functional.pad(_split(gradient), (0, EXTRA - PARTS))
        to_words = torch.zeros_like(words)
        to_weight, to_bias = torch.empty_like(weight), torch.empty_like(weight[:, 0])
        for chunk in ctx.columns:
            part = slice(chunk.start, chunk.stop)
            log_softmax = product(rows, table[part].T)
            softmax = torch.exp(log_softmax, out=torch.empty_like(log_softmax, dtype=rows.dtype))
            to_words += product(softmax, table[part, :dim])
            if need_weight:
                product(softmax.T, scaled, out=to_weight[part])
            if need_bias:
                to_bias[part] = product(softmax.T, factors).sum(1)
        to_words *= gradient[:, None]
        pull = -targets.mass * gradient.index_select(0, targets.sentence)
        true_rows = weight.index_select(0, targets.words).mul_(pull[:, None])
        to_words.index_add_(0, targets.sentence, true_rows)
        even = targets.even * gradient
        if ctx.smoothed:
            to_words.addr_(even, weight[:size].sum(0), alpha=-1)
        if need_weight:
            own = words.index_select(0, targets.sentence).mul_(pull[:, None])
            to_weight.index_put_((targets.words,), own, accumulate=True)
            if ctx.smoothed:
                to_weight[:size] -= even @ words
            to_weight[size:] = 0
        if need_bias:
            to_bias.index_put_((targets.words,), pull, accumulate=True)
            to_bias[:size] -= even.sum()
            to_bias[size:] = 0
        slopes = to_words, to_weight if need_weight else None, to_bias if need_bias else None
        return *slopes, None, None, None, None


def _table(weight: Float[Tensor, "v d"], bias: Float[Tensor, " v"] | None) -> BFloat16[Tensor, "v d_and_extra"]:
    """The vocabulary, then its bias in parts, then ones for a row's shift."""
    dim = weight.shape[1]
    table = weight.new_zeros(len(weight), dim + EXTRA, dtype=torch.bfloat16)
    table[:, :dim] = weight
    if bias is not None:
        table[:, dim : dim + PARTS] = _split(bias)
    table[:, dim + PARTS : dim + 2 * PARTS] = 1
    return table


def _rows(words: Float[Tensor, "n d"], shift: Float[Tensor, " n"]) -> BFloat16[Tensor, "n d_and_extra"]:
    """What, times ``_table``, gives logits with bias, plus each row's shift."""
    dim = words.shape[1]
    rows = words.new_zeros(len(words), dim + EXTRA, dtype=torch.bfloat16)
    rows[:, :dim] = words
    rows[:, dim : dim + PARTS] = 1
    rows[:, dim + PARTS : dim + 2 * PARTS] = _split(shift)
    return rows


def _split(values: Float[Tensor, " n"]) -> BFloat16[Tensor, "n parts"]:
    """Numbers whose sum is the value to float32's own precision."""
    parts, rest = [], values
    for _ in range(PARTS):
        parts.append(rest.bfloat16())
        rest = rest - parts[-1]
    return torch.stack(parts, dim=1)


def _log_sum_exp(logits: Float[Tensor, "n columns"]) -> Float[Tensor, " n"]:
    """As ``logsumexp``, from the one kernel of log-softmax, which passes over the logits less."""
    return logits[:, 0] - logits.log_softmax(dim=1)[:, 0]
