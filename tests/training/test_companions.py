"""Companions: copies that no gradient reaches."""

import torch
from training.toy import batches, built, encoded

from mlalign.alignment.companions import Companion


def test_a_companion_follows_the_encoder_and_never_drops_out(toy):
    module, _ = built(toy, "method=inter_sentence", "backbone.dropout=0.3")
    companion = Companion(module.encoder)
    companion.train()
    assert not any(one.training for one in companion.modules())
    assert not any(one.requires_grad for one in companion.parameters())
    backbone = module.encoder.backbone.base_model
    before = [one.clone() for one in companion.parameters()]
    assert all(one.equal(other) for one, other in zip(before, backbone.parameters(), strict=True))
    with torch.no_grad():
        for one in backbone.parameters():
            one.add_(1.0)
    companion.move(0.75)
    for one, old, new in zip(companion.parameters(), before, backbone.parameters(), strict=True):
        torch.testing.assert_close(one, 0.75 * old + 0.25 * new)


def test_keys_are_the_targets_of_the_slow_encoder(toy):
    module, data = built(toy, "method=inter_sentence", "backbone.dropout=0")
    module.encoded.companions = {"momentum": Companion(module.encoder)}
    batch = encoded(module, batches(data, 1)[0])
    key = batch.key("masked")
    torch.testing.assert_close(key.states, batch.pair("masked").target.states)
    assert not key.states.requires_grad
    assert key.vector(0).equal(module.encoder.pooled(key.layer(0), key.given.subwords))
