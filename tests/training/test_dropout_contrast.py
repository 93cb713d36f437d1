"""English through two dropouts: no translation is read."""

import pytest
import torch
from training.toy import batches, built, configured, encoded

from mlalign.errors import ConfigError
from mlalign.losses import inter_sentence_loss


def test_is_the_sentence_contrast_of_two_passes(toy):
    module, data = built(toy, "method=simcse")
    module.train()
    batch = encoded(module, batches(data, 1)[0])
    one, other = batch.joined("english").sentence, batch.joined("again:english").sentence
    assert not one.equal(other)  # another dropout
    loss = module.objectives["dropout_contrast"](batch)
    torch.testing.assert_close(loss, inter_sentence_loss(one, other, temperature=0.05, same=batch.same))


def test_no_target_text_is_in_the_batch(toy):
    _, data = built(toy, "method=simcse")
    batch = batches(data, 1)[0]
    assert set(batch.views) == {"english", "again:english"}
    assert all(len(sides) == 1 for sides in batch.views.values())


def test_without_dropout_it_is_refused(toy):
    with pytest.raises(ConfigError, match=r"backbone\.dropout=0: both passes would be the same"):
        configured(toy, "method=simcse", "backbone.dropout=0")
