"""Momentum contrast: keys of a slow encoder, a queue, and nothing that learns through either."""

import pytest
import torch
from torch.nn import functional
from training.toy import alone, batches, built, configured, encoded, exact, fitted, gradients

from mlalign.errors import ConfigError
from mlalign.losses import inter_sentence_loss

ALONE = (*alone("momentum_contrast"), "fusion.form=off", "method.language_tokens=false", "weighting.form=fixed")
PLAIN = (*ALONE, "losses.momentum_contrast.projection=none")


def of(module):
    (objective,) = module.objectives.values()
    return objective


def test_without_queue_and_momentum_it_is_one_direction_of_the_sentence_contrast(toy):
    module, data = built(
        toy, *PLAIN, "losses.momentum_contrast.queue=0", "losses.momentum_contrast.normalise=true",
        "losses.momentum_contrast.temperature=0.1",
    )  # fmt: skip
    batch = encoded(exact(module), batches(data, 1)[0])
    pair = batch.pair("masked")
    source, target = pair.source.sentence, pair.target.sentence.detach()
    logits = functional.normalize(source) @ functional.normalize(target).T / 0.1
    logits = logits.masked_fill(batch.same, -torch.inf)
    expected = functional.cross_entropy(logits, torch.arange(8))
    torch.testing.assert_close(of(module)(batch), expected)
    symmetric = inter_sentence_loss(source, target, temperature=0.1, same=batch.same)
    other = functional.cross_entropy(logits.T, torch.arange(8))
    torch.testing.assert_close(expected + other, symmetric)


def test_the_queue_holds_the_last_keys_and_replaces_the_batch_once_it_is_full(toy):
    module, data = built(toy, *PLAIN, "losses.momentum_contrast.queue=20")
    objective, before = of(exact(module)), []
    for number, given in enumerate(batches(data, 4)):
        batch = encoded(module, given)
        query, key = batch.pair("masked").source.sentence, batch.key("masked").vector()
        loss = objective(batch)
        stored = torch.cat(before)[-20:] if before else key[:0]
        others = query @ stored.T
        if number < 3:  # 24 keys fill it
            own = torch.eye(8, dtype=torch.bool) | given.same
            others = torch.cat([others, (query @ key.T).masked_fill(own, -torch.inf)], 1)
        logits = torch.cat([(query * key).sum(1, keepdim=True), others], 1) / 0.25
        torch.testing.assert_close(loss, functional.cross_entropy(logits, torch.zeros(8, dtype=torch.long)))
        objective.stepped(batch)
        before.append(key)
    assert sorted(objective.queue.tolist()) == sorted(torch.cat(before)[-20:].tolist())


def test_no_gradient_reaches_the_key_side(toy, tmp_path):
    module, data = built(toy, *ALONE)
    gradients(exact(module), batches(data, 1), tmp_path)
    assert all(one.grad is None for one in module.companions.parameters())
    batch = encoded(module, batches(data, 1)[0])
    moved = torch.autograd.grad(
        of(module)(batch), [batch.pair("masked").target.states, batch.pair("masked").source.states], allow_unused=True
    )
    assert moved[0] is None
    assert moved[1].any()


def test_the_slow_encoder_and_projection_follow_after_every_update(toy, tmp_path):
    module, data = built(toy, *ALONE, "losses.momentum_contrast.momentum=0.9", "align.accumulate=2")
    objective, slow = of(module), module.companions["momentum"].encoder
    expected = [one.clone() for one in slow.parameters()]
    matrix, moves = objective.slow.clone(), 0
    update = objective.updated

    def updated(companions):
        nonlocal matrix, moves
        trained = module.encoder.backbone.base_model.parameters()
        expected[:] = [0.9 * one + 0.1 * new for one, new in zip(expected, trained, strict=True)]
        matrix = 0.9 * matrix + 0.1 * objective.projection.detach()
        moves += 1
        update(companions)

    objective.updated = updated
    fitted(module, batches(data, 4), tmp_path)
    assert moves == 2
    torch.testing.assert_close(list(slow.parameters()), expected)
    torch.testing.assert_close(objective.slow, matrix)
    assert int(objective.pushed) == 32


def test_mixed_rows_are_half_as_many_queries(toy):
    module, data = built(toy, *ALONE, "losses.momentum_contrast.view=mixed")
    batch = encoded(module, batches(data, 1)[0])
    assert of(module)(batch).isfinite()
    of(module).stepped(batch)
    assert int(of(module).pushed) == 4
    assert batch.languages_apart is None


def test_either_language_finds_the_other(toy):
    """A row whose languages are exchanged has the very terms of the other direction."""
    module, data = built(
        toy, *PLAIN, "losses.momentum_contrast.view=either", "losses.momentum_contrast.queue=0",
        "losses.momentum_contrast.normalise=true",
    )  # fmt: skip
    exact(module).eval()
    batch = batches(data, 1)[0]
    encoder, sides = module.encoder, [side.subwords for side in batch.views["either"]]
    source, target = (encoder.pooled(encoder(side), side) for side in sides)
    logits = functional.normalize(source) @ functional.normalize(target).T / 0.25
    expected = functional.cross_entropy(logits.masked_fill(batch.same, -torch.inf), torch.arange(8))
    seen = encoded(module, batch)
    torch.testing.assert_close(of(module)(seen), expected)
    assert seen.languages_apart is None


def test_a_layer_that_the_encoder_has_is_read_and_another_is_refused(toy):
    module, data = built(toy, *PLAIN, "losses.momentum_contrast.layer=0")
    batch = encoded(exact(module), batches(data, 1)[0])
    assert not of(module)(batch).equal(of(built(toy, *PLAIN)[0].double())(batch))
    with pytest.raises(ConfigError, match=r"layer=2: the encoder has 1 layer"):
        built(toy, *ALONE, "losses.momentum_contrast.layer=2")


def test_a_queue_that_fills_late_is_told(toy, caplog):
    configured(toy, *ALONE, "losses.momentum_contrast.queue=9")
    assert "queue=9 is full after more than a quarter of the run (32 keys in all)" in caplog.text
