"""Who learns from what in the game of Eq. 1."""

import math

import pytest
import torch
from training.toy import STILL, batches, built, exact, gradients, same_gradients

from mlalign.alignment.adversary import INPUTS, LanguageAdversary
from mlalign.alignment.batch import EncodedBatch
from mlalign.losses import confusion_loss, discriminator_loss

AT_ONCE = ("align.adversary.warmup=0", "align.adversary.ramp=0", *STILL)


def game_and_pair(toy, *overrides: str):
    module, data = built(toy, *overrides)
    exact(module)
    pair = EncodedBatch(batches(data, 1)[0], module.encoder, module.head, keys=module.keys, partnered=False)
    return module, pair


def touched(module: torch.nn.Module) -> set[str]:
    return {
        name
        for name, parameter in module.named_parameters()
        if parameter.grad is not None and parameter.grad.abs().sum() > 0
    }


@pytest.mark.parametrize("sees", INPUTS)
def test_the_discriminator_learns_and_the_encoder_does_not(toy, sees):
    module, pair = game_and_pair(toy, f"align.adversary.input={sees}")
    module.game.teaching(pair).backward()
    assert touched(module.game) == {name for name, _ in module.game.named_parameters()}
    assert all(parameter.grad is None for parameter in module.encoder.parameters())


@pytest.mark.parametrize("sees", INPUTS)
def test_the_encoder_is_confusing_and_the_discriminator_stays(toy, sees):
    module, pair = game_and_pair(toy, f"align.adversary.input={sees}")
    module.game.confusion(pair).backward()
    assert touched(module.encoder)
    assert all(parameter.grad is None for parameter in module.game.parameters())
    assert all(parameter.requires_grad for parameter in module.game.parameters())


def test_each_loss_is_that_of_the_logits(toy):
    module, pair = game_and_pair(toy, *AT_ONCE, "losses.adversarial.form=uniform", "losses.adversarial.smoothing=0.1")
    logits = [module.game.discriminator(side.mean) for side in pair.sides]
    torch.testing.assert_close(module.game.teaching(pair), discriminator_loss(*logits, smoothing=0.1))
    torch.testing.assert_close(module.game.confusion(pair), confusion_loss(*logits, form="uniform"))


@pytest.mark.parametrize("weighted", ["false", "true"])
def test_one_backward_equals_two(toy, tmp_path, weighted):
    setting = ("align.adversary.weight=0.7", f"align.adversary.weighted={weighted}", *AT_ONCE)
    module, data = built(toy, *setting)
    batch = batches(data, 1)[0]
    joint = gradients(exact(module), [batch], tmp_path)

    module = exact(built(toy, *setting)[0])
    pair = module.encoded(batch)
    module.game.teaching(pair).backward(retain_graph=True)
    generator = sum(objective(pair) for objective in module.objectives.values())
    (generator + 0.7 * module.game.confusion(pair)).backward()
    same_gradients({name: one.grad for name, one in module.named_parameters()}, joint)


def test_the_generator_plays_against_what_the_discriminator_has_just_learned(toy, tmp_path):
    setting = (
        "align.adversary.schedule=alternate", "align.adversary.discriminator_steps=3", *AT_ONCE,
    )  # fmt: skip
    module, data = built(toy, *setting)
    batch = batches(data, 1)[0]
    module = exact(module)
    before = [parameter.detach().clone() for parameter in module.game.parameters()]
    found = gradients(module, [batch], tmp_path)  # the generator's step is left out
    after = [parameter.detach().clone() for parameter in module.game.parameters()]
    assert all(not torch.equal(*two) for two in zip(before, after, strict=True))

    other = exact(built(toy, *setting)[0])
    pair = other.encoded(batch)
    player = other.configure_optimizers()[1]["optimizer"]
    for _ in range(3):
        player.zero_grad()
        other.game.teaching(pair).backward()
        torch.nn.utils.clip_grad_norm_(other.game.parameters(), 1.0)
        player.step()
    for parameter, expected in zip(other.game.parameters(), after, strict=True):
        torch.testing.assert_close(parameter, expected, rtol=1e-8, atol=1e-10)
    player.zero_grad()
    objectives = sum(objective(pair) for objective in other.objectives.values())
    (objectives + 0.1 * other.game.confusion(pair)).backward()
    same_gradients({name: one.grad for name, one in other.named_parameters()}, found)


@pytest.mark.parametrize(
    ("progress", "expected"),
    [(0.0, 0.0), (0.19, 0.0), (0.2, 0.0), (0.3, 0.25), (0.4, 0.5), (0.9, 0.5), (1.0, 0.5)],
)
def test_the_reward_waits_then_rises(progress, expected):
    game = LanguageAdversary(
        torch.nn.Linear(2, 1),
        sees="mean", form="flip", smoothing=0.0, weight=0.5, warmup=0.2, ramp=0.2,
    )  # fmt: skip
    assert game.weight_at(progress) == pytest.approx(expected)


def test_without_a_ramp_the_reward_is_whole_at_once():
    game = LanguageAdversary(
        torch.nn.Linear(2, 1),
        sees="mean", form="flip", smoothing=0.0, weight=0.5, warmup=0.0, ramp=0.0,
    )  # fmt: skip
    assert game.weight_at(0.0) == 0.5


class Always(torch.nn.Module):
    def forward(self, rows):
        return rows[:, 0]


def test_balanced_accuracy_weighs_both_languages_the_same(toy):
    _, pair = game_and_pair(toy)
    game = LanguageAdversary(Always(), sees="mean", form="flip", smoothing=0.0, weight=1.0, warmup=0.0, ramp=0.0)
    pair.source.mean = torch.tensor([[1.0], [1.0], [1.0], [-1.0]])  # three of four
    pair.target.mean = torch.tensor([[1.0], [-1.0]])  # one of two
    assert float(game.balanced_accuracy(pair)) == pytest.approx((0.75 + 0.5) / 2)
    pair.target.mean = torch.tensor([[0.0]])
    pair.source.mean = torch.tensor([[0.0]])  # equal vectors: one of the two is wrong
    assert float(game.balanced_accuracy(pair)) == 0.5
    assert game.teaching(pair).item() == pytest.approx(math.log(2))
