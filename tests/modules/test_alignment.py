"""Updates, learning rates, clipping and what is reported of a run."""

import math
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from modules.toy import STILL, Memory, batches, built, exact, fitted, gradients, state, trainer
from torch.utils.data import DataLoader

from mlalign import pipeline
from mlalign.errors import TrainingError
from mlalign.losses import clamped_entries
from mlalign.modules import alignment
from mlalign.modules.alignment import AlignmentModule

AT_ONCE = ("align.adversary.warmup=0", "align.adversary.ramp=0", "fusion.partner_drop=0", *STILL)


class Steps(L.Callback):
    """What each player steps with: rates, and gradients by the name of their group."""

    def __init__(self) -> None:
        self.rates: list[dict[str, float]] = []
        self.gradients: dict[str, list[list[torch.Tensor]]] = {}
        self.passes: list[int] = []
        self.global_steps: list[int] = []

    def on_train_start(self, trainer: Any, module: Any) -> None:
        module.encoder.register_forward_hook(lambda *_: self._count())
        for optimizer in trainer.optimizers:
            optimizer.register_step_post_hook(self._note)  # as it was clipped

    def on_train_batch_start(self, *_: Any) -> None:
        self.passes.append(0)

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        self.global_steps.append(trainer.global_step)

    def _count(self) -> None:
        self.passes[-1] += 1

    def _note(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        self.rates.append({group["name"]: group["lr"] for group in optimizer.param_groups})
        for group in optimizer.param_groups:
            copies = [parameter.grad.clone() for parameter in group["params"]]
            self.gradients.setdefault(group["name"], []).append(copies)

    def norm(self, step: int, *groups: str) -> float:
        squares = [g.square().sum() for name in groups for g in self.gradients[name][step]]
        return math.sqrt(sum(map(float, squares)))


def stepped(toy: Path, folder: Path, *overrides: str) -> tuple[AlignmentModule, Steps, L.Trainer]:
    module, data = built(toy, *overrides)
    steps = Steps()
    loop = fitted(module, batches(data, data.batches), folder, [steps])
    return module, steps, loop


def aligned(toy: Path, folder: Path, *overrides: str, curves: int = 2) -> Memory:
    module, data = built(toy, *overrides)
    memory = Memory()
    pipeline.align(
        module,
        data,
        folder=folder,
        curves=curves,
        prototype_sentences=20,
        trainer=lambda *, folder, callbacks, **stage: trainer(
            folder, callbacks, loggers=[memory], **stage
        ),
        resume_from=folder,
    )
    return memory


# Updates


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize(
    ("overrides", "discriminator"),
    [
        ([], 1),
        (["ablation=no_lang"], 0),
        (["method=mlm"], 0),
        (["align.adversary.schedule=alternate", "align.adversary.discriminator_steps=3"], 3),
    ],
)
def test_global_step_counts_the_generators_updates(
    toy, tmp_path, overrides, discriminator, accumulate
):
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
    settings = ("align.pairs=6", *AT_ONCE)
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
        elif name.startswith("game."):
            expected = 4e-3
        elif name.startswith("weighting."):
            expected = 5e-7 * 20000 / 4
        elif "fusion" in name or name.startswith("head."):
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
        assert {id(one) for one in group["params"]} == {id(one) for one in module.game.parameters()}
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
            for language, side in zip(batch.languages, (batch.source, batch.target), strict=True):
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
                [
                    without_noise.encoder(subwords)[:, 1]
                    for of, subwords in data.sentences(30)
                    if of == language
                ]
            ).mean(0)
            for language in ("en", "de", "fr")
        }
    module.train()
    pipeline.finalise_prototypes(module.encoder, data, 30, trainer(tmp_path))
    for language, vector in expected.items():
        torch.testing.assert_close(module.encoder.prototypes.of(language), vector)


# What is reported


def test_what_is_reported_is_read_beside_what_it_means(toy, tmp_path):
    memory = aligned(toy, tmp_path, "align.steps=12", curves=2)
    reports = {step: told for step, told in memory.told if "align/in_batch_accuracy" in told}
    assert list(reports) == [0, 10]
    for told in reports.values():
        assert told["align/discriminator/chance"] == math.log(2)
        for name in (
            "adversarial", "discriminator", "inter_sentence", "intra_sentence",
            "masked_words", "word_distribution",
        ):  # fmt: skip
            assert told[f"align/loss/{name}"] >= 0
        assert {name for name in told if name.startswith("align/weight/")} == {
            f"align/weight/{name}"
            for name in ("inter_sentence", "intra_sentence", "masked_words", "word_distribution")
        }
        assert 0 <= told["align/in_batch_accuracy"] <= 100
    assert reports[0]["align/weight/inter_sentence"] == 1
    curves = [(step, told) for step, told in memory.told if "held_out/retrieval/mean" in told]
    assert [step for step, _ in curves] == [5, 11]
    for _, told in curves:
        both = (told["held_out/retrieval/de"] + told["held_out/retrieval/fr"]) / 2
        assert told["held_out/retrieval/mean"] == pytest.approx(both)
    # The losses are those of that batch, before any weight: the first one's, made again.
    module, data = built(toy, "align.steps=12")
    found = {}
    module.report = lambda pair, losses, place: found.update(losses)
    fitted(module, batches(data, 1), tmp_path)
    for name, loss in found.items():
        assert reports[0][f"align/loss/{name}"] == pytest.approx(loss.item()), name


def test_a_report_is_told_once(toy, tmp_path):
    memory = aligned(toy, tmp_path, "align.steps=12", curves=1)
    assert [step for step, told in memory.told if "align/in_batch_accuracy" in told] == [0, 10]


def test_a_run_that_breaks_ends_at_once(toy, tmp_path):
    module, data = built(toy, "align.steps=21", "ablation=no_word")
    with torch.no_grad():
        module.encoder.sentence_fusion.gate.fill_(math.nan)
    with pytest.raises(TrainingError, match="loss/inter_sentence is nan"):
        fitted(module, batches(data, 21), tmp_path)


def test_health_holds_the_last_report_against_the_held_out_pairs(toy, tmp_path, monkeypatch):
    seen: list[tuple[float, dict[str, float]]] = []
    monkeypatch.setattr(
        alignment.Health,
        "compare",
        lambda health, measures: seen.append((health._in_batch, measures)),
    )
    memory = aligned(toy, tmp_path, "align.steps=12", curves=2)
    reported = [one["align/in_batch_accuracy"] for _, one in memory.told if "epoch" not in one]
    curves = [one for _, one in memory.told if "held_out/retrieval/mean" in one]
    assert [in_batch for in_batch, _ in seen] == reported
    for (_, measures), told in zip(seen, curves, strict=True):
        assert {name: told[f"held_out/{name}"] for name in measures} == pytest.approx(measures)
    _, data = built(toy, "align.steps=12")
    assert {measures["chance"] for _, measures in seen} == {100 / len(data.kept_out["fr"])}


def test_every_curve_point_has_all_measures(toy, tmp_path):
    memory = aligned(toy, tmp_path, "align.steps=12", curves=2)
    curves = [one for _, one in memory.told if "held_out/retrieval/mean" in one]
    for name in ("to_target", "to_source", "similarity", "alignment", "uniformity"):
        for language in ("de", "fr", "mean"):
            assert math.isfinite(curves[-1][f"held_out/{name}/{language}"]), name
    assert math.isfinite(curves[-1]["held_out/prototype_cosine/de"])
    both = (curves[-1]["held_out/to_target/de"] + curves[-1]["held_out/to_source/de"]) / 2
    assert curves[-1]["held_out/retrieval/de"] == pytest.approx(both)
    reports = [one for _, one in memory.told if "align/in_batch_accuracy" in one]
    assert all(0 <= one["align/clamped_share"] <= 100 for one in reports)


def test_the_share_of_clamped_entries_is_counted(toy):
    module, data = built(toy, "losses.intra_sentence.temperature=0.00001")
    pair = module.encoded(batches(data, 1)[0])
    size = len(pair.same)
    counted = clamped_entries(
        pair.source.sentence, pair.target.sentence, similarity="cosine", temperature=0.00001
    )
    assert counted > 0
    assert module.measures["clamped_share"](pair) == pytest.approx(100 * counted / size**2)
    assert not built(toy, "ablation=no_intra")[0].measures


def test_speed_counts_only_what_was_done_since_the_last_report(toy, tmp_path):
    module, data = built(toy, "align.steps=40")
    memory = Memory()
    loop = trainer(tmp_path, loggers=[memory], max_epochs=1)
    late = [batch for batch in batches(data, 31) if batch.place in (20, 30)]  # a resumed run
    loop.fit(module, DataLoader(late, batch_size=None, collate_fn=lambda batch: batch))
    told = [told.get("align/pairs_per_second") for _, told in memory.told]
    assert told[0] is None
    assert told[1] > 0


def test_curves_score_pairs_that_are_never_trained_on(toy):
    _, data = built(toy, "align.steps=40")
    held = {
        (batch.language, key)
        for batch in data.val_dataloader()
        for key in batch.source_keys.tolist()
    }
    trained = {
        (language, key)
        for language, rows in data.trained.items()
        for key in data.tables[language].source_keys[rows].tolist()
    }
    assert held
    assert not held & trained


def test_dropout_depends_on_the_place_in_the_run_and_on_nothing_before(toy, tmp_path):
    found = []
    for noise in (1, 2):
        module, data = built(toy)
        torch.manual_seed(noise)
        found.append(gradients(module, batches(data, 2)[1:], tmp_path))
    for name, gradient in found[0].items():
        assert torch.equal(gradient, found[1][name]), name
