"""Every file in conf/ composes, and what a user mistypes is refused in one message."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import composing
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf
from typed import call, start

from mlalign.config.folder import CONF
from mlalign.config.hydra import resolve
from mlalign.config.schema import Train
from mlalign.config.validation import present
from mlalign.errors import ConfigError
from mlalign.stages.run_folder import run_folder
from mlalign.stages.validation import check_parts

TOGETHER = (  # groups that have nothing to do with each other: one choice of each is composed at once
    ("losses", "backbone", "tuning", "data", "trainer", "logger", "card"),
    ("task", "ablation"),
    ("method",),
)
NEEDED = {  # by some choices
    ("data", "files"): ["data.root=somewhere", "data.parallel=[tatoeba]"],
    ("backbone", "custom"): ["backbone.name=some/encoder"],
    ("tuning", "cross_align"): ["task=panx"],
    ("losses", "literal_inter_sentence"): ["align.masked_every=1"],
    ("losses", "literal_intra_sentence"): ["align.masked_every=1"],
    ("losses", "masked_inter_sentence"): ["align.masked_every=1"],
    ("losses", "masked_intra_sentence"): ["align.masked_every=1"],
    ("losses", "mao_inter_sentence"): ["align.masked_every=1"],
    ("losses", "mao_intra_sentence"): ["align.masked_every=1"],
    ("losses", "momentum_contrast"): ["align.masked_every=1"],
    **{("card", name): ["dry_run=true"] for name in ("a100", "h100", "h200", "t4")},
    ("losses", "dict_mlm"): ["data.lexicon=induced"],
    **{("losses", f"late_{name}"): [f"losses.{name}.start=0"] for name in ("masked_words", "word_distribution")},
    **{("losses", name): ["data.links=ibm1"] for name in ("word_links", "strong_word_links", "close_word_links")},
}


def choices(group: str) -> list[str]:
    return sorted(path.stem for path in (Path(CONF) / group).glob("*.yaml"))


def composed(*overrides: str) -> Train:
    return check_parts(resolve(composing.composed(*overrides)))


def rows(groups: tuple[str, ...]) -> list[tuple[tuple[str, str], ...]]:
    """Group and choice, so often that each choice is in one row; LASER's encoder learns nothing, so not with losses."""
    found = itertools.zip_longest(
        *([(group, one) for one in choices(group) if one != "laser" or group != "backbone"] for group in groups)
    )
    return [tuple(one for one in row if one) for row in found]


@pytest.mark.parametrize(  # every method is composed in tests/training/test_methods.py, too
    "row",
    [
        pytest.param(row, id=" ".join(map("=".join, row)), marks=[pytest.mark.long] * (groups == ("method",)))
        for groups in TOGETHER
        for row in rows(groups)
    ],
)
def test_every_choice_of_every_group_composes(row):
    config = composed(*map("=".join, row), *(word for one in row for word in NEEDED.get(one, [])))
    assert isinstance(config, Train)


def test_the_encoder_that_is_not_trained_composes():
    assert composed("backbone=laser", "backbone.path=some/folder", "method=none").backbone.name == "laser"


@pytest.mark.parametrize(  # that an ablation composes with a method is seen below, its row in docs/systems.md
    "name", [pytest.param(one, marks=[pytest.mark.long] * ("_no_" in one)) for one in choices("experiment")]
)
def test_every_experiment_composes(name):
    config = composed(f"experiment={name}", "data.root=ROOT")
    assert config.data.source in ("files", "hub")


def test_backbones_and_tasks_compose_in_any_pair():
    """No key is set by both, so that a pair is what its two halves are, as this one is."""
    keys = {
        group: {key for choice in choices(group) for key in keys_of(Path(CONF) / group / f"{choice}.yaml")}
        for group in ("backbone", "task")
    }
    assert not keys["backbone"] & keys["task"]
    config = composed("backbone=xlmr", "task=panx")
    assert (config.backbone, config.task) == (composed("backbone=xlmr").backbone, composed("task=panx").task)


def keys_of(path: Path) -> set[str]:
    """Full keys that a file sets; that of a dictionary or list without the keys in it."""

    def flat(node: DictConfig, prefix: str) -> Iterator[str]:
        for name in node:
            if prefix.count(".") < 1 and isinstance(node._get_node(name), DictConfig):
                yield from flat(node[name], f"{prefix}{name}.")
            else:
                yield f"{prefix}{name}"

    return set(flat(OmegaConf.load(path), ""))


@pytest.mark.parametrize(
    "methods",
    [["multilevel"], pytest.param(choices("method"), marks=pytest.mark.long)],
    ids=["the default", "every method"],
)
def test_an_ablation_takes_away_what_it_names_or_is_refused_for_the_lack_of_it(methods):
    removed = {}
    refused = ("mlm", "no_inter")
    for method, ablation in {refused, *itertools.product(methods, choices("ablation"))}:
        whole = composing.composed(f"method={method}", f"ablation={ablation}")
        had = set(present(whole.losses))
        named = {name for part in whole.ablation.parts.values() for name in part}
        taken = {one.removesuffix("?") for one in named if not one.endswith("?") or one[:-1] in had} - {"fusion"}
        fused = whole.fusion.form.value != "off"
        possible = taken <= had and ("fusion" not in named or fused)
        if possible and (had != taken or not had):
            assert set(present(resolve(whole).losses)) == had - taken
            removed[method, ablation] = taken
        else:
            with pytest.raises(ConfigError, match=f"ablation={ablation}"):
                resolve(whole)
    assert len([key for key in removed if key[0] == "multilevel"]) == 10


def test_an_ablation_is_applied_after_everything_the_user_typed():
    config = composed("ablation=no_afm", "fusion.form=sigmoid")
    assert config.fusion.form == "off"


@pytest.mark.parametrize(
    ("typed", "name", "without", "fusion"),
    [
        ("[no_afm,no_inter]", "no_afm+no_inter", ["inter_sentence"], False),
        pytest.param("[no_inter,no_afm]", "no_afm+no_inter", ["inter_sentence"], False, marks=pytest.mark.long),
        (
            "[no_mlm,no_lang,no_dist]",
            "no_dist+no_lang+no_mlm",
            ["adversarial", "masked_words", "word_distribution"],
            True,
        ),
        ("[no_afm,no_afm]", "no_afm", [], False),
        ("[none,no_afm]", "no_afm", [], False),
        pytest.param("[no_afm,none]", "no_afm", [], False, marks=pytest.mark.long),
        pytest.param("[no_inter]", "no_inter", ["inter_sentence"], True, marks=pytest.mark.long),
        ("[]", "none", [], True),
    ],
)
def test_several_ablations_are_one_named_by_all_of_them(typed, name, without, fusion):
    config = composed(f"ablation={typed}")
    assert (config.ablation.name, config.ablation.fusion) == (name, fusion)
    assert config.ablation.without == without
    assert set(present(config.losses)) == set(present(composed().losses)) - set(without)
    assert (config.fusion.form == "off") == (not fusion)
    assert run_folder(config).name.startswith("tiny-multilevel-" + ("" if name == "none" else f"{name}-") + "seed1-")


def test_the_order_in_which_ablations_are_typed_makes_no_other_run():
    folders = {run_folder(composed(f"ablation=[{one}]")) for one in ("no_afm,no_lang", "no_lang,no_afm")}
    assert len(folders) == 1


def test_an_ablation_of_ones_own_is_named_too():
    config = composed("ablation=no_afm", "+ablation.parts.no_games=[adversarial]")
    assert config.ablation.name == "no_afm+no_games"
    assert "adversarial" not in config.losses


def test_norwegian_survives():
    assert composed("data.languages=['no',de]").data.languages == ["no", "de"]
    assert composed('task.languages=["no"]').task.languages == ["no"]


def test_seeds_of_the_stages_follow_the_seed_unless_set():
    config = composed("seed=7", "finetune.seed=3")
    assert (config.align.seed, config.finetune.seed) == (7, 3)


def test_other_losses_can_be_chosen_for_every_method():
    for name in choices("method"):
        assert "losses" not in OmegaConf.load(Path(CONF) / "method" / f"{name}.yaml"), name
    assert list(composed("method=mao", "losses=[masked_words]").losses) == ["masked_words"]


def test_the_weight_of_a_sum_over_the_batch_follows_the_batch():
    for size in (20, 96):
        losses = composed("method=mao", f"align.batch_size={size}").losses
        assert losses["intra_sentence"]["weight"] == 2.0 * size
    assert composed("method=mao", "losses.intra_sentence.weight=7").losses["intra_sentence"]["weight"] == 7.0


def test_losses_can_be_chosen_and_their_settings_typed():
    config = composed(
        "method=none", "method.stages=[align]", "losses=[inter_sentence]", "losses.inter_sentence.margin=0.3"
    )
    assert present(config.losses) == ["inter_sentence"]
    assert config.losses["inter_sentence"]["margin"] == 0.3


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ("method=none ablation=no_inter", ["no_inter", "inter_sentence", "method=none"]),
        ("method=inter_sentence ablation=no_inter", ["takes away all", "method=none"]),
        ("method=none ablation=no_afm", ["fusion", "method=none"]),
        ("losses.inter_sentence.temperature=0", ["losses.inter_sentence.temperature", "above 0"]),
        ("data.max_ratio=inf", ["data.max_ratio=inf", "finite"]),
        ("align.batch_size=1", ["align.batch_size=1", "at least 2"]),
        ("align.mask_rate=1.5", ["align.mask_rate", "share"]),
        ("fusion.form=gated method=mlm", ["fusion.form", "method.language_tokens"]),
        ("method=none method.stages=[align]", ["method.stages=['align']", "method=none", "no losses"]),
        ("method=mlm method.stages=[]", ["masked_words", "method.stages=[]", "nothing trains"]),
        ("method=mlm finetune.representation=self", ["finetune.representation=self", "fusion"]),
        (
            "method=multilevel_v1 losses.adversarial.form=minimax align.adversary.weighted=true",
            ["minimax", "align.adversary.weighted"],
        ),
        ("align.adversary.discriminator_steps=3", ["alternate"]),
        ("fusion.keys=pair", ["fusion.partner_drop"]),
        ("data=files data.root=x", ["data.parallel", "value is needed"]),
        ("data.languages=[en,de]", ["data.languages", "English"]),
        ("data.languages=[de,de]", ["twice"]),
        ("data=files data.root=x data.parallel=[flores-sib] task=sib200", ["flores-sib", "sib200"]),
        ("resume=no/such/folder", ["resume=no/such/folder"]),
        ("backbone=custom", ["backbone=custom", "backbone.path=FOLDER", "backbone.name="]),
        ("backbone=laser method=none", ["backbone=laser", "backbone.path=FOLDER", "laser2.pt"]),
        ("backbone=laser backbone.path=x", ["backbone=laser", "method=multilevel", "method=none"]),
        ("backbone=laser backbone.path=x method=none backbone.pool=mean", ["backbone.pool=max"]),
        ("backbone=laser backbone.path=x method=none task=panx", ["task=panx", "about words"]),
        ("task=panx finetune.head.form=conv", ["finetune.head.form=conv", "task=panx", "linear or mlp"]),
        ("finetune.head.width=2", ["finetune.head.width=2", "odd number"]),
        ("task=pawsx finetune.windows=true", ["finetune.windows=true", "task=pawsx", "single texts"]),
        ("task=xnli finetune.windows=true", ["finetune.windows=true", "task=xnli"]),
        ("task=panx finetune.windows=true", ["finetune.windows=true", "task=panx"]),
        ("finetune.windows=true finetune.head.form=conv", ["finetune.windows=true", "averaged"]),
        ("backbone.dropout=1", ["backbone.dropout=1.0", "[0, 1)"]),
        ("backbone.path=somewhere", ["backbone.path=somewhere", "backbone=tiny", "custom"]),
        ("backbone.width=130", ["backbone.width=130", "backbone.heads"]),
        ("+trainer.options.max_steps=3", ["trainer.options.max_steps", "align.steps"]),
        ("+trainer.options.benchmrk=true", ["benchmrk", "Did you mean benchmark"]),
        ("+align.foo=1", ["align.foo"]),
        ("+ablation.parts.mine=[inter_sentense]", ["Did you mean inter_sentence"]),
        ("ablation.without=[inter_sentence]", ["ablation.without", "+ablation.parts.NAME"]),
        ("ablation=[no_sent,no_inter]", ["no_inter+no_sent", "no_inter and no_sent both"]),
        ("ablation=[no_word,no_sent,no_lang]", ["no_lang+no_sent+no_word takes away all"]),
        ("method=mlm ablation=[no_lang,no_mlm]", ["no_lang+no_mlm takes away adversarial"]),
    ],
)
def test_contradictions_and_values_out_of_range_are_refused(overrides, words):
    with pytest.raises(ConfigError) as caught:
        composed(*overrides.split())
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("aligm.steps=3", ["aligm", "Did you mean align"]),
        ("align.stesp=3", ["align.stesp", "Did you mean steps"]),
        (
            "losses.inter_sentence.temperature=abc",
            ["losses.inter_sentence.temperature", "'abc'", "Float"],
        ),
        ("losses.inter_sentence.temp=1", ["losses.inter_sentence.temp", "temperature"]),
        ("losses.intra_sentence.similarity=cosin", ["cosin", "cosine, dot, scaled_dot"]),
        ("ablation=no_aff", ["ablation=no_aff", "Did you mean no_afm", "no_dist"]),
        ("losses=[inter_sentence,foo]", ["losses=foo", "masked_words"]),
        ("trainer.precision=16-mixed", ["trainer.precision", "bfloat16"]),
        ("seed=abc", ["seed", "Integer"]),
        ("lr=1e-5", ["There is", "align.learning_rate.backbone", "finetune.learning_rate"]),
        ("align.lr=1e-5", ["align.lr: no such key. There is align.learning_rate"]),
        ("temperature=0.1", ["There is", "losses.inter_sentence.temperature"]),
        ("align.learning_rate=5e-6", ["a group of keys", "align.learning_rate.backbone"]),
        ("method.stages=[algn]", ["method.stages", "algn", "align"]),
        ("method=none losses.inter_sentence.margin=0.1", ["does not have"]),
        ("align.steps", ["align.steps"]),
        ("backbone=/a/folder", ["backbone=custom backbone.path=/a/folder"]),
        ("backbone=some/encoder", ["backbone=custom backbone.name=some/encoder"]),
        ("backbone=bert-base-multilingual-cased", ["backbone=mbert"]),
        ("backbone=xlmrr", ["Did you mean xlmr", "backbone=custom", "backbone.path=FOLDER"]),
        ("-m method=none ablation=no_afm,no_inter", ["run 0", "run 1", "ablation=no_inter"]),
        ("-m ablation=none,no_aff", ["no_aff", "no_afm"]),
    ],
)
def test_a_mistake_ends_in_one_message_and_status_two(typed, words, tmp_path):
    ended = call("train.py", typed.split(), tmp_path)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    for word in words:
        assert word in ended.stderr


def test_a_mistake_ends_a_process_of_its_own_with_status_two_and_a_traceback_if_that_is_asked_for(tmp_path):
    ended = start("train.py", ["aligm.steps=3"], tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[0].startswith("ConfigError: aligm")
    assert "Traceback" not in ended.stderr
    ended = start("train.py", ["aligm.steps=3"], tmp_path, HYDRA_FULL_ERROR="1")
    assert ended.returncode == 1
    assert "Traceback" in ended.stderr


def test_help_lists_the_groups(tmp_path):
    ended = call("train.py", ["--help"], tmp_path)
    assert ended.returncode == 0
    for word in ("backbone: ", "no_afm", "multilevel", "align:", "sib200"):
        assert word in ended.stdout


@pytest.mark.parametrize("launcher", ["joblib", "slurm", "submitit_slurm", "submitit_local"])
def test_the_launchers_compose_with_our_presets(launcher):
    with initialize_config_dir(CONF, version_base="1.3"):
        whole = compose("train", [f"hydra/launcher={launcher}", "trainer=ddp"], return_hydra_config=True)
    assert launcher.split("_")[0].replace("slurm", "submitit") in whole.hydra.launcher._target_
    if launcher == "slurm":
        assert whole.hydra.launcher._target_.endswith("SlurmLauncher")


@pytest.mark.parametrize("devices", ["0", "-1", "two", "1.5", "true"])
def test_devices_are_counted_or_auto(devices):
    with pytest.raises(ConfigError, match=r"trainer\.devices=.*: expected auto or a number"):
        composed(f"trainer.devices={devices}")
