"""`backbone.dropout` reaches every dropout of every family, and stays in what is saved."""

import json

import pytest
import torch
from models.made import make
from torch import nn
from transformers import AutoModelForMaskedLM

from mlalign.models.backbone import load_backbone
from mlalign.models.dropout import dropouts
from mlalign.models.io import load_encoder, save_encoder

RATE = 0.375  # no family's own
SITES = {  # in two layers: modules, and layers whose attention drops in a function
    "xlmr": (1 + 2 * 3, 0),
    "bert": (1 + 2 * 3, 0),
    "modernbert": (1 + 2 * 2, 2),
    "mmbert": (1 + 2 * 2, 2),
    "deberta": (1 + 2 * 4, 0),  # each layer has one more, for the positions
}


@pytest.fixture(params=SITES)
def family(request):
    return request.param, request.getfixturevalue(f"{request.param}_folder")


def rates(model):
    modules = [one.p for one in model.modules() if isinstance(one, nn.Dropout)]
    functions = [one.attention_dropout for one in model.modules() if hasattr(one, "attention_dropout")]
    return modules, functions


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_every_dropout_has_the_rate(family, attention):
    name, folder = family
    model, _ = load_backbone(folder, attention=attention, dropout=RATE)
    modules, functions = rates(model)
    assert (len(modules), len(functions)) == SITES[name]
    assert {*modules, *functions} == {RATE}
    assert set(dropouts(model.config).values()) == {RATE}


def test_null_leaves_what_the_weights_say(family):
    _, folder = family
    model, _ = load_backbone(folder, attention="eager")
    assert dropouts(model.config) == dropouts(AutoModelForMaskedLM.from_pretrained(folder).config)


def test_zero_switches_it_off(family):
    _, folder = family
    model, _ = load_backbone(folder, attention="eager", dropout=0.0)
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.no_grad():
        assert model.train()(ids).logits.equal(model.eval()(ids).logits)


def test_it_is_in_the_folder_that_fine_tuning_opens(family, tmp_path):
    _, folder = family
    made = make(folder, dropout=RATE)
    save_encoder(made.encoder, made.tokenizer, tmp_path, {})
    written = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    found = {key: value for key, value in written.items() if "dropout" in key}
    assert {value for key, value in found.items() if "classif" not in key} == {RATE}
    again, _ = load_encoder(tmp_path, attention="eager")
    modules, functions = rates(again)
    assert {*modules, *functions} == {RATE}
