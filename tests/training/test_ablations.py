"""An ablation removes what it names and nothing else: seen on gradients and on modules."""

from typing import Any

import pytest
from training.toy import (
    ABLATIONS,
    METHODS,
    REFUSED,
    STILL,
    batches,
    built,
    configured,
    exact,
    gradients,
    same_gradients,
)

from mlalign.errors import ConfigError
from mlalign.losses import UncertaintyWeights

LOSSES = {
    "no_lang": ["adversarial"],
    "no_sent": ["inter_sentence", "intra_sentence"],
    "no_intra": ["intra_sentence"],
    "no_inter": ["inter_sentence"],
    "no_word": ["masked_words", "word_distribution", "word_links"],
    "no_links": ["word_links"],
    "no_mlm": ["masked_words"],
    "no_dist": ["word_distribution"],
    "no_afm": [],
}
SETTING = (*STILL, "align.adversary.warmup=0", "align.adversary.ramp=0", "align.seed=3")
JOINT = ["[no_inter,no_afm]", "[no_lang,no_dist]"]
RUNS = [  # of multilevel_v1, whose parts are those of multilevel, and of literal some in `make test-long` alone
    pytest.param(method, ablation, marks=[pytest.mark.long] * (method == "multilevel_v1" and ablation != "none"))
    for method in METHODS
    for ablation in ("none", *ABLATIONS)
    if (method, ablation) not in REFUSED
]
REMOVED = [
    pytest.param(method, ablation, marks=[pytest.mark.long] * (method == "literal" and ablation not in JOINT))
    for method in ("multilevel", "literal")
    for ablation in (*ABLATIONS, *JOINT)
    if (method, ablation) not in REFUSED
]


def some_of(*chosen: str) -> pytest.MarkDecorator:
    """These in `make test`, all in `make test-long`."""
    return pytest.mark.parametrize(
        "ablation", [pytest.param(one, marks=[pytest.mark.long] * (one not in chosen)) for one in ABLATIONS]
    )


def take_away_by_hand(module: Any, ablation: str) -> None:
    """From the full method, whatever the configuration says of it."""
    chosen = ablation.strip("[]").split(",")
    for name in [loss for one in chosen for loss in LOSSES[one]]:
        if name in module.objectives:
            del module.objectives[name]
    if "no_afm" in chosen or "no_word" in chosen:
        module.encoder.word_fusion = None
    if "no_afm" in chosen:
        module.encoder.sentence_fusion = None
    learned = {name: one for name, one in module.objectives.items() if one.has_learned_weight}
    names = list(dict.fromkeys(one.level if module.per_level else name for name, one in learned.items()))
    module.weighting = UncertaintyWeights(names, form="fixed")


@pytest.mark.parametrize(("method", "ablation"), REMOVED)
def test_the_gradient_is_that_of_the_method_without_it(toy, tmp_path, method, ablation):
    ablated, data = built(toy, f"method={method}", f"ablation={ablation}", *SETTING)
    whole, _ = built(toy, f"method={method}", *SETTING)
    take_away_by_hand(whole, ablation)
    for name, objective in ablated.objectives.items():  # their first values are drawn after those of the fusions
        whole.objectives[name].load_state_dict(objective.state_dict())
    batch = batches(data, 1)  # of the ablated run: unmasked where no word is to be guessed
    found = gradients(exact(ablated), batch, tmp_path)
    expected = gradients(exact(whole), batch, tmp_path)
    frozen = {name for name, one in ablated.named_parameters() if not one.requires_grad}
    same_gradients({name: one for name, one in found.items() if name not in frozen}, expected)
    for name in frozen | (expected.keys() - found.keys()):
        assert expected[name] is None, name


def moved(toy: Any, folder: Any, ablation: str) -> Any:
    """The gradient of the embeddings."""
    module, data = built(toy, f"ablation={ablation}", *SETTING)
    gradients(exact(module), batches(data, 1), folder)
    return module.encoder.backbone.get_input_embeddings().weight.grad


@pytest.fixture(scope="module")
def moved_by_the_whole(toy, tmp_path_factory):
    return moved(toy, tmp_path_factory.mktemp("whole"), "none")


@some_of("no_afm", "no_dist")
def test_the_gradient_is_another_than_the_whole_methods(toy, tmp_path, moved_by_the_whole, ablation):
    assert (moved(toy, tmp_path, ablation) - moved_by_the_whole).abs().max() > 1e-6


@pytest.mark.parametrize(("method", "ablation"), RUNS)
def test_every_trained_parameter_learns_and_the_words_head_is_frozen_where_no_loss_uses_it(
    toy, tmp_path, method, ablation
):
    module, data = built(toy, f"method={method}", f"ablation={ablation}")
    found = gradients(module, batches(data, 1), tmp_path)
    for name, parameter in module.named_parameters():
        assert (found[name] is not None) == parameter.requires_grad, name
    frozen = {name for name, one in module.named_parameters() if not one.requires_grad}
    embeddings = module.encoder.backbone.get_input_embeddings().weight  # tied
    head = {name for name, one in module.named_parameters() if ".lm_head." in name and one is not embeddings}
    used = module.head is not None and method != "literal"  # literal has a head of its own
    fixed = {"weighting.log_variance"} if method == "multilevel" else set()
    assert frozen == (set() if used else head) | fixed


@pytest.mark.parametrize(
    ("method", "ablation"),
    [
        pytest.param(method, ablation, marks=[pytest.mark.long] * (method == "literal" and ablation != "none"))
        for method in ("multilevel", "literal")
        for ablation in ("none", *ABLATIONS)
        if (method, ablation) not in REFUSED
    ],
)
def test_the_parts_are_there_that_are_used(toy, method, ablation):
    module, data = built(toy, f"method={method}", f"ablation={ablation}")
    fused, words = ablation != "no_afm", ablation != "no_word"
    assert ("adversarial" in module.objectives) == (ablation != "no_lang")
    assert (module.encoder.sentence_fusion is not None) == fused
    assert (module.encoder.word_fusion is not None) == (fused and words)
    assert (module.encoder.prototypes is not None) == fused
    assert (module.head is not None) == words
    batch = batches(data, 1)[0]
    masked = ablation not in ("no_word", "no_mlm")
    for side in batch.first:
        assert bool((side.subwords.input_ids != side.original).any()) == masked
        assert bool(side.masked.any()) == masked
    # Language tokens stay in every ablation, and stand where they should.
    tokens = data.layout.language_tokens
    assert set(tokens) == {"en", "de", "fr", "unk"}
    assert set(batch.first.source.subwords.input_ids[:, 1].tolist()) == {tokens["en"]}
    assert set(batch.first.target.subwords.input_ids[:, 1].tolist()) == {tokens[batch.languages[1]]}


def test_the_controls_have_no_language_tokens(toy):
    for method in ("mlm", "inter_sentence"):
        module, data = built(toy, f"method={method}")
        assert data.layout.language_tokens == {}
        assert module.encoder.prototypes is None
        assert batches(data, 1)[0].first.source.subwords.is_content_token[:, 1].all()


@pytest.mark.parametrize(
    ("method", "ablation"),
    [
        pytest.param(*one, marks=[pytest.mark.long] * (one not in (("mlm", "no_mlm"), ("inter_sentence", "no_afm"))))
        for one in sorted(REFUSED)
    ],
)
def test_what_a_method_does_not_have_cannot_be_taken_away(toy, method, ablation):
    with pytest.raises(ConfigError, match=f"ablation={ablation} takes away"):
        configured(toy, f"method={method}", f"ablation={ablation}")


@pytest.fixture(scope="module")
def batches_of_the_whole(toy):
    return batches(built(toy)[1], 3)


@some_of("no_afm", "no_mlm", "no_lang")
def test_an_ablated_method_learns_from_the_same_pairs(toy, batches_of_the_whole, ablation):
    _, data = built(toy, f"ablation={ablation}")
    for one, other in zip(batches(data, 3), batches_of_the_whole, strict=True):
        assert one.languages == other.languages
        for side, expected in zip(one.first, other.first, strict=True):
            assert side.original.equal(expected.original)
