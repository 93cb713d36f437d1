"""Updates, learning rates, clipping, prototypes and noise of an alignment."""

import pytest
import torch
from training.alignments import AT_ONCE, stepped
from training.toy import batches, built, exact, fitted, gradients, state, trainer

from mlalign.stages.align import finalise_prototypes

# Updates


@pytest.mark.parametrize("accumulate", [pytest.param(1, marks=pytest.mark.long), 2])
@pytest.mark.parametrize(
    ("overrides", "discriminator"),
    [
        ([], 1),
        (["ablation=no_lang"], 0),
        (["method=mlm"], 0),
        (["align.adversary.schedule=alternate", "align.adversary.discriminator_steps=3"], 3),
    ],
)
def test_global_step_counts_the_generators_updates(toy, tmp_path, overrides, discriminator, accumulate):
    module, steps, loop = stepped(toy, tmp_path, f"align.accumulate={accumulate}", *overrides)
    assert loop.global_step == 4
    assert steps.global_steps == [(place + 1) // accumulate for place in range(4 * accumulate)]
    assert steps.passes == [1] * 4 * accumulate  # both languages together
    assert len(steps.gradients["backbone"]) == 4
    batches_it_learns_from = 4 * (accumulate if discriminator > 1 else 1)
    made = len(steps.gradients.get("discriminator", []))
    assert made == discriminator * batches_it_learns_from
    assert all(parameter.grad is None for parameter in module.parameters())


def test_every_learning_rate_moves_once_per_update(toy, tmp_path):
    _, steps, _ = stepped(
        toy, tmp_path, "align.steps=5", "align.warmup=0.4", "align.accumulate=2",
        "align.learning_rate.backbone=1e-3", "align.learning_rate.embeddings=2e-3",
        "align.learning_rate.heads=3e-3", "align.learning_rate.discriminator=4e-3",
        "align.learning_rate.weights=1e-6",
    )  # fmt: skip
    generator = [rates for rates in steps.rates if "backbone" in rates]
    rises = [1 / 2, 1, 1, 2 / 3, 1 / 3]  # two of five steps up, then to 0 behind the last
    peaks = {"backbone": 1e-3, "embeddings": 2e-3, "heads": 3e-3, "weights": 1e-6 * 20000 / 5}
    for rates, share in zip(generator, rises, strict=True):
        assert rates == pytest.approx({name: share * peak for name, peak in peaks.items()})
    found = [rates["discriminator"] for rates in steps.rates if "discriminator" in rates]
    assert found == pytest.approx([4e-3 * share for share in (1, 0.8, 0.6, 0.4, 0.2)])


def test_two_half_batches_give_the_mean_of_their_gradients(toy, tmp_path):
    settings = ("align.batch_size=6", *AT_ONCE)
    module, data = built(toy, "align.accumulate=2", *settings)
    first, second = batches(data, 2)
    both = gradients(exact(module), [first, second], tmp_path)
    alone = []
    for batch in (first, second):
        module, _ = built(toy, "align.accumulate=1", *settings)
        alone.append(gradients(exact(module), [batch], tmp_path))
    for name, gradient in both.items():
        if gradient is not None:
            mean = (alone[0][name] + alone[1][name]) / 2
            torch.testing.assert_close(gradient, mean, rtol=1e-9, atol=1e-12, msg=name)


def test_nothing_moves_before_the_window_is_full(toy, tmp_path):
    module, data = built(toy, "align.accumulate=2")
    before = {name: one.clone() for name, one in module.named_parameters()}
    loop = fitted(module, batches(data, 1), tmp_path)
    assert loop.global_step == 0
    for name, parameter in module.named_parameters():
        assert torch.equal(parameter, before[name]), name
        assert (parameter.grad is not None) == parameter.requires_grad, name


# Clipping


def test_each_player_is_clipped_by_itself_behind_the_last_batch_of_a_window(toy, tmp_path):
    limit = 1e-2
    _, free, _ = stepped(toy, tmp_path, "align.max_grad_norm=null", "align.accumulate=2")
    _, steps, _ = stepped(toy, tmp_path, f"align.max_grad_norm={limit}", "align.accumulate=2")
    generator = ("backbone", "embeddings", "heads")
    assert free.norm(0, *generator) > limit
    for player in (generator, ("discriminator",)):
        expected = min(limit, free.norm(0, *player))
        assert steps.norm(0, *player) == pytest.approx(expected, rel=1e-3)
        share = expected / free.norm(0, *player)
        for group in player:
            for one, other in zip(steps.gradients[group][0], free.gradients[group][0], strict=True):
                torch.testing.assert_close(one, share * other, rtol=1e-3, atol=1e-8)


def test_learned_weights_are_not_clipped(toy, tmp_path):
    _, free, _ = stepped(toy, tmp_path, "align.max_grad_norm=null")
    _, steps, _ = stepped(toy, tmp_path, "align.max_grad_norm=1e-4")
    torch.testing.assert_close(steps.gradients["weights"][0], free.gradients["weights"][0])
    assert steps.norm(0, "weights") > 0.1


# Who owns which parameter


@pytest.mark.parametrize("method", ["multilevel", "literal", "mlm", "inter_sentence"])
def test_every_trained_parameter_is_in_one_group(toy, method):
    module, _ = built(
        toy, f"method={method}", "align.learning_rate.backbone=1e-3",
        "align.learning_rate.embeddings=2e-3", "align.learning_rate.heads=3e-3",
        "align.learning_rate.discriminator=4e-3", "align.learning_rate.weights=5e-7",
    )  # fmt: skip
    optimizers = [one["optimizer"] for one in module.configure_optimizers()]
    rate = {  # the peaks; a schedule is at its first step by now
        id(parameter): group["initial_lr"]
        for optimizer in optimizers
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    owned = [p for one in optimizers for group in one.param_groups for p in group["params"]]
    assert len(owned) == len(rate)  # none twice
    trained = {name: one for name, one in module.named_parameters() if one.requires_grad}
    assert {id(one) for one in trained.values()} == rate.keys()
    embeddings = module.encoder.backbone.get_input_embeddings().weight
    for name, parameter in trained.items():
        if parameter is embeddings:
            expected = 2e-3
        elif name.startswith("objectives.adversarial."):
            expected = 4e-3
        elif name.startswith("weighting."):
            expected = 5e-7 * 20000 / 4
        elif "fusion" in name or name.startswith(("head.", "objectives.word_links.")):
            expected = 3e-3
        else:
            assert name.startswith("encoder.backbone.")
            expected = 1e-3
        assert rate[id(parameter)] == pytest.approx(expected), name


def test_the_discriminators_optimizer_owns_the_discriminator_alone(toy):
    for weighted in ("true", "false"):
        options = [f"align.adversary.weighted={weighted}", "align.adversary.warmup=0"]
        module, _ = built(toy, *options)
        _, discriminator = (one["optimizer"] for one in module.configure_optimizers())
        (group,) = discriminator.param_groups
        assert {id(one) for one in group["params"]} == {
            id(one) for one in module.objectives["adversarial"].parameters()
        }
        assert ("adversarial" in module.weighting.names) == (weighted == "true")


def test_frozen_parts_do_not_move(toy, tmp_path):
    module, data = built(toy, "ablation=no_word", "align.learning_rate.backbone=1e-2")
    before = state(module)
    fitted(module, batches(data, 4), tmp_path)
    after = state(module)
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    expected = {name for name, one in module.named_parameters() if one.requires_grad}
    assert {name for name, _ in module.named_parameters()} & moved == expected


def test_learned_weights_stay_within_their_bounds(toy, tmp_path):
    module, _, _ = stepped(toy, tmp_path, "align.learning_rate.weights=1", "weighting.bound=0.5")
    assert module.weighting.log_variance.abs().max() == 0.5


# Prototypes


def test_prototypes_follow_the_languages_of_the_batches(toy, tmp_path):
    module, data = built(toy, "align.prototype_momentum=0.75", "align.steps=8")
    exact(module)
    first, *_, last = batches(data, 8)
    assert first.languages != last.languages
    expected: dict[str, torch.Tensor] = {}
    for batch in (first, last):
        with torch.no_grad():
            for language, side in zip(batch.languages, batch.first, strict=True):
                mean = module.encoder(side.subwords)[:, 1].mean(0)
                old = expected.get(language, mean)
                expected[language] = 0.75 * old + 0.25 * mean
    gradients(module, [first, last], tmp_path)  # without steps
    for language, vector in expected.items():
        torch.testing.assert_close(module.encoder.prototypes.of(language), vector)


def test_final_prototypes_are_the_means_of_clean_text(toy, tmp_path):
    module, data = built(toy)
    without_noise = module.eval()
    with torch.no_grad():
        expected = {
            language: torch.cat(
                [without_noise.encoder(subwords)[:, 1] for of, subwords in data.sentences(30) if of == language]
            ).mean(0)
            for language in ("en", "de", "fr")
        }
    module.train()
    finalise_prototypes(module.encoder, data, 30, trainer(tmp_path))
    for language, vector in expected.items():
        torch.testing.assert_close(module.encoder.prototypes.of(language), vector)


# Noise


def test_dropout_depends_on_the_place_in_the_run_and_on_nothing_before(toy, tmp_path):
    found = []
    for noise in (1, 2):
        module, data = built(toy)
        torch.manual_seed(noise)
        found.append(gradients(module, batches(data, 2)[1:], tmp_path))
    for name, gradient in found[0].items():
        assert torch.equal(gradient, found[1][name]), name
