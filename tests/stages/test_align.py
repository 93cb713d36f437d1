"""From what a user types to an aligned encoder in a folder."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from training.toy import aligner, built, built_by, folder_of, trainer, write_toy

from mlalign.alignment.assembly import Assembly
from mlalign.config.identity import fingerprint
from mlalign.errors import ConfigError, DataError
from mlalign.models.io import RECIPE, load_encoder
from mlalign.stages import chain
from mlalign.stages.align import align
from mlalign.stages.chain import partial_of


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy(tmp_path_factory.mktemp("toy"))


class Counted:
    """Makes trainers and counts them: one for each alignment."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self, **settings: Any) -> Any:
        self.made += 1
        return trainer(**settings)


# The encoder in its folder


def test_an_aligned_encoder_is_made_once_and_found_again(toy, tmp_path):
    make = Counted()
    where = f"aligned={tmp_path}"
    folder = folder_of(aligner(toy, where, make=make))
    assert (folder / RECIPE).is_file()
    assert folder_of(aligner(toy, where, "task=panx", "logger=tensorboard", make=make)) == folder
    assert make.made == 1
    assert folder_of(aligner(toy, where, "align.steps=5", make=make)) != folder
    assert make.made == 2
    assert not list(tmp_path.glob("*.partial"))


def test_the_folder_holds_the_encoder_that_was_trained(toy, tmp_path, monkeypatch):
    kept: list[Any] = []
    original = Assembly.module

    def keep(*given: Any) -> Any:
        kept.append(original(*given))
        return kept[0]

    monkeypatch.setattr(Assembly, "module", keep)
    folder = folder_of(aligner(toy, f"aligned={tmp_path}"))
    module, data = kept[0]
    loaded, tokenizer = load_encoder(folder, attention="eager")
    batch = next(iter(data.val_dataloader()))
    with torch.no_grad():
        expected = module.encoder.eval().embed(batch.target, batch.language)
        found = loaded.eval().embed(batch.target, batch.language)
    torch.testing.assert_close(found, expected)
    assert loaded.prototypes.languages == ("en", "de", "fr")
    assert bool(loaded.prototypes.seen.all())
    assert tokenizer.convert_tokens_to_ids("[LANG_de]") == data.layout.language_tokens["de"]


def test_what_aligns_nothing_has_no_folder(toy):
    assert folder_of(aligner(toy, "method=none")) is None


def test_the_same_command_goes_on_where_it_was_stopped(toy, tmp_path):
    class Stop(Exception):  # noqa: N818
        pass

    def stopping(**settings: Any) -> Any:
        loop = trainer(**settings)

        def stop(module: Any, data: Any, **_: Any) -> None:
            data.val_dataloader = lambda: []
            original, module.step_players = module.step_players, lambda: None
            steps = iter(range(3))

            def step() -> None:
                if next(steps, None) is None:
                    raise Stop
                original()

            module.step_players = step
            type(loop).fit(loop, module, data)

        loop.fit = stop
        return loop

    maker = aligner(toy, f"aligned={tmp_path}/a", make=stopping)
    with pytest.raises(Stop):
        _ = folder_of(maker)
    name = fingerprint(maker.recipe)
    assert (tmp_path / "a" / f"{name}.partial" / "checkpoints" / "last.ckpt").is_file()
    folder = folder_of(aligner(toy, f"aligned={tmp_path}/a"))
    assert folder.name == name
    assert not (folder / "checkpoints").exists()
    whole = folder_of(aligner(toy, f"aligned={tmp_path}/b"))
    for file in ("model.safetensors", "mlalign.safetensors"):
        assert (folder / file).read_bytes() == (whole / file).read_bytes()


def test_an_alignment_can_go_on_from_a_named_folder_or_begin_anew(toy, tmp_path, monkeypatch):
    seen: list[Path] = []
    original = align

    class Seen(Exception):  # noqa: N818
        pass

    def watched(*given: Any, resume_from: Path, **settings: Any) -> float:
        seen.append(resume_from)
        if resume_from.parent.name == "elsewhere":
            raise Seen
        return original(*given, resume_from=resume_from, **settings)

    monkeypatch.setattr("mlalign.stages.align.align", watched)
    where = f"aligned={tmp_path}/aligned"
    folder = folder_of(aligner(toy, where))
    (folder / "mark").write_text("old")
    assert folder_of(aligner(toy, where, "resume=false")) == folder
    assert not (folder / "mark").exists()
    moved = tmp_path / "elsewhere" / partial_of(folder).name
    (moved / "checkpoints").mkdir(parents=True)
    (moved / "checkpoints" / "last.ckpt").touch()
    with pytest.raises(ConfigError, match="begun by another one"):
        folder_of(aligner(toy, where, "align.steps=5", f"resume={moved}"))
    (folder / "alignment.yaml").unlink()
    with pytest.raises(Seen):
        folder_of(aligner(toy, where, f"resume={moved}"))
    assert seen == [partial_of(folder), partial_of(folder), moved]


def test_a_folder_that_another_run_renames_meanwhile_stops_nothing(tmp_path, monkeypatch):
    gone = tmp_path / "other.partial"
    gone.mkdir()
    (gone / chain.RECIPE).write_text("recipe: {}\n")
    load = OmegaConf.load

    def renamed_before(path):
        if gone.is_dir():
            gone.rename(tmp_path / "other")
        return load(path)

    monkeypatch.setattr(OmegaConf, "load", renamed_before)
    chain._tell_of_other_versions(tmp_path, {"text": "any"})
    assert not gone.is_dir()


def test_an_encoder_of_another_version_is_not_reused_and_the_log_says_so(toy, tmp_path, monkeypatch, caplog):
    where = (f"aligned={tmp_path}", "align.steps=1", "method=inter_sentence")
    with monkeypatch.context() as before:
        before.setattr("mlalign.__version__", "0.0.1")
        old = folder_of(aligner(toy, *where))
    caplog.set_level("INFO")
    new = folder_of(aligner(toy, *where))
    assert new != old
    assert f"{old} was made by mlalign 0.0.1" in caplog.text
    caplog.clear()
    assert folder_of(aligner(toy, *where)) == new
    assert "0.0.1" not in caplog.text


# The name of an encoder: everything that shapes it, and nothing else


SHAPING = [  # some of each group; tests/config/test_identity.py goes through every setting
    "align.steps=5", "align.seed=2", "seed=2", "backbone.layers=2", "data.languages=[de]", "data.held_out=5",
    "fusion.keys=pair fusion.partner_drop=0", "losses.inter_sentence.temperature=0.2", "method=literal",
    "ablation=no_afm",
]  # fmt: skip
INDIFFERENT = [
    "task=panx", "finetune.seed=9", "logger=tensorboard", "trainer.workers=1", "backbone.attention=sdpa",
]  # fmt: skip


def test_whatever_shapes_an_encoder_is_in_its_name(toy):
    recipes = {setting: fingerprint(aligner(toy, *setting.split()).recipe) for setting in ("seed=1", *SHAPING)}
    assert recipes["align.seed=2"] == recipes["seed=2"]
    assert len(set(recipes.values())) == len(recipes) - 1
    for setting in INDIFFERENT:
        assert fingerprint(aligner(toy, setting).recipe) == recipes["seed=1"], setting


def test_other_text_makes_another_encoder(tmp_path):
    root = write_toy(tmp_path)
    before = fingerprint(aligner(root).recipe)
    with (root / "parallel" / "toy" / "en-de.tsv").open("a", encoding="utf-8") as file:
        file.write("gold sees music\tdlog sees cisum\n")
    assert fingerprint(aligner(root).recipe) != before


def test_a_precision_asked_for_is_in_the_name_and_one_that_a_machine_chose_is_not(toy):
    names = set()
    for asked in ("auto", "float32", "bfloat16"):
        maker = aligner(toy, f"trainer.precision={asked}")
        one = fingerprint(maker.recipe)
        maker.precision = "bf16-mixed"
        assert fingerprint(maker.recipe) == one
        names.add(one)
    assert len(names) == 3


def test_an_alignment_goes_on_with_the_precision_and_attention_it_began_with(toy, tmp_path, monkeypatch):
    used = []

    def make(*, precision, **stage):
        used.append(precision)
        return trainer(**stage)

    attentions = []

    def load(attention):
        attentions.append(attention)
        return loaded

    def watched(*given, trainer, **settings):
        trainer(folder=tmp_path)
        raise KeyboardInterrupt

    monkeypatch.setattr("mlalign.stages.align.align", watched)
    for machine, chosen in (("sdpa", "bf16-mixed"), ("eager", "32-true")):
        maker = aligner(toy, f"aligned={tmp_path}/aligned", make=make)
        maker.attention, maker.precision = machine, chosen
        loaded = maker.backbone.load("eager")
        maker.backbone.load = load
        with pytest.raises(KeyboardInterrupt):
            folder_of(maker)
    assert attentions == ["sdpa", "sdpa"]
    assert used == ["bf16-mixed", "bf16-mixed"]


# Modules


def test_the_same_configuration_builds_the_same_module(toy):
    one, _ = built(toy)
    torch.manual_seed(99)
    other, _ = built(toy)
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name
    third, _ = built(toy, "align.seed=2")
    assert not torch.equal(third.encoder.sentence_fusion.mix.weight, one.encoder.sentence_fusion.mix.weight)


def test_settings_reach_what_they_are_for(toy):
    module, data = built(
        toy, "fusion.temperature=3.5", "fusion.partner_drop=0.25", "align.accumulate=3",
        "align.prototype_momentum=0.5", "align.adversary.hidden=7", "align.adversary.dropout=0.4",
        "align.adversary.input=first", "losses.adversarial.smoothing=0.2",
        "losses.inter_sentence.margin=0.3", "weighting.bound=1.5", "align.mask_rate=0.3",
        "data.sampling_exponent=0.3", "align.max_grad_norm=0.7",
    )  # fmt: skip
    encoder, game = module.encoder, module.objectives["adversarial"]
    assert encoder.sentence_fusion.temperature == encoder.word_fusion.temperature == 3.5
    assert encoder.prototypes.momentum == 0.5
    assert (game.adversary.input, game.settings.smoothing) == ("first", 0.2)
    assert game.discriminator.layers[1].out_features == 7
    assert game.discriminator.layers[3].p == 0.4
    assert module.partner_drop == 0.25
    settings = module.objectives["inter_sentence"].settings
    assert (settings.margin, settings.similarity) == (0.3, "cosine")
    assert module.weighting.bounds == (-1.5, 1.5)
    assert (module.align.accumulate, module.max_grad_norm) == (3, 0.7)
    assert (data.exponent, data.batches, data.pairs) == (0.3, 12, 8)
    default, _ = built(toy)
    assert default.encoder.word_fusion.temperature == 32**0.5


def test_the_presets_are_what_they_say(toy):
    for method, expected in {
        "multilevel": {
            "keys": "prototype", "per_level": False, "weighted_game": False, "partner_drop": 0.5,
            "form": "gated", "similarity": "cosine", "pool": "mean",
            "weights": {"inter_sentence", "intra_sentence", "masked_words", "word_distribution", "word_links"},
        },
        "literal": {
            "keys": "pair", "per_level": True, "weighted_game": True, "partner_drop": 0.0,
            "form": "sigmoid", "similarity": "dot", "pool": "first",
            "weights": {"language", "sentence", "word"},
        },
    }.items():  # fmt: skip
        module, _ = built(toy, f"method={method}")
        assert module.encoded.keys == expected["keys"]
        for name in ("per_level", "partner_drop"):
            assert getattr(module, name) == expected[name], (method, name)
        assert module.objectives["adversarial"].has_learned_weight == expected["weighted_game"]
        assert module.encoder.sentence_fusion.form == expected["form"]
        assert module.encoder.pool == expected["pool"]
        assert set(module.weighting.names) == expected["weights"]
        for name in ("inter_sentence", "intra_sentence"):
            assert module.objectives[name].settings.similarity == expected["similarity"]


@pytest.mark.parametrize("start", ["type_mean", "freq_mean", "exclusive_mean", "random"])
def test_language_tokens_start_somewhere_and_no_other_row_moves(toy, start):
    maker = aligner(toy, f"align.language_token_start={start}")
    untouched, _ = maker.backbone.load("eager")
    words = untouched.get_input_embeddings().weight.detach().clone()
    module, data = built_by(maker)
    rows = module.encoder.backbone.get_input_embeddings().weight
    assert torch.equal(rows[: len(words)], words)
    for place in data.layout.language_tokens.values():
        assert rows[place].abs().sum() > 0


# Text


def test_languages_are_those_of_the_corpora_or_those_asked_for(toy):
    assert aligner(toy).text.languages == ["de", "fr"]
    assert aligner(toy, "data.languages=[fr]").text.languages == ["fr"]
    module, data = built(toy, "data.languages=[fr]")
    assert list(data.tables) == ["fr"]
    assert module.encoder.prototypes.languages == ("en", "fr")


def test_a_corpus_or_a_language_that_is_not_there_is_named(toy):
    with pytest.raises(DataError, match="nothing"):
        _ = aligner(toy, "data.parallel=[nothing]").text.corpora
    with pytest.raises(DataError, match="zh"):
        _ = aligner(toy, "data.languages=[de,zh]").text.corpora


# Backbones of the hub


def test_a_branch_is_recorded_as_the_commit_that_it_is(hub, toy, bert_folder):
    name = "google-bert/bert-base-multilingual-cased"
    files = {path.name: path for path in bert_folder.iterdir() if path.is_file()}
    hub.repository("models", name, files)
    first = aligner(toy, "backbone=mbert", "backbone.revision=main")
    assert first.backbone.source.commit == hub.commit("models", name)
    assert first.recipe["backbone"]["commit"] == first.backbone.source.commit
    before = fingerprint(first.recipe)
    hub.repository("models", name, {"config.json": files["config.json"].read_text() + "\n"})
    second = aligner(toy, "backbone=mbert", "backbone.revision=main")
    assert second.backbone.source.commit != first.backbone.source.commit
    assert fingerprint(second.recipe) != before


def test_a_folder_is_known_by_its_files_wherever_it_lies(toy, bert_folder, tmp_path):
    copy = shutil.copytree(bert_folder, tmp_path / "copy")
    one, other = (aligner(toy, "backbone=mbert", f"backbone.path={path}") for path in (bert_folder, copy))
    assert one.recipe == other.recipe
    assert one.backbone.source.commit is None
    with pytest.raises(DataError, match=r"backbone\.path=nowhere: no config\.json"):
        _ = aligner(toy, "backbone=mbert", "backbone.path=nowhere").recipe
