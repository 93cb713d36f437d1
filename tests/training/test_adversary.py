"""Who learns from what in the game of Eq. 1."""

import math

import pytest
import torch
from training.toy import STILL, batches, built, encoded, exact, gradients, same_gradients

from mlalign.alignment.objectives.adversarial import INPUTS, LanguageAdversary
from mlalign.alignment.objectives.base import Parts
from mlalign.config.enums import Confusion, View
from mlalign.config.schema import Adversary, Align
from mlalign.losses import confusion_loss, discriminator_loss

AT_ONCE = ("align.adversary.warmup=0", "align.adversary.ramp=0", *STILL)


def game_and_batch(toy, *overrides: str):
    module, data = built(toy, *overrides)
    exact(module)
    return module, encoded(module, batches(data, 1)[0])


def game_of(module: torch.nn.Module) -> LanguageAdversary:
    return module.objectives["adversarial"]


def without_opponent(module: torch.nn.Module, batch) -> torch.Tensor:
    return sum(module.objectives.losses(batch, 1.0).values())


def touched(module: torch.nn.Module) -> set[str]:
    return {
        name
        for name, parameter in module.named_parameters()
        if parameter.grad is not None and parameter.grad.abs().sum() > 0
    }


@pytest.mark.parametrize("sees", INPUTS)
def test_the_discriminator_learns_and_the_encoder_does_not(toy, sees):
    module, batch = game_and_batch(toy, f"align.adversary.input={sees}")
    game_of(module).opponent_loss(batch).backward()
    assert touched(game_of(module)) == {name for name, _ in game_of(module).named_parameters()}
    assert all(parameter.grad is None for parameter in module.encoder.parameters())


@pytest.mark.parametrize("sees", INPUTS)
def test_the_encoder_is_confusing_and_the_discriminator_stays(toy, sees):
    module, batch = game_and_batch(toy, f"align.adversary.input={sees}")
    game_of(module)(batch).backward()
    assert touched(module.encoder)
    assert all(parameter.grad is None for parameter in game_of(module).parameters())
    assert all(parameter.requires_grad for parameter in game_of(module).parameters())


def test_each_loss_is_that_of_the_logits(toy):
    module, batch = game_and_batch(toy, *AT_ONCE, "losses.adversarial.form=uniform", "losses.adversarial.smoothing=0.1")
    logits = [game_of(module).discriminator(side.mean) for side in batch.first.sides]
    torch.testing.assert_close(game_of(module).opponent_loss(batch), discriminator_loss(*logits, smoothing=0.1))
    torch.testing.assert_close(game_of(module)(batch), confusion_loss(*logits, form="uniform"))


@pytest.mark.parametrize("weighted", ["false", "true"])
def test_one_backward_equals_two(toy, tmp_path, weighted):
    setting = ("align.adversary.weight=0.7", f"align.adversary.weighted={weighted}", *AT_ONCE)
    module, data = built(toy, *setting)
    batch = batches(data, 1)[0]
    joint = gradients(exact(module), [batch], tmp_path)

    module = exact(built(toy, *setting)[0])
    seen = module.encode(batch, batch.views)
    game_of(module).opponent_loss(seen).backward(retain_graph=True)
    (without_opponent(module, seen) + 0.7 * game_of(module)(seen)).backward()
    same_gradients({name: one.grad for name, one in module.named_parameters()}, joint)


def test_the_generator_plays_against_what_the_discriminator_has_just_learned(toy, tmp_path):
    setting = (
        "align.adversary.schedule=alternate", "align.adversary.discriminator_steps=3", *AT_ONCE,
    )  # fmt: skip
    module, data = built(toy, *setting)
    batch = batches(data, 1)[0]
    module = exact(module)
    before = [parameter.detach().clone() for parameter in game_of(module).parameters()]
    found = gradients(module, [batch], tmp_path)  # the generator's step is left out
    after = [parameter.detach().clone() for parameter in game_of(module).parameters()]
    assert all(not torch.equal(*two) for two in zip(before, after, strict=True))

    other = exact(built(toy, *setting)[0])
    pair = other.encode(batch, batch.views)
    player = other.configure_optimizers()[1]["optimizer"]
    for _ in range(3):
        player.zero_grad()
        game_of(other).opponent_loss(pair).backward()
        torch.nn.utils.clip_grad_norm_(game_of(other).parameters(), 1.0)
        player.step()
    for parameter, expected in zip(game_of(other).parameters(), after, strict=True):
        torch.testing.assert_close(parameter, expected, rtol=1e-8, atol=1e-10)
    player.zero_grad()
    (without_opponent(other, pair) + 0.1 * game_of(other)(pair)).backward()
    same_gradients({name: one.grad for name, one in other.named_parameters()}, found)


def made(**settings: float) -> LanguageAdversary:
    parts = Parts(dim=1, word_dim=1, layers=1, languages=(), align=Align(adversary=Adversary(**settings)))
    return LanguageAdversary(LanguageAdversary.Settings(form=Confusion.flip, smoothing=0.0, view=View.masked), parts)


@pytest.mark.parametrize(
    ("progress", "expected"),
    [(0.0, 0.0), (0.19, 0.0), (0.2, 0.0), (0.3, 0.25), (0.4, 0.5), (0.9, 0.5), (1.0, 0.5)],
)
def test_the_reward_waits_then_rises(progress, expected):
    game = made(weight=0.5, warmup=0.2, ramp=0.2)
    assert game.factor(progress) == pytest.approx(expected)


def test_without_a_ramp_the_reward_is_whole_at_once():
    game = made(weight=0.5, warmup=0.0, ramp=0.0)
    assert game.factor(0.0) == 0.5


class Always(torch.nn.Module):
    def forward(self, rows):
        return rows[:, 0]


def test_balanced_accuracy_weighs_both_languages_the_same(toy):
    _, batch = game_and_batch(toy)
    pair, game = batch.first, made()
    game.discriminator = Always()
    pair.source.mean = torch.tensor([[1.0], [1.0], [1.0], [-1.0]])  # three of four
    pair.target.mean = torch.tensor([[1.0], [-1.0]])  # one of two
    assert float(game.measures(batch)["discriminator/accuracy"]) == pytest.approx(100 * (0.75 + 0.5) / 2)
    pair.target.mean = torch.tensor([[0.0]])
    pair.source.mean = torch.tensor([[0.0]])  # equal vectors: one of the two is wrong
    assert float(game.measures(batch)["discriminator/accuracy"]) == 50
    assert (
        game.opponent_loss(batch).item() == pytest.approx(math.log(2)) == game.measures(batch)["discriminator/chance"]
    )
