"""Two ranks with half the batch each are one process with the whole of it."""

from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from training import toy as toys
from training.toy import Memory, built, exact, state, trainer
from two_ranks import in_ranks

from mlalign.alignment.objectives import objective_types

EXACT = (
    "align.adversary.dropout=0", "align.adversary.warmup=0", "align.adversary.ramp=0.5",
    "fusion.partner_drop=0.3", "align.learning_rate.backbone=1e-3",
    "align.learning_rate.heads=1e-3", "align.learning_rate.weights=1e-4",
)  # fmt: skip
KINDS = {
    "multilevel": (),
    "literal": ("method=literal", "align.adversary.ramp=0", "fusion.partner_drop=0"),
    "words told apart": (
        "align.adversary.input=token", "losses.adversarial.form=uniform", "align.vocabulary=seen",
    ),
    "discriminator first": (
        "align.adversary.schedule=alternate", "align.adversary.discriminator_steps=2",
        "align.accumulate=2",
    ),
    "accumulated": ("align.accumulate=2", "weighting.per=level"),
    "every third": ("align.word_distribution_every=3", "weighting.form=liebel"),
    **toys.pairs_of(list(objective_types())),
    "two views": ("losses.inter_sentence.view=clean",),
    "mixed rows": (*toys.alone("momentum_contrast"), "losses.momentum_contrast.view=mixed", "align.accumulate=2"),
    "cached": ("method=e5", "align.cached=3"),
    "lora": ("backbone.adapter.form=lora", "backbone.adapter.learning_rate=1e-3"),
    "late words": (
        "losses.inter_sentence.view=clean", "losses.intra_sentence.view=clean", "losses.adversarial.view=clean",
        "align.masked_every=2", "align.word_distribution_every=1", "weighting.form=fixed",
        "losses.masked_words.start=0.5", "losses.word_distribution.start=0.5",
    ),
}  # fmt: skip
OF_EACH = pytest.mark.parametrize(
    "kind", [pytest.param(one, marks=[pytest.mark.long] * (one not in ("multilevel", "mixed rows"))) for one in KINDS]
)


class Middle(L.Callback):
    """Saves a checkpoint when half of the run is done."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, _: int) -> None:
        if batch.place == 1:
            trainer.save_checkpoint(self.path)


def after_training(
    toy: Path,
    folder: Path,
    overrides: tuple[str, ...],
    *,
    saved: Path | None = None,
    resumed: Path | None = None,
) -> tuple[dict[str, Any], list[dict[str, float]]]:
    """State behind four updates in float64, and what was reported on the way."""
    typed = {one.split("=")[0] for one in overrides}
    kept = [one for one in EXACT if one.split("=")[0] not in typed]
    module, data = built(toy, *kept, *overrides)
    memory = Memory()
    callbacks = [] if saved is None else [Middle(saved)]
    loop = trainer(folder, callbacks, loggers=[memory], max_epochs=1, log_every_n_steps=1)
    loop.fit(exact(module), data, ckpt_path=resumed, weights_only=True)
    return state(module), [values for _, values in memory.told if "align/padded_percent" in values]


def each_kind(toy: Path, folder: Path, kinds: list[str], resumed: Path | None = None) -> dict[str, Any]:
    """What is left of each; of several ranks also of the first, from what one process has saved."""
    found = {kind: after_training(toy, folder, KINDS[kind], saved=folder / f"{kind}.ckpt") for kind in kinds}
    if resumed is not None:
        found["resumed"] = after_training(toy, folder, KINDS["multilevel"], resumed=resumed)
    return found


@pytest.fixture(scope="module")
def kinds(request: pytest.FixtureRequest) -> list[str]:
    """The one that is resumed, and those that the chosen tests are of."""
    chosen = {item.callspec.params.get("kind") for item in request.session.items if hasattr(item, "callspec")}
    return [kind for kind in KINDS if kind == "multilevel" or kind in chosen]


@pytest.fixture(scope="module")
def alone(toy: Path, kinds: list[str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("alone")
    return each_kind(toy, folder, kinds) | {"folder": folder}


@pytest.fixture(scope="module")
def ranks(toy: Path, kinds: list[str], alone: Any, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("ranks")
    return in_ranks(2, folder, each_kind, toy, folder, kinds, alone["folder"] / "multilevel.ckpt")


@OF_EACH
def test_two_ranks_end_where_one_process_ends(alone, ranks, kind):
    expected, _ = alone[kind]
    for found in ranks:
        torch.testing.assert_close(found[kind][0], expected, rtol=1e-9, atol=1e-9)


@OF_EACH
def test_the_first_rank_reports_what_one_process_reports(alone, ranks, kind):
    _, expected = alone[kind]
    found = ranks[0][kind][1]
    assert len(found) == len(expected) > 0
    for one, other in zip(found, expected, strict=True):
        assert one.keys() == other.keys()
        for name in one.keys() - {"align/pairs_per_second", "align/padded_percent"}:
            assert one[name] == pytest.approx(other[name], rel=1e-9, abs=1e-9), name


def test_two_ranks_go_on_where_one_process_stopped(alone, ranks):
    expected, reported = alone["multilevel"]
    for found, _ in (rank["resumed"] for rank in ranks):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    assert len(ranks[0]["resumed"][1]) == len(reported) - 2
