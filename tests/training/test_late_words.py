"""Word losses that begin later than the others, and read fewer pairs."""

import pytest
import torch
from training.toy import batches, built, composed_of, configured, exact, fitted, state

from mlalign.alignment.budget import spent_by, steps_within
from mlalign.alignment.validation import check_losses
from mlalign.commands.devices import refuse_unshared
from mlalign.config.enums import BudgetUnit
from mlalign.config.schema import Budget
from mlalign.errors import ConfigError

UNMASKED = tuple(f"losses.{name}.view=clean" for name in ("adversarial", "inter_sentence", "intra_sentence"))
FEWER = (*UNMASKED, "align.masked_every=4", "weighting.form=fixed")


def late(start: float) -> tuple[str, ...]:
    return (*FEWER, *(f"losses.{name}.start={start}" for name in ("masked_words", "word_distribution")))


def test_the_masked_view_has_every_so_many_th_pair(toy):
    _, data = built(toy, *FEWER)
    (batch,) = batches(data, 1)
    for masked, clean in zip(batch.views["masked"], batch.views["clean"], strict=True):
        width = masked.subwords.width
        assert masked.original.equal(clean.original[::4, :width])
        assert masked.masked.any(1).all()
        assert not clean.masked.any()


def test_until_they_begin_nothing_is_masked_and_nothing_else_is_learned(toy, tmp_path):
    module, data = built(toy, *late(0.9))
    read = []
    update = module.update_prototypes
    module.update_prototypes = lambda batch: (read.append(set(batch.pairs)), update(batch))
    waiting, whole = exact(module), state(module)
    fitted(waiting, batches(data, 3), tmp_path)
    assert read == [{"clean"}] * 3
    parts = {name: value for name, value in module.named_parameters() if "word_fusion" in name or "transform" in name}
    assert parts
    assert all(value.equal(whole[name]) for name, value in parts.items())
    without, other = built(toy, *(one for one in FEWER if "masked" not in one), "ablation=no_word")
    without = exact(without)
    without.load_state_dict({k: v for k, v in whole.items() if "log_variance" not in k}, strict=False)
    fitted(without, batches(other, 3), tmp_path)
    for name, value in without.encoder.named_parameters():
        torch.testing.assert_close(value, module.encoder.get_parameter(name), rtol=1e-12, atol=1e-14, msg=name)


def test_they_begin_at_their_share_of_the_run(toy, tmp_path):
    module, data = built(toy, *late(0.5), "align.steps=4")
    losses = []
    module.watch = lambda found, place: losses.append(set(found))
    fitted(exact(module), batches(data, 4), tmp_path)
    words = {"masked_words", "word_distribution"}
    assert [bool(found & words) for found in losses] == [False, False, True, True]


@pytest.mark.parametrize("unit", [pytest.param(BudgetUnit.tokens, marks=pytest.mark.long), BudgetUnit.flops])
def test_a_budget_knows_when_they_begin(toy, unit):
    module, data = built(toy, *late(0.5), "align.steps=10")
    early, _ = built(toy, *late(0.0), "align.steps=10")
    spent, more = (getattr(spent_by(one, data), unit.value) for one in (module, early))
    assert spent < more
    assert steps_within(Budget(unit, spent), module, data) == 10
    assert steps_within(Budget(unit, spent - 1), module, data) == 9


def test_what_cannot_be_is_refused(toy):
    with pytest.raises(ConfigError, match=r"start=0.5 with weighting.form=kendall.*set weighting.form=fixed"):
        check_losses(configured(toy, "losses.masked_words.start=0.5"))
    with pytest.raises(ConfigError, match=r"masked_every=2 with losses.in.*set losses.in\w+.view=clean"):
        check_losses(configured(toy, "align.masked_every=2"))
    linked = (*composed_of("masked_words", "word_links"), "losses.word_links.view=masked", "align.masked_every=2")
    with pytest.raises(ConfigError, match=r"masked_every=2 with losses.word_links, which reads all pairs"):
        configured(toy, *linked)
    late_alone = ("method=mlm", "weighting.form=fixed", "losses.masked_words.start=0.5")
    with pytest.raises(ConfigError, match=r"words.start=0.5: until then nothing is learned; set losses.masked_words"):
        configured(toy, *late_alone)
    with pytest.raises(ConfigError, match=r"masked_every=4 leaves 3 of align.batch_size=12 pairs, no multiple of 2"):
        refuse_unshared(configured(toy, *FEWER, "align.batch_size=12"), 2)
