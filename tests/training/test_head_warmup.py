"""A masked-word head that starts at random learns alone first; the encoder stays as it came."""

import pytest
import torch
from training.alignments import Steps
from training.toy import aligner, batches, built_by, fitted, state

from mlalign.models.vocabulary_head import head_parameters, mark_untrained_head


def without_head(toy, *overrides: str):
    """As a sentence encoder comes: its weights held no masked-word head."""
    maker = aligner(toy, "align.head_warmup=3", "align.steps=4", *overrides)
    load = maker.backbone.load

    def loaded(attention):
        model, tokenizer = load(attention)
        head = {id(one) for one in head_parameters(model)}
        mark_untrained_head(model, {k for k, v in model.named_parameters() if id(v) in head})
        return model, tokenizer

    maker.backbone.load = loaded
    return built_by(maker)


@pytest.mark.parametrize("method", ["multilevel_v1", "mlm"])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_only_the_head_moves_before_the_first_step(toy, tmp_path, method, accumulate):
    module, data = without_head(toy, f"method={method}", f"align.accumulate={accumulate}")
    assert data.batches == 7 * accumulate
    before = state(module)
    loop = fitted(module, batches(data, 3 * accumulate), tmp_path)
    assert loop.global_step == 3
    moved = {name for name, value in module.state_dict().items() if not value.equal(before[name])}
    own = {id(one) for one in module.head.untrained}
    expected = {name for name, one in module.named_parameters() if id(one) in own}
    assert expected
    assert moved == {
        name for name, value in module.state_dict().items()
        if value.data_ptr() in {one.data_ptr() for one in module.head.untrained}
    }  # fmt: skip


def test_then_everything_learns_along_the_usual_schedule(toy, tmp_path):
    module, data = without_head(toy, "method=multilevel_v1")
    before, steps = state(module), Steps()
    loop = fitted(module, batches(data, 7), tmp_path, [steps])
    assert loop.global_step == 7
    moved = [name for name, value in state(module).items() if not value.equal(before[name])]
    assert any(".layer.0." in name for name in moved)
    plain, its_data = built_by(aligner(toy, "method=multilevel_v1", "align.steps=4", "align.head_warmup=3"))
    assert its_data.batches == 4  # its head came with the weights
    usual = Steps()
    fitted(plain, batches(its_data, 4), tmp_path, [usual])
    rates = [one["backbone"] for one in steps.rates if "backbone" in one]
    assert rates[3:] == [one["backbone"] for one in usual.rates if "backbone" in one]


def test_the_head_learns_masked_words(toy, tmp_path):
    module, data = without_head(toy, "method=mlm", "align.head_warmup=60")
    batch = batches(data, 1)[0]

    def loss() -> float:
        with torch.no_grad():
            return float(module.objectives["masked_words"](module.encode(batch, batch.views)))

    module.eval()
    before = loss()
    fitted(module, batches(data, 60), tmp_path)
    module.eval()
    assert loss() < before - 0.02


def test_a_head_whose_words_join_later_is_not_trained_alone(toy):
    _, data = without_head(toy, "method=multilevel")
    assert data.batches == 4
