"""What holds for every objective, whatever it computes: a new file in the folder is tested as it is."""

import re
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from training.toy import (
    STILL,
    alone,
    batches,
    built,
    composed_of,
    configured,
    encoded,
    exact,
    gradients,
    same_gradients,
)

from mlalign.alignment.objectives import objective_types, read_by
from mlalign.alignment.validation import check_losses, settings_of
from mlalign.alignment.views import views_read
from mlalign.config.folder import CONF
from mlalign.config.validation import part_names
from mlalign.data.parallel import Side, Sides
from mlalign.data.reads import PARALLEL, PIVOT_SIDE, SIDES, without_lesser
from mlalign.errors import ConfigError

NAMES = list(objective_types())
AMONG_THE_PAIRS = (
    "inter_sentence",
    "intra_sentence",
    "momentum_contrast",
)  # two are the fewest; of others in `make test-long`
WHOLE = {"similarity": "dot", "temperature": 1, "margin": 0}
FILES = sorted((Path(CONF) / "losses").glob("*.yaml"))


@pytest.mark.parametrize(
    ("name", "pairs"),
    [
        pytest.param(name, pairs, marks=[pytest.mark.long] * (pairs == 2 and name not in AMONG_THE_PAIRS))
        for name in NAMES
        for pairs in (2, 8)
    ],
)
def test_its_value_and_gradients_are_finite_and_reach_every_parameter_of_its_own(toy, tmp_path, name, pairs):
    module, data = built(
        toy, *alone(name), f"align.batch_size={pairs}", "align.adversary.warmup=0", "align.adversary.ramp=0"
    )
    (objective,) = module.objectives.values()
    batch = batches(data, 1)[0]
    assert objective(encoded(module, batch)).isfinite()
    found = gradients(module, [batch], tmp_path)
    assert all(one.isfinite().all() for one in found.values() if one is not None)
    assert all(one.grad is not None and one.grad.any() for one in objective.parameters())
    moved = module.encoder.backbone.get_input_embeddings().weight.grad.any()
    assert moved or pairs == 2  # of two pairs Eq. 8 compares one number


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_is_raised(toy, name):
    module, data = built(toy, *alone(name))
    module.to(torch.bfloat16)
    batch = encoded(module, batches(data, 1)[0])
    assert {one.dtype for one in module.encoder.parameters()} == {torch.bfloat16}
    (objective,) = module.objectives.values()
    assert objective(batch).dtype == torch.float32
    if objective.opponent is not None:
        assert objective.opponent_loss(batch).dtype == torch.float32


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_it_is_exported(toy, name):
    module, _ = built(toy, *alone(name))
    parts = {one.split(".")[0] for one in module.encoder.fitted_additions()}
    assert parts <= {"sentence_fusion", "word_fusion", "prototypes"}
    own = {id(one) for part in (module.objectives, module.companions) for one in part.parameters()}
    assert not own & {id(one) for one in module.encoder.parameters()}


@pytest.mark.parametrize("name", NAMES)
def test_an_ablation_takes_it_away(toy, tmp_path, name):
    """What is left has the gradient of a method that never had it, though more was built."""
    other = "inter_sentence" if name != "inter_sentence" else "intra_sentence"
    overrides = (*composed_of(name, other), "method.language_tokens=true", "fusion.form=gated", *STILL)
    whole, _ = built(toy, *overrides)
    ablated, data = built(toy, *overrides, f"+ablation.parts.own=[{name}]")
    assert list(ablated.objectives) == [other]
    del whole.objectives[name]
    whole.weighting = ablated.weighting
    batch = batches(data, 1)
    found = gradients(exact(ablated), batch, tmp_path)
    expected = gradients(exact(whole), batch, tmp_path)
    same_gradients(found, expected)
    assert all(expected[one] is None for one in expected.keys() - found.keys())


@pytest.mark.parametrize("name", NAMES)
def test_its_fixed_weight_multiplies_it(toy, tmp_path, name):
    overrides = (*alone(name), *STILL, "align.adversary.warmup=0", "align.adversary.ramp=0")
    found = []
    for weight in (1.0, 3.0):
        module, data = built(toy, *overrides, f"losses.{name}.weight={weight}")
        found.append(gradients(exact(module), batches(data, 1), tmp_path))
    theirs = {
        f"objectives.{name}.{key}"
        for one in module.objectives.values()
        if one.opponent is not None
        for key, _ in one.named_parameters()
    }
    thrice = {key: one if one is None or key in theirs else 3 * one for key, one in found[0].items()}
    same_gradients(found[1], thrice)


@pytest.mark.parametrize("name", NAMES)
def test_its_docstring_names_its_source(name):
    assert re.search(r"Eqs?\. \d|arXiv:\d{4}\.\d{4,5}", objective_types()[name].__doc__)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_yaml_lists_every_setting(path):
    (name,) = re.findall(r"^# @package losses\.(\w+)", path.read_text(encoding="utf-8"))
    known = {one.name for one in fields(objective_types()[name].Settings)}
    listed = set(OmegaConf.load(path))
    if "defaults" in listed:  # another file lists every setting, this one what differs
        assert (path.parent / f"{name}.yaml").is_file()
        assert listed - {"defaults"} < known
    else:
        assert listed == known


def test_every_objective_has_a_yaml():
    assert part_names("losses") == NAMES


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"inter_sentense": {}}, r"losses\.inter_sentense: no such loss\. Did you mean inter_sentence\?"),
        (
            {"inter_sentence": WHOLE | {"temprature": 1}},
            r"losses\.inter_sentence\.temprature: no such key\. Did you mean temperature\?",
        ),
        ({"intra_sentence": WHOLE}, r"losses\.intra_sentence\.margin: no such key"),
        ({"inter_sentence": {}}, r"losses\.inter_sentence\.similarity.*: a value is needed"),
        ({"masked_words": {"chunk_size": 0}}, r"losses\.masked_words\.chunk_size=0: expected at least 1"),
        ({"masked_words": {"chunk_size": "x"}}, r"losses\.masked_words\.chunk_size: Value 'x'.*Integer"),
    ],
)
def test_wrong_settings_are_refused_by_their_full_key(toy, settings, message):
    config = configured(toy, "method=mlm")
    config = replace(config, losses=settings)
    with pytest.raises(ConfigError, match=message):
        check_losses(config)


def test_checked_settings_are_whole_and_typed(toy):
    config = configured(toy, "method=mlm")
    config = replace(config, losses={"inter_sentence": WHOLE, "masked_words": None})
    checked = check_losses(config).losses
    expected = {"weight": 1.0, "view": "clean", "similarity": "dot", "temperature": 1.0, "margin": 0.0}
    expected |= {"false_negatives": None}
    assert checked == {"inter_sentence": expected}
    assert isinstance(checked["inter_sentence"]["temperature"], float)


# Views


def test_a_view_is_made_where_it_is_read_and_masks_where_they_are_predicted(toy):
    def views(*overrides: str) -> list[str]:
        losses = configured(toy, *overrides).losses
        return views_read([settings_of(name, settings).needs() for name, settings in losses.items()])

    clean = ("losses.inter_sentence.view=clean", "losses.intra_sentence.view=clean")
    assert views() == ["masked"]
    assert views(*clean) == ["masked", "clean"]
    assert views("ablation=no_mlm") == views("ablation=no_mlm", *clean) == ["clean"]
    _, data = built(toy, *clean)
    assert list(batches(data, 1)[0].views) == ["masked", "clean"]


def test_a_sentence_loss_of_clean_text_is_that_of_a_method_without_masks(toy):
    module, data = built(toy, "losses.inter_sentence.view=clean")
    module.eval()
    passes = []
    module.encoder.register_forward_hook(lambda *_: passes.append(1))
    batch = encoded(module, batches(data, 1)[0])
    assert len(passes) == 2
    _, unmasked = built(toy, "ablation=no_mlm")
    expected = encoded(module, batches(unmasked, 1)[0])
    inter, intra = (module.objectives[name] for name in ("inter_sentence", "intra_sentence"))
    assert inter(batch).equal(inter(expected))
    assert not intra(batch).equal(intra(expected))  # which still reads the masked text


# What is read


def test_what_reads_unpaired_sides_does_not_know_which_sentences_translate_each_other(toy):
    names = {name for name, kind in objective_types().items() if kind.text == SIDES}
    assert names == {"adversarial", "dict_mlm", "masked_words"}  # of these dict_mlm draws labels by the place of a row
    module, data = built(toy, *composed_of("adversarial", "inter_sentence", "masked_words"))
    batch = batches(data, 1)[0]
    exact(module)
    paired_otherwise = {view: Sides(sides[0], turned(sides[1])) for view, sides in batch.views.items()}
    for name, objective in module.objectives.named().items():
        losses = [objective(encoded(module, one)) for one in (batch, batch._replace(views=paired_otherwise))]
        assert torch.isclose(*losses, rtol=1e-9) == (name in names), name


def turned(side: Side) -> Side:
    """The same rows, each where the one before was."""
    rows = torch.arange(len(side.original)).roll(1)
    return Side(side.subwords.rows(rows), side.original[rows], side.masked[rows], side.is_content_token[rows])


def test_a_run_reads_what_the_most_seeing_of_its_losses_does(toy):
    config = configured(toy, "method=mlm")

    def reads(*losses: str, fusion: str = "off", lexicon: str | None = None) -> set[str]:
        changed = replace(config, losses={one: {} for one in losses}, data=replace(config.data, lexicon=lexicon))
        return without_lesser(read_by(replace(changed, fusion=replace(config.fusion, form=fusion))))

    assert reads() == set()
    assert reads("dropout_contrast") == {PIVOT_SIDE}
    assert reads("dropout_contrast", "masked_words") == reads("adversarial") == {SIDES}
    assert reads("masked_words", "inter_sentence") == reads("masked_words", fusion="gated") == {PARALLEL}
    assert reads("dict_mlm", lexicon="de.txt") == {SIDES, "dictionary"}
    assert reads("dict_mlm", lexicon="induced") == {PARALLEL, "dictionary"}
