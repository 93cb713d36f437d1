"""A reversal layer and one optimizer make the updates of two players."""

import math

import pytest
import torch
from training.toy import STILL, batches, built, exact, fitted
from training.toy import encoded as encode

from mlalign.losses import discriminator_loss

STEPS = 10


class Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx, rows, factor):
        ctx.factor = factor
        return rows.view_as(rows)

    @staticmethod
    def backward(ctx, gradient):
        return -ctx.factor * gradient, None


def test_the_method_makes_the_updates_of_a_reversal_layer(toy, tmp_path):
    overrides = ("method=reversal", *STILL, f"align.steps={STEPS}", "align.max_grad_norm=null", "align.warmup=0")
    module, data = built(toy, *overrides)
    reversed_, _ = built(toy, *overrides)
    reversed_.load_state_dict(module.state_dict())
    given = batches(data, STEPS)
    fitted(exact(module), given, tmp_path)

    adversary = exact(reversed_).objectives["adversarial"]
    players = [*reversed_.parameter_groups(), {"params": list(adversary.discriminator.parameters()), "lr": 1e-3}]
    optimizer = torch.optim.Adam([group for group in players if group["params"]])
    first = [group["lr"] for group in optimizer.param_groups]
    reversed_.train()
    for step, batch in enumerate(given):
        for group, rate in zip(optimizer.param_groups, first, strict=True):
            group["lr"] = rate * (STEPS - step) / STEPS
        found = encode(reversed_, batch)
        factor = 2 / (1 + math.exp(-10 * step / STEPS)) - 1
        logits = [adversary.discriminator(Reversal.apply(side.mean, factor)) for side in found.pair("masked").sides]
        loss = discriminator_loss(*logits) + reversed_.objectives["masked_words"](found)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for (name, one), other in zip(module.named_parameters(), reversed_.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-7, atol=1e-9, msg=name)


@pytest.mark.parametrize(("progress", "expected"), [(0.0, 0.0), (0.1, 2 / (1 + math.exp(-1)) - 1), (1.0, 0.99991)])
def test_the_weight_rises_as_published(toy, progress, expected):
    module, _ = built(toy, "method=reversal")
    assert module.objectives["adversarial"].factor(progress) == pytest.approx(expected, abs=1e-5)
