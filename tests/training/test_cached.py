"""A batch that is encoded in parts has the gradient of the whole."""

import pytest
from training.toy import batches, built, configured, encoded, exact, gradients, same_gradients

from mlalign.alignment import batch as encoding
from mlalign.errors import ConfigError


def test_its_gradient_is_that_of_the_uncut_batch(toy, tmp_path):
    found = []
    for cached in ("null", 3):
        module, data = built(toy, "method=e5", f"align.cached={cached}")
        found.append(gradients(exact(module), batches(data, 1), tmp_path))
    same_gradients(found[1], found[0])
    assert any(one is not None and one.any() for one in found[0].values())


def test_dropout_is_replayed(toy, tmp_path, monkeypatch):
    """Kept activations give the same gradient as those that are computed again."""
    found = []
    for again in (True, False):
        module, data = built(toy, "method=e5", "align.cached=3")
        passes = []
        module.encoder.register_forward_pre_hook(lambda _, given, passes=passes: passes.append(len(given[0].input_ids)))
        with monkeypatch.context() as patched:
            if not again:
                patched.setattr(encoding, "checkpoint", lambda function, part, use_reentrant: function(part))
            found.append(gradients(module, batches(data, 1), tmp_path))
        assert passes == [3, 3, 3, 3, 3, 1] + ([1, 3, 3, 3, 3, 3] if again else [])
    for name, one in found[0].items():
        assert one is found[1][name] or one.equal(found[1][name]), name


def test_no_hidden_state_is_kept(toy):
    module, data = built(toy, "method=e5", "align.cached=4")
    pair = encoded(module, batches(data, 1)[0]).first
    assert not pair.source.layers
    assert not pair.target.layers


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["method=mlm"], r"align\.cached=4 with losses\.masked_words, which reads more than sentence vectors"),
        (["method=multilevel", "ablation=[no_lang,no_word]"], r"align\.cached=4 with fusion\.form=gated"),
    ],
)
def test_what_reads_more_than_sentence_vectors_is_refused(toy, typed, message):
    with pytest.raises(ConfigError, match=message):
        configured(toy, *typed, "align.cached=4")
