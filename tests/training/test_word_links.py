"""Links of tokens in a batch, and what their objective sees."""

import numpy as np
import pytest
import torch
from training.toy import batches, built, configured, encoded, exact

from mlalign.data.parallel import ParallelText
from mlalign.errors import ConfigError

LINKED = ("method=word_contrast", "align.batch_size=8", "align.steps=8")


def test_linked_tokens_translate_each_other(toy):
    """One of the ciphers turns words around and keeps most of their pieces."""
    _, data = built(toy, *LINKED)
    right = total = 0
    for batch in batches(data, 8):
        if batch.languages[1] != "fr":
            continue
        for row, *places in batch.links.tolist():
            ids = [side.original[row][side.is_content_token[row]] for side in batch.first]
            pieces = [data.layout.tokenizer.decode(one[place]).strip() for one, place in zip(ids, places, strict=True)]
            total += 1
            right += pieces[0] in pieces[1] or pieces[1] in pieces[0]
    assert total > 50
    assert right > 0.9 * total


def test_every_rank_has_the_links_of_its_rows(toy):
    _, data = built(toy, *LINKED)
    whole = data.train_dataloader().dataset
    key = data.sampler(1).key(0, 0)
    parts = [
        ParallelText(data.tables, data.trained, data.layout, data.views, rank=rank, world_size=2)[key].links
        for rank in range(2)
    ]
    parts[1][:, 0] += 4
    assert torch.cat(parts).equal(whole[key].links)


@pytest.mark.parametrize("method", ["word_l2", "word_contrast", "word_contrast_strong"])
def test_tokens_without_a_link_have_no_gradient(toy, method):
    module, data = built(toy, f"method={method}", "align.batch_size=8")
    batch = encoded(exact(module), batches(data, 1)[0])
    (objective,) = module.objectives.values()
    pair = batch.pair("clean")
    for side in pair.sides:
        side.states.retain_grad()
    objective(batch).backward()
    for number, side in enumerate(pair.sides, start=1):
        linked = np.zeros(side.given.is_content_token.shape, bool)
        for row, place in batch.links[:, [0, number]].tolist():
            linked[row, side.given.is_content_token[row].nonzero()[place]] = True
        moved = side.states.grad.abs().sum(-1).numpy() > 0
        assert (moved == linked).all() or (linked & ~moved).sum() <= 1
        assert not (moved & ~linked).any()


def test_the_distance_to_the_start_is_that_of_all_weights(toy):
    module, data = built(toy, "method=word_l2", "align.batch_size=8")
    (objective,) = module.objectives.values()
    batch = encoded(exact(module), batches(data, 1)[0])
    before = objective(batch)
    before.backward()
    assert all(one.grad.isfinite().all() for one in module.parameters() if one.grad is not None)
    with torch.no_grad():
        for parameter in module.encoder.backbone.base_model.parameters():
            parameter += 0.5
    count = sum(parameter.numel() for parameter in module.encoder.backbone.base_model.parameters())
    torch.testing.assert_close(objective(batch) - before, torch.tensor(0.5 * count**0.5, dtype=torch.float64))


def test_a_method_that_needs_links_says_so(toy):
    with pytest.raises(ConfigError, match=r"losses\.word_links needs links between words: set data\.links=ibm1"):
        configured(toy, "method=word_l2", "data.links=none")
