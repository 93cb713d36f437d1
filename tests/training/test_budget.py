"""Budgets: what an alignment spends is what torch counts, and what fits into a budget is what fits by hand."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from datasets import Dataset, Features
from omegaconf import OmegaConf
from torch.utils.flop_counter import FlopCounterMode
from training.toy import aligner, alone, batches, built, built_by, configured, fitted, folder_of, trainer
from typed import call

from mlalign.alignment.assembly import Assembly
from mlalign.alignment.budget import Spent, positions_of, size_of, spending, spent_by, steps_within
from mlalign.alignment.objectives import objective_types
from mlalign.alignment.views import TARGET, build_views
from mlalign.config.enums import BudgetUnit
from mlalign.config.schema import Budget
from mlalign.cost import BatchSize
from mlalign.data.token_cache import FEATURES, Tokenised
from mlalign.errors import ConfigError
from mlalign.models.backbone import vocabulary_size
from mlalign.models.io import RECIPE
from mlalign.pipeline import chained
from mlalign.stages.backbone import Backbone
from mlalign.stages.parallel_text import ParallelText

LENGTH, PAIRS = 9, 24
CASES = {
    "multilevel": (),
    "pooled": ("losses.word_distribution.prediction=pooled", "align.word_distribution_every=3"),
    "mean": ("backbone.pool=mean", "align.adversary.input=token"),
    "turns": (
        "align.adversary.schedule=alternate",
        "align.adversary.discriminator_steps=3",
        "align.adversary.hidden=7",
    ),
    "pair": ("fusion.keys=pair", "fusion.partner_drop=0", "align.adversary.input=language"),
    "literal": ("method=literal",),
    "two views": ("losses.inter_sentence.view=clean",),
    "fewer masked": (
        *(f"losses.{name}.view=clean" for name in ("adversarial", "inter_sentence", "intra_sentence")),
        "align.masked_every=3",
    ),
    "false negatives": ("method=inter_sentence", "losses.inter_sentence.false_negatives=0.1"),
    "infoxlm": ("method=infoxlm",),
    "ppa": ("method=ppa", "losses.momentum_contrast.queue=40"),
    "mao": ("method=mao", "losses.token_reconstruction.weight=2"),
    "strong": ("method=word_contrast_strong",),
    "l2": ("method=word_l2",),
    "english twice": ("method=simcse", "backbone.pool=mean"),
    **{name: alone(name) for name in objective_types() if name != "translation"},
}


def counted(work) -> int:
    """By torch, which by itself leaves a product in place out."""
    in_place = {torch.ops.aten.addmm_: lambda _, one, two, **__: 2 * one[0] * one[1] * two[1]}
    with FlopCounterMode(display=False, custom_mapping=in_place) as counter:
        work()
    return counter.get_total_flops()


def of_equal_length(stage, *, length=LENGTH, pairs=PAIRS):
    """A stage's module and data, on sentences that need no padding."""
    model, tokenizer = stage.backbone.load("eager")
    tables = tables_of_equal_length(length, pairs)
    return Assembly(stage.config).module(model, tokenizer, tables, vocabulary_size(tokenizer))


def tables_of_equal_length(length=LENGTH, pairs=PAIRS):
    random = np.random.default_rng(0)
    rows = {side: random.integers(10, 80, (pairs, length)).tolist() for side in ("source", "target")}
    keys = {"source_key": range(pairs), "target_key": range(pairs, 2 * pairs)}
    links = {"links": [[place for place in range(row % length) for _ in range(2)] for row in range(pairs)]}
    features = Features({**FEATURES, "links": FEATURES["source"]})
    table = Dataset.from_dict({**rows, **keys, **links}, features=features).with_format("arrow")
    lengths = np.full(pairs, length, np.int32)
    return {"de": Tokenised("de", table, lengths, lengths, np.arange(pairs) + 2**62, {}, {})}


@pytest.mark.parametrize("case", CASES)
def test_operations_are_those_that_torch_counts(toy, tmp_path, case):
    stage = aligner(toy, *CASES[case], "data.held_out=0")
    module, data = of_equal_length(stage)
    second = batches(data, 2)[1:]  # in the first one more is reported
    found = counted(lambda: fitted(module, second, tmp_path))
    one, two = itertools.islice(spending(module, data), 2)
    assert two.flops - one.flops == found


def test_the_decoder_of_translations_is_counted_although_torch_counts_no_lstm(toy, tmp_path):
    stage = aligner(toy, "method=t_laser", "data.held_out=0")
    module, data = of_equal_length(stage)
    found = counted(lambda: fitted(module, batches(data, 2)[1:], tmp_path))
    one, two = itertools.islice(spending(module, data), 2)
    (objective,) = module.objectives.values()
    entries = sum(one.numel() for one in objective.decoder.lstm.parameters() if one.dim() == 2)
    positions = 2 * 8 * (LENGTH + 2 - 1)  # of pairs, all but the last one
    assert two.flops - one.flops == found + 6 * positions * entries


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (["method=centred"], "costs"),
        (["method=linear_map", "backbone.pool=mean"], "costs"),
        (["method=embedding_swap", "align.steps=5", "align.accumulate=2"], "budget"),
    ],
)
def test_a_stage_writes_the_operations_that_torch_counts(toy, tmp_path, monkeypatch, words, key):
    config = configured(toy, *words, "data.held_out=0", "data.languages=[de]", "align.language_token_start=random")
    text = ParallelText(config)
    monkeypatch.setattr(text, "tables", lambda tokenizer: tables_of_equal_length())
    (stage,) = chained(config, text, Backbone(config, text), lambda name: trainer, precision="32-true")
    found = counted(lambda: stage.make(tmp_path, tmp_path))
    made = OmegaConf.to_container(OmegaConf.load(tmp_path / RECIPE))
    positions = LENGTH + 2 + (key == "budget")  # with a language token
    if key == "budget":
        assert made[key] == {"steps": 5, "pairs": 80, "tokens": 80 * positions, "flops": found}
    else:
        cost = made[key][config.method.name]
        assert cost == {
            "sentences": 40,
            "tokens": round(40 * positions / 3),
            "flops": found,
            "seconds": made["seconds"],
        }


@pytest.mark.parametrize("view", ["clean", "masked", "english", "tlm", "mixed", "again:mixed", "target:masked"])
def test_positions_of_a_view_are_those_that_it_has(toy, view):
    _, data = built(toy, "method=mlm", "align.batch_size=7")
    data.views = build_views([view.removeprefix(TARGET)], data.layout, configured(toy).align, seed=1)
    (sides,) = batches(data, 1)[0].views.values()
    sides = sides[-1:] if view.startswith(TARGET) else sides
    key = data.sampler(1).key(0, 0)
    found = positions_of(view, size_of(data, key, width=32, mask_rate=0.15))
    assert len(found) == sum(len(side.original) for side in sides)
    assert found.sum() == sum(int(side.subwords.attention_mask.sum()) for side in sides)


def test_either_language_is_the_target_of_every_other_row():
    source, target = np.array([[3, 3, 3, 3], [5, 5, 5, 5]])
    size = BatchSize(source, target, 0 * source, overhead=2, most_joined=64, width=32, mask_rate=0.15)
    assert positions_of("target:either", size).tolist() == [7, 5, 7, 5]
    assert positions_of("target:clean", size).tolist() == [7, 7, 7, 7]
    assert positions_of("target:mixed", size).tolist() == [13, 9]


@pytest.mark.parametrize("unit", ["pairs", "tokens", "flops"])
@pytest.mark.parametrize("settings", [(), ("align.accumulate=2", "losses.inter_sentence.view=clean")])
def test_a_budget_allows_the_most_steps_that_do_not_exceed_it(toy, unit, settings):
    module, data = built(toy, *settings, "align.steps=7")
    accumulate = module.align.accumulate
    sides = [[side for view in batch.views.values() for side in view] for batch in batches(data, 7 * accumulate)]
    spent = list(itertools.islice(spending(module, data), 7))
    by_hand = {
        "pairs": [len(batch[0].original) for batch in sides],
        "tokens": [sum(int(side.subwords.attention_mask.sum()) for side in batch) for batch in sides],
    }
    costs = [getattr(one, unit) for one in spent]
    if unit in by_hand:
        assert costs == np.cumsum(by_hand[unit])[accumulate - 1 :: accumulate].tolist()
    for amount in (costs[0], costs[2] + 1, costs[4] - 1, costs[4]):
        allowed = steps_within(Budget(BudgetUnit(unit), amount), module, data)
        assert allowed == sum(cost <= amount for cost in costs)


def test_a_run_is_longer_than_the_first_batches_that_are_drawn(toy, monkeypatch):
    module, data = built(toy, "align.steps=30")
    expected = spent_by(module, data)
    monkeypatch.setattr("mlalign.alignment.budget.FIRST", 2)
    assert spent_by(module, data) == expected
    assert expected.steps == 30


def test_a_head_that_learns_alone_spends_a_third_of_a_pass_before_the_first_step(toy):
    module, data = built(toy, "method=mlm", "align.steps=2")
    one, two = itertools.islice(spending(module, data), 2)
    module.optimisation = replace(module.optimisation, head_warmup=1)
    late = next(spending(module, data))
    assert late.steps == 1
    assert late.pairs == two.pairs
    assert late.tokens == pytest.approx(one.tokens / 3 + two.tokens - one.tokens, abs=1)


def test_an_encoder_is_known_by_its_steps_however_they_were_asked_for(toy):
    plain = aligner(toy, "align.steps=3")
    spent = spent_by(*built_by(plain))
    for words in (
        ["align.budget.amount=3"],
        ["align.budget.unit=tokens", f"align.budget.amount={spent.tokens}"],
        ["align.budget.unit=flops", f"align.budget.amount={spent.flops + 1}"],
    ):
        assert aligner(toy, *words).recipe == plain.recipe, words
    folder = folder_of(plain)
    made = OmegaConf.to_container(OmegaConf.load(folder / RECIPE))
    assert Spent(**made["budget"]) == spent


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["align.budget.unit=flops"], r"align\.budget\.unit=flops without align\.budget\.amount: how many flops\?"),
        (["align.budget.amount=2.5"], r"align\.budget\.amount=2\.5: expected a whole number of steps"),
        (["align.budget.amount=0"], r"align\.budget\.amount=0\.0: expected above 0"),
    ],
)
def test_a_budget_that_says_nothing_is_refused(toy, words, message):
    with pytest.raises(ConfigError, match=message):
        configured(toy, *words)


def test_a_budget_that_is_spent_before_the_first_step_is_refused(toy):
    with pytest.raises(ConfigError, match=r"align\.budget\.amount=7: the first step costs 8 pairs; give a larger"):
        aligner(toy, "align.budget.unit=pairs", "align.budget.amount=7").recipe  # noqa: B018


def test_steps_and_a_budget_are_not_given_both(tmp_path):
    found = call("train.py", ["align.steps=3", "align.budget.amount=3"], tmp_path)
    assert found.returncode == 2
    assert "align.steps and align.budget.amount are both given" in found.stderr
