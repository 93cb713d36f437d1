"""LoRA, bottlenecks and learned token rows against their equations; what is frozen, merged, written and read."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from models.made import make, represent
from peft import PeftModel
from torch.testing import assert_close
from transformers import AutoModel, AutoTokenizer

from mlalign.config.enums import AdapterForm
from mlalign.errors import ConfigError
from mlalign.models.adapters import (
    ADAPTER,
    Bottleneck,
    TokenRows,
    adapter_parameters,
    add_adapter,
    frozen_names,
    has_bottlenecks,
    merge_adapter,
    merged,
)
from mlalign.models.backbone import load_backbone
from mlalign.models.io import load_encoder, require_saved, save_encoder
from mlalign.models.lstm import BiLstmConfig, BiLstmForMaskedLM
from mlalign.models.task_export import obstacles

FORMS = list(AdapterForm)


def adapted(folder, form, *, seed=1, moved=True, layers=None, tokens=True, size=4):
    """An encoder whose adapter has learned something, or nothing yet."""
    made = make(folder, sentence=False, word=False)
    ids = [made.tokenizer.convert_tokens_to_ids(f"[LANG_{name}]") for name in ("en", "de")] if tokens else []
    torch.manual_seed(seed)
    add_adapter(
        made.encoder.backbone, form=form, size=size, alpha=None, dropout=0.0, layers=layers, tokens=ids
    )  # fmt: skip
    if moved:
        with torch.no_grad():
            for one in adapter_parameters(made.encoder):
                one.add_(0.1 * torch.randn_like(one))
    return made


def states(made, language="de"):
    batch = made.batch(["die Katze sieht Berlin!", "ein Hund mag den Fluss."], language)
    return represent(made, batch, "backbone", language).words


@pytest.mark.parametrize("form", FORMS)
def test_at_first_the_vectors_are_exactly_those_of_the_backbone(family_folder, form):
    plain = make(family_folder, sentence=False, word=False)
    made = adapted(family_folder, form, moved=False)
    assert torch.equal(states(made), states(plain))
    batch = made.batch(["die Katze"], "de")
    for one, other in zip(made.encoder.layers(batch), plain.encoder.layers(batch), strict=True):
        assert torch.equal(one, other)


def test_a_linear_layer_with_lora_is_its_equation(xlmr_folder):
    model, _ = load_backbone(xlmr_folder, attention="eager")
    add_adapter(model, form=AdapterForm.lora, size=3, alpha=6.0, dropout=0.0, layers=[2])
    layer = model.double().base_model.encoder.layer[1].attention.self.query
    torch.nn.init.normal_(layer.lora_B["default"].weight)
    x = torch.randn(5, 32, dtype=torch.float64)
    weight, bias, a, b = (
        one.detach().numpy()
        for one in (
            layer.base_layer.weight,
            layer.base_layer.bias,
            layer.lora_A["default"].weight,
            layer.lora_B["default"].weight,
        )
    )
    expected = [[
        bias[o] + sum(weight[o, i] * row[i] for i in range(32))
        + 6.0 / 3 * sum(b[o, r] * sum(a[r, i] * row[i] for i in range(32)) for r in range(3))
        for o in range(32)
    ] for row in x.numpy()]  # fmt: skip
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, rtol=1e-12)


def test_a_bottleneck_is_its_equation():
    torch.manual_seed(0)
    one = Bottleneck(6, 3).double()
    for parameter in one.parameters():
        torch.nn.init.normal_(parameter)
    x = torch.randn(4, 6, dtype=torch.float64)
    norm, down, up = ({key: value.detach().numpy() for key, value in part.named_parameters()} for part in (
        one.norm, one.down, one.up,
    ))  # fmt: skip
    for row, found in zip(x.numpy(), one(x).detach().numpy(), strict=True):
        z = (row - row.mean()) / np.sqrt(row.var() + 1e-5) * norm["weight"] + norm["bias"]
        h = [max(0.0, float(down["weight"][k] @ z) + down["bias"][k]) for k in range(3)]
        expected = [row[i] + sum(up["weight"][i, k] * h[k] for k in range(3)) + up["bias"][i] for i in range(6)]
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_rows_of_tokens_stand_for_theirs_alone_and_only_they_have_a_gradient():
    embeddings = torch.nn.Embedding(9, 4)
    rows = TokenRows(embeddings, [7, 2])
    with torch.no_grad():
        rows.weight += 1
    ids = torch.tensor([[2, 5, 7], [0, 2, 8]])
    found = rows(ids, embeddings(ids))
    for place, vector in zip(ids.flatten().tolist(), found.flatten(0, 1), strict=True):
        assert torch.equal(vector, embeddings.weight[place] + (1 if place in (2, 7) else 0))
    found.sum().backward()
    assert rows.weight.grad.tolist() == [[2.0] * 4, [1.0] * 4]  # 2 stands there twice, 7 once


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("layers", [None, [2]], ids=["all layers", "the second"])
def test_only_the_adapter_and_what_is_asked_for_learns(family_folder, form, layers):
    made = adapted(family_folder, form, layers=layers)
    base = made.encoder.backbone.base_model
    learns = {name for name, one in base.named_parameters() if one.requires_grad}
    assert all("lora_" in name or "bottleneck." in name or "token_rows." in name for name in learns)
    in_layers = {name.split("layer.")[-1].split("layers.")[-1][0] for name in learns if "token_rows" not in name}
    assert in_layers == ({"0", "1"} if layers is None else {"1"})
    assert {id(one) for one in adapter_parameters(made.encoder)} == {id(base.get_parameter(name)) for name in learns}
    frozen = set(frozen_names(made.encoder))
    for name, one in made.encoder.named_parameters(remove_duplicate=False):
        in_base = any(one is other for other in base.parameters())
        assert (name in frozen) == (in_base and not one.requires_grad), name


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("attribute", ["merged", "merge_adapter"])
def test_what_is_merged_gives_the_same_vectors(family_folder, form, attribute):
    made = adapted(family_folder, form)
    expected, before = states(made), copy.deepcopy(made.encoder.state_dict())
    if attribute == "merged":
        made.encoder, kept = merged(made.encoder), made.encoder
        for name, one in kept.state_dict().items():
            assert torch.equal(one, before[name])
    else:
        merge_adapter(made.encoder)
    assert_close(states(made), expected, rtol=1e-5, atol=1e-5)
    names = set(made.encoder.state_dict())
    assert not any("lora" in name or "token_rows" in name for name in names)
    assert any("bottleneck" in name for name in names) == (form == "bottleneck")
    assert not adapter_parameters(made.encoder)
    assert merged(made.encoder) is made.encoder


@pytest.mark.parametrize("form", FORMS)
def test_a_folder_gives_the_vectors_that_were_learned(family_folder, tmp_path, form):
    made = adapted(family_folder, form)
    expected = states(made)
    save_encoder(made.encoder, made.tokenizer, tmp_path, {})
    require_saved(made.encoder, tmp_path)
    made.encoder = load_encoder(tmp_path, attention="sdpa")[0].eval()
    assert has_bottlenecks(made.encoder) == (form == "bottleneck")
    assert_close(states(made), expected, rtol=1e-5, atol=1e-5)
    assert (tmp_path / "modules.json").is_file() == (form == "lora")
    head = torch.nn.Linear(32, 2)
    obstructs = "; ".join(obstacles(made.encoder, head, representation="backbone", on_tokens=True))
    assert ("bottlenecks" in obstructs) == (form == "bottleneck")
    _, loading = AutoModel.from_pretrained(tmp_path, output_loading_info=True)
    assert any("bottleneck" in name for name in loading["unexpected_keys"]) == (form == "bottleneck")


def test_peft_and_transformers_open_what_lora_learned(family_folder, tmp_path):
    """Unmerged by peft on the backbone as it was, merged by transformers alone: the same vectors."""
    made = adapted(family_folder, AdapterForm.lora)
    save_encoder(made.encoder, made.tokenizer, tmp_path, {})
    expected = states(made)
    batch = made.batch(["die Katze sieht Berlin!", "ein Hund mag den Fluss."], "de")
    given = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
    base = AutoModel.from_pretrained(family_folder)
    base.resize_token_embeddings(len(AutoTokenizer.from_pretrained(tmp_path)), mean_resizing=False)
    unmerged = PeftModel.from_pretrained(base, str(tmp_path / ADAPTER)).eval()
    plain = AutoModel.from_pretrained(tmp_path).eval()
    for model in (unmerged, plain, unmerged.merge_and_unload()):
        with torch.no_grad():
            assert_close(model(**given).last_hidden_state, expected, rtol=1e-5, atol=1e-5)
    sizes = {path.name: path.stat().st_size for path in Path(tmp_path / ADAPTER).iterdir()}
    assert set(sizes) == {"adapter_config.json", "adapter_model.safetensors"}


def test_a_bottleneck_goes_on_learning_and_another_is_refused(xlmr_folder, tmp_path):
    made = adapted(xlmr_folder, AdapterForm.bottleneck)
    save_encoder(made.encoder, made.tokenizer, tmp_path, {})
    model, _ = load_backbone(tmp_path, attention="sdpa")
    given = {"form": AdapterForm.bottleneck, "alpha": None, "dropout": 0.0}
    before = copy.deepcopy(model.state_dict())
    add_adapter(model, **given, size=4, layers=None)
    assert all(torch.equal(one, before[name]) for name, one in model.state_dict().items())
    assert len(adapter_parameters(model)) == 12
    for other in ({"size": 5, "layers": None}, {"size": 4, "layers": [1]}):
        with pytest.raises(ConfigError, match=r"bottlenecks of size 4 in layers \[1, 2\] already"):
            add_adapter(model, **given, **other)


def test_lora_on_bottlenecks_leaves_them_as_they_are(xlmr_folder, tmp_path):
    made = adapted(xlmr_folder, AdapterForm.bottleneck)
    save_encoder(made.encoder, made.tokenizer, tmp_path, {})
    model, _ = load_backbone(tmp_path, attention="sdpa")
    add_adapter(model, form=AdapterForm.lora, size=2, alpha=None, dropout=0.0, layers=None)
    assert {
        name for name, one in model.base_model.named_parameters() if one.requires_grad and "bottleneck" in name
    } == set()


def test_what_has_no_layers_or_not_so_many_is_refused(xlmr_folder):
    given = {"form": AdapterForm.lora, "size": 2, "alpha": None, "dropout": 0.0}
    model, _ = load_backbone(xlmr_folder, attention="sdpa")
    with pytest.raises(ConfigError, match=r"backbone.adapter.layers=\[1, 3\]: XLMRobertaForMaskedLM has 2 layers"):
        add_adapter(model, **given, layers=[1, 3])
    lstm = BiLstmForMaskedLM(
        BiLstmConfig(vocab_size=9, embedding_size=4, hidden_size=4, num_hidden_layers=1, pad_token_id=1)
    )
    with pytest.raises(ConfigError, match="no transformer"):
        add_adapter(lstm, **given, layers=None)
