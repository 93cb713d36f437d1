"""XLM-Align's pointers: links of the text without masks, pointed at by masked tokens."""

import pytest
import torch
from training.toy import alone, batches, built, encoded, exact

from mlalign.errors import ConfigError
from mlalign.losses import mutual_links, sinkhorn

ALONE = (*alone("link_pointer"), "fusion.form=off", "method.language_tokens=false", "weighting.form=fixed")


def of(module):
    (objective,) = module.objectives.values()
    return objective


def test_masked_tokens_point_at_what_the_unmasked_row_links_them_with(toy):
    module, data = built(toy, *ALONE, "losses.link_pointer.layer=0")
    objective, given = of(exact(module)), batches(data, 1)[0]
    (rows,) = given.views["tlm"]
    half = rows.half * rows.is_content_token
    clean = rows.subwords._replace(input_ids=rows.original)
    vectors = module.encoder.layers(clean)[0].detach().float()
    states = module.encoder(rows.subwords)
    total, number = 0.0, 0
    for row in range(len(half)):
        first, second = ((half[row] == one).nonzero()[:, 0] for one in (1, 2))
        found = vectors[row][first] @ vectors[row][second].T
        allowed = torch.ones(1, *found.shape, dtype=torch.bool)
        links = mutual_links(sinkhorn(found[None], allowed, iterations=2), allowed)[0].nonzero()
        for one, other in ((first[links[:, 0]], second[links[:, 1]]), (second[links[:, 1]], first[links[:, 0]])):
            among = second if half[row][one[0]] == 1 else first
            for i, j in zip(one.tolist(), other.tolist(), strict=True):
                if rows.masked[row, i]:
                    scores = objective.query(states[row, i]) @ objective.key(states[row, among]).T / 32**0.5
                    total += scores.logsumexp(0) - scores[among.tolist().index(j)]
                    number += 1
    assert number > 3
    torch.testing.assert_close(objective(encoded(module, given)), total / number)


def test_links_draw_nothing_and_leave_the_mode_and_the_gradient_alone(toy):
    module, data = built(toy, *ALONE)
    module.train()
    batch = encoded(module, batches(data, 1)[0])
    before = torch.get_rng_state()
    objective = of(module)
    across, links = objective.links(batch.joined("tlm"))
    assert torch.get_rng_state().equal(before)
    assert module.encoder.training
    assert module.encoder.backbone.training
    assert not links.requires_grad
    assert (links & ~across).sum() == 0
    assert links.any((1, 2)).all()
    assert objective.links(batch.joined("tlm"))[1].equal(links)  # whatever dropout


def test_a_layer_that_the_encoder_lacks_is_refused(toy):
    with pytest.raises(ConfigError, match=r"losses\.link_pointer\.layer=2: the encoder has 1 layer"):
        built(toy, *ALONE, "losses.link_pointer.layer=2")
