"""The price of a step against steps that were measured, and against numbers worked by hand."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from test_configs import composed

from mlalign.config.enums import Precision
from mlalign.config.folder import CONF
from mlalign.config.frozen import freeze
from mlalign.config.schema import Card
from mlalign.cost import VocabularyRows
from mlalign.errors import ConfigError
from mlalign.pricing.backbone import FORMS, StandIn
from mlalign.pricing.device import sheet_of
from mlalign.pricing.model import ERROR, Computed, Shape, kept_bytes, moved_bytes, peak_bytes, seconds
from mlalign.pricing.stages import alignment_price, batches_of
from mlalign.pricing.text import MadeUpText
from mlalign.stages.align import AlignmentStage

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
POOLED = "losses.word_distribution.prediction=pooled"
FORMER = ["method=multilevel_v1"]  # the default of then
SETTINGS = {  # as benchmarks/gpu_steps.py names what it measured
    "pooled": [*FORMER, POOLED],
    "mixture": FORMER,
    "inter_sentence alone": ["method=inter_sentence"],
    "pooled, checkpointing": [*FORMER, POOLED, "backbone.gradient_checkpointing=true"],
}
NOTHING = VocabularyRows(0, 0)
SHAPE = Shape(parameters=1000, learned=1000, saved=1000, embeddings=100, layers=2, width=10, heads=2)


def measured(name: str) -> list[dict]:
    """Of all files that hold it, those before the step was rewritten left out."""
    files = [json.loads((RESULTS / f"gpu_check{which}.json").read_text()) for which in ("", "_profile")]
    return [one["steps"][name] for one in files if name in one["steps"]]


@pytest.fixture(scope="module")
def backbone():
    """Loaded once."""
    made = StandIn(composed("backbone=xlmr", "data=hub"), computes=False).load("eager")

    class Loaded(StandIn):
        def load(self, attention):
            return made

    return Loaded(composed("backbone=xlmr", "data=hub"), computes=False)


@pytest.mark.parametrize(
    "name",
    [pytest.param(one, marks=[pytest.mark.long] * (one not in ("pooled", "inter_sentence alone"))) for one in SETTINGS],
)
def test_the_paper_s_step_is_priced_as_it_was_measured(name, backbone):
    config = composed(
        "experiment=table2_xlmr_ml", "card=h200", "dry_run=true", "data.languages=[de]", "task.languages=[en]",
        *SETTINGS[name],
    )  # fmt: skip
    config = freeze(replace(config, method=replace(config.method, language_tokens=False)))
    text = MadeUpText(config, config.align.max_length)
    stage = AlignmentStage(config, text, backbone, lambda **_: None, precision="32-true")
    module, data, _ = stage.assembled(config, "eager")
    batches = batches_of(module, data, config.align.steps)
    price = alignment_price(config.align, module, batches, batches.most, sheet_of(config))
    found = measured(name)
    assert found
    assert batches.mean.flops == pytest.approx(found[0]["operations_predicted"], rel=0.05)
    for one in found:
        assert price.seconds / config.align.steps == pytest.approx(one["seconds"], rel=ERROR)
        assert price.memory == pytest.approx(one["peak_memory_bytes"], rel=0.15)


def test_known_shapes_have_the_parameters_that_are_published():
    million = {"xlmr": 278, "mbert": 178, "xlmr_large": 560, "xlmv": 779, "labse": 471}
    for name, published in million.items():
        (_, rest), words, layers = FORMS[OmegaConf.load(Path(CONF) / "backbone" / f"{name}.yaml").backbone.name]
        width, deep, inner = layers["hidden_size"], layers["num_hidden_layers"], layers["intermediate_size"]
        by_hand = (words + rest["max_position_embeddings"]) * width + deep * (4 * width**2 + 2 * width * inner)
        assert by_hand / 1e6 == pytest.approx(published, rel=0.01)


def test_memory_by_hand():
    shape = SHAPE
    plain = Computed(bfloat16=False, fused=True)
    kept = kept_bytes(shape, 6, 3, plain)
    assert kept == 6 * (8 * 10 + 24) + 2 * 6 * (72 * 10 + 16)
    again = kept_bytes(shape, 6, 3, replace(plain, checkpointing=True))
    assert again == 6 * (8 * 10 + 24) + 2 * 6 * 10 * 4 + 6 * (72 * 10 + 16)
    written_out = kept_bytes(shape, 6, 3, replace(plain, fused=False))
    assert written_out - kept == 2 * 6 * 12 * 2 * 3
    assert peak_bytes(shape, 10, NOTHING, 0) == 16 * 1000  # gradients, once what is kept is freed
    assert peak_bytes(shape, 10**6, NOTHING, 0) == 12 * 1000 + 10**6
    assert peak_bytes(shape, 10**6, NOTHING, 0, accumulates=True) == 16 * 1000 + 10**6
    assert peak_bytes(replace(shape, learned=0), 7, NOTHING, 0) == 4 * 1000 + 7
    adapted = replace(shape, learned=10, saved=10, embeddings=0)  # under an adapter, whose gradients are small
    assert peak_bytes(adapted, 10**6, NOTHING, 0) == 4 * 1000 + 8 * 10 + 10**6
    assert peak_bytes(adapted, 0, NOTHING, 0) == 4 * 1000 + 12 * 10
    assert (shape.checkpoint, adapted.checkpoint) == (12 * 1000, 12 * 10)
    assert peak_bytes(shape, 10**6, VocabularyRows(0, 3), 50) == 12 * 1000 + 10**6 + 12 * 3 * 50 + 8 * 100


def test_a_mixture_moves_more_than_softmaxes_of_their_own():
    shape = SHAPE
    none, singles, mixed = (
        moved_bytes(shape, 0, rows, 50) for rows in (NOTHING, VocabularyRows(0, 3), VocabularyRows(0, 0, 3))
    )
    assert none < singles < mixed


def test_a_step_takes_at_least_what_its_launches_take():
    assert seconds(1.0, 1.0, 12, rate=1e15, bandwidth=1e12) == seconds(2.0, 2.0, 12, rate=1e15, bandwidth=1e12)
    assert seconds(2e15, 0, 0, rate=1e15, bandwidth=1e12) == 2 * seconds(1e15, 0, 0, rate=1e15, bandwidth=1e12)


def test_a_card_without_bfloat16_takes_float32_and_refuses_the_other():
    config = composed("dry_run=true", "card=t4")
    files = [Path(CONF) / "card" / f"{name}.yaml" for name in ("a100", "h100", "h200")]
    cards = {path.stem: Card(**OmegaConf.load(path)) for path in files}
    assert not sheet_of(config).computed.bfloat16
    both = (Precision.bfloat16, Precision.float32)
    in_bfloat16, in_float32 = (replace(config, trainer=replace(config.trainer, precision=one)) for one in both)
    with pytest.raises(ConfigError, match=r"trainer.precision=bfloat16: card=t4 has none"):
        sheet_of(in_bfloat16)
    for name, card in cards.items():
        assert card.name == name
        assert sheet_of(replace(config, card=card)).computed.bfloat16
        assert sheet_of(replace(in_float32, card=card)).rate == card.float32 < card.bfloat16


def test_a_card_is_for_dry_runs_and_needs_its_numbers():
    with pytest.raises(ConfigError, match="card=h100: only a dry run"):
        composed("card=h100")
    with pytest.raises(ConfigError, match=r"card=mine: card.float32"):
        composed("card.name=mine", "dry_run=true")
