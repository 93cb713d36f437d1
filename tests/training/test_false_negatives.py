"""What the encoder as it began finds as near as translations is no negative."""

import torch
from training.toy import alone, batches, built, encoded, exact, fitted

from mlalign.losses import false_negatives, inter_sentence_loss

ALONE = (*alone("inter_sentence"), "losses.inter_sentence.temperature=0.1")
GUIDED = (*ALONE, "losses.inter_sentence.false_negatives=0.01")


def vectors(encoder, side):
    """Sentence by sentence, without masks and without dropout."""
    encoder.eval()
    rows = []
    with torch.no_grad():
        for row, ids in enumerate(side.original):
            subwords = side.subwords.rows(slice(row, row + 1))._replace(input_ids=ids[None])
            rows.append(encoder.pooled(encoder(subwords), subwords)[0])
    return torch.stack(rows)


def test_the_guide_is_the_encoder_as_it_began(toy, tmp_path):
    began, _ = built(toy, *ALONE)
    module, data = built(toy, *GUIDED)
    fitted(module, batches(data, 2), tmp_path)
    given = batches(data, 1)[0]
    batch = encoded(exact(module), given)
    (objective,) = module.objectives.values()
    pair = batch.pair("masked")
    guide = [vectors(exact(began).encoder, side.given) for side in pair.sides]
    left_out = false_negatives(*guide, margin=0.01)
    assert left_out.any()
    assert not left_out.all()
    expected = inter_sentence_loss(
        pair.source.sentence, pair.target.sentence, temperature=0.1, margin=0.0, same=given.same | left_out
    )
    torch.testing.assert_close(objective(batch), expected)


def test_without_a_margin_there_is_no_guide(toy):
    module, _ = built(toy, *ALONE)
    assert not module.companions
