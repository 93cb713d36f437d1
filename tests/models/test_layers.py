"""A backbone that ends at a layer gives the hidden states that the whole one has there."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close
from transformers import AutoModel

from mlalign.errors import ConfigError
from mlalign.models.backbone import load_backbone
from mlalign.models.encoder import Encoder
from mlalign.models.io import load_encoder, save_encoder
from mlalign.models.lstm import build_bilstm


def check(folder, texts, exported):
    """The first of two layers, as loaded, as saved and opened again, and as plain transformers reads it."""
    model, tokenizer = load_backbone(folder, attention="eager", layer=1)
    save_encoder(Encoder(model, pool="mean"), tokenizer, exported, {})
    encoder, _ = load_encoder(exported, attention="eager")
    found = tokenizer(texts, padding=True, return_tensors="pt")
    inputs = {name: found[name] for name in ("input_ids", "attention_mask")}
    whole = AutoModel.from_pretrained(folder).eval()
    norm = getattr(whole, "final_norm", nn.Identity())
    with torch.no_grad():
        expected = norm(whole(**inputs, output_hidden_states=True).hidden_states[1])
        for cut in (model.base_model, encoder.backbone.base_model, AutoModel.from_pretrained(exported)):
            assert_close(cut.eval()(**inputs).last_hidden_state, expected)


def test_vectors_are_the_hidden_states_of_the_whole_model(family_folder, sentences, tmp_path):
    check(family_folder, sentences["de"][:3], tmp_path)


def test_an_lstm_ends_at_a_layer_too(xlmr_folder, sentences, tmp_path):
    build_bilstm(tmp_path / "whole", xlmr_folder, layers=2, width=12, seed=1)
    check(tmp_path / "whole", sentences["de"][:3], tmp_path / "exported")


def test_a_layer_that_is_not_there_is_refused(xlmr_folder):
    with pytest.raises(ConfigError, match=r"backbone\.layer=3: backbone\.path=.* has 2 layers; set backbone\.layer=2"):
        load_backbone(xlmr_folder, attention="eager", layer=3)
