"""Alignment and fine-tuning with an adapter: what learns, how fast, what folders hold, what is refused."""

import json
import re
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close
from training.toy import aligner, batches, built, configured, fitted, folder_of, gradients, state
from training.tuned import fitted as finetuned
from training.tuned import tuned
from typed import call

from mlalign.alignment.budget import spent_by
from mlalign.config.enums import AdapterForm
from mlalign.config.identity import fingerprint
from mlalign.config.words import quoted
from mlalign.cost import matrix_entries
from mlalign.errors import ConfigError
from mlalign.models.adapters import ADAPTER, adapter_parameters
from mlalign.models.io import RECIPE, load_encoder
from mlalign.training.optimizers import optimizers_of

FORMS = list(AdapterForm)
ROOM = ("backbone.layers=2", "align.adversary.warmup=0", "method=multilevel_v1")


@pytest.mark.parametrize("form", FORMS)
def test_an_alignment_moves_the_adapter_tokens_and_heads_and_nothing_else(toy, tmp_path, form):
    module, data = built(toy, *ROOM, f"backbone.adapter.form={form}", "align.steps=3")
    assert {id(one) for one in adapter_parameters(module.encoder)} <= {id(one) for one in module.parameters()}
    before = state(module)
    loop = fitted(module, batches(data, 3), tmp_path)
    moved = {name for name, one in state(module).items() if not torch.equal(one, before[name])}
    base = {name for name in moved if name.startswith("encoder.backbone.roberta.")}
    assert base
    assert all("lora_" in name or "bottleneck." in name or "token_rows." in name for name in base), base
    assert any("token_rows" in name for name in base)
    assert {"encoder.backbone.lm_head.dense.weight"} <= moved  # the head learns; the matrix tied to it does not
    assert "encoder.backbone.lm_head.decoder.weight" not in moved
    groups = {group["name"]: group for one in loop.optimizers for group in one.param_groups}
    assert groups["adapter"]["initial_lr"] == 2e-4
    assert "embeddings" not in groups


@pytest.mark.parametrize("form", FORMS)
def test_activations_that_are_computed_again_give_the_same_gradients(toy, tmp_path, form):
    found = []
    for checkpointed in (False, True):
        maker = aligner(
            toy, *ROOM, "backbone.dropout=0", "align.adversary.dropout=0", f"backbone.adapter.form={form}",
            f"backbone.gradient_checkpointing={checkpointed}",
        )  # fmt: skip
        module, data, _ = maker.assembled(maker.config, "eager")
        maker.configure_training(module.encoder.backbone)
        found.append(gradients(module, batches(data, 1), tmp_path / str(checkpointed)))
    learned = {name for name, one in module.named_parameters() if one.requires_grad and "roberta" in name}
    assert len(learned) > 10
    for name in learned:
        assert_close(found[1][name], found[0][name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_a_checkpoint_leaves_out_what_is_frozen(toy, tmp_path, form):
    module, data = built(toy, *ROOM, f"backbone.adapter.form={form}", "align.steps=2")
    loop = fitted(module, batches(data, 2), tmp_path)
    loop.save_checkpoint(tmp_path / "one.ckpt")
    kept = torch.load(tmp_path / "one.ckpt", weights_only=True)["state_dict"]
    learned = {name for name, one in module.named_parameters() if one.requires_grad}
    in_base = {name for name in kept if "roberta." in name}
    assert in_base == {name for name in learned if "roberta." in name}
    assert learned <= set(kept)


def test_a_frozen_backbone_costs_fewer_operations_and_the_adapter_its_own(toy):
    """Of the layers' products 4 for each entry that is frozen and 6 for each that learns."""
    spent, entries = {}, {}
    typed = ("backbone.layers=2", "method=inter_sentence", "backbone.pool=first", "align.steps=2")
    for form in ("null", "lora"):
        maker = aligner(toy, *typed, f"backbone.adapter.form={form}")
        module, data, _ = maker.assembled(maker.config, "eager")
        spent[form] = spent_by(module, data)
        entries[form] = matrix_entries(module.encoder.backbone.base_model)
    base, adapter = entries["null"], entries["lora"] - entries["null"]
    assert spent["lora"].tokens == spent["null"].tokens
    assert spent["lora"].flops - spent["null"].flops == spent["lora"].tokens * (6 * adapter - 2 * base)


def test_the_encoders_name_knows_the_adapter_where_it_learns_there(toy):
    def name(*typed):
        return fingerprint(aligner(toy, *typed).recipe)

    lora = "backbone.adapter.form=lora"
    assert name() == name(lora, "backbone.adapter.stages=[finetune]")
    assert name(lora) == name(lora, "backbone.adapter.stages=[align]")
    others = [(), (lora,), (lora, "backbone.adapter.size=4"), (lora, "backbone.adapter.learning_rate=1e-3")]
    assert len({name(*typed) for typed in others}) == 4


def test_fine_tuning_moves_the_adapter_and_the_head_alone(toy, tmp_path):
    module, data = tuned(toy, "backbone.adapter.form=lora")
    before = state(module)
    finetuned(module, data, tmp_path)
    moved = {name for name, one in state(module).items() if not torch.equal(one, before[name])}
    assert moved
    assert all("lora_" in name or name.startswith("head.") for name in moved)
    rates = [group["initial_lr"] for group in optimizers_of(module)[0].param_groups]
    assert rates == [1e-3, 2e-4]  # of the head and of the adapter; nothing else of the encoder learns


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["backbone=bilstm", "method=laser"], "choose a transformer"),
        (["method=multi_cca", "data.lexicon=sample"], "choose a transformer"),
        (["method=embedding_swap"], r"train all weights; set backbone.adapter.stages=\[finetune\]"),
        (["backbone.adapter.stages=[]"], "for none set backbone.adapter=null"),
        (["backbone.adapter.layers=[1,1]"], "a layer is named twice"),
        (["backbone.adapter.layers=[0]"], "a list of numbers from 1 on"),
        (["backbone.adapter.size=0"], "backbone.adapter.size=0"),
        (["finetune.freeze=encoder"], "set finetune.freeze=nothing"),
        (["backbone.adapter.form=bottleneck", "backbone.adapter.alpha=2"], "are lora's"),
        (["backbone.adapter.form=null", "backbone.adapter.size=4"], "has settings and no form"),
    ],
)
def test_what_contradicts_an_adapter_is_refused_before_anything_is_loaded(toy, typed, said):
    with pytest.raises(ConfigError, match=said):
        configured(toy, "backbone.adapter.form=lora", *typed)


def test_one_word_chooses_the_form():
    assert quoted(["backbone.adapter=lora", "-m", "backbone.adapter={form: lora}", "backbone.adapter.size=4"]) == [
        "backbone.adapter.form=lora", "-m", "backbone.adapter={form: lora}", "backbone.adapter.size=4",
    ]  # fmt: skip


def command(toy: Path, folder: Path, *words: str):
    typed = [
        "backbone.width=32", "backbone.layers=2", "backbone.heads=2", "backbone.vocabulary_size=300", "data=files",
        f"data.root={toy}", "data.parallel=[toy]", "data.held_out=12", "align.steps=4", "align.batch_size=8",
        "align.max_length=32", "align.validations=1", "finetune.epochs=1", "finetune.evaluations=2", "trainer=cpu",
        "trainer.progress=false", "task.languages=[en,de]", "task.train_size=null", *words,
    ]  # fmt: skip
    ended = call("train.py", typed, folder)
    assert ended.returncode == 0, ended.stderr
    return Path(re.search(r"^results +(\S+)$", ended.stdout, re.MULTILINE)[1])


AFTER_ENGLISH = ("finetune.shots={de: 4}", "finetune.shots_order=after")


@pytest.mark.parametrize(
    ("form", "more"), [("lora", AFTER_ENGLISH), pytest.param("bottleneck", (), marks=pytest.mark.long)]
)
def test_one_command_aligns_fine_tunes_and_scores_with_an_adapter(toy, tmp_path, form, more):
    path = tmp_path / command(toy, tmp_path, f"backbone.adapter={form}", "keep_checkpoints=best_and_last", *more)
    results = json.loads(path.read_text(encoding="utf-8"))
    notes = [one for one in results["notes"] if f" with {form}: " in one]
    assert [one.split()[0] for one in notes] == ["align", "finetune"]
    assert all(re.search(r"[\d,]+ of [\d,]+ parameters learn \(\d+\.\d\d%\)$", one) for one in notes)
    aligned = tmp_path / results["aligned"]
    assert (aligned / RECIPE).is_file()
    for folder in (aligned, *(path.parent / "weights").iterdir()):
        assert (folder / ADAPTER).is_dir() == (form == "lora")
        load_encoder(folder, attention="eager")
    verified = call("evaluate.py", [f"verify={path.parent}"], tmp_path)
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_an_encoder_that_was_aligned_with_bottlenecks_is_fine_tuned_whole(toy, tmp_path):
    folder = folder_of(aligner(toy, *ROOM, "backbone.adapter.form=bottleneck", f"aligned={tmp_path}"))
    encoder, _ = load_encoder(folder, attention="eager")
    assert not adapter_parameters(encoder)
    assert all(one.requires_grad for one in encoder.parameters())
    assert any("bottleneck" in name for name, _ in encoder.named_parameters())
