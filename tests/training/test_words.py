"""The word level: one pass for all its losses, over all words or those of the text."""

import pytest
import torch
from training.toy import aligner, batches, built, encoded, exact, fitted, folder_of, objective
from transformers import AutoModelForMaskedLM

from mlalign.alignment import vocabulary
from mlalign.alignment.batch import EncodedBatch
from mlalign.losses import masked_word_loss, word_distribution_loss
from mlalign.models.io import load_encoder
from mlalign.models.vocabulary_head import VocabularyHead

SETTINGS = {
    "masked_words": {"chunk_size": 30},
    "word_distribution": {"chunk_size": 20, "smoothing_mass": 0.1, "prediction": "mixture"},
}


def seen(toy, *overrides: str) -> EncodedBatch:
    module, data = built(toy, *overrides)
    return encoded(exact(module), batches(data, 1)[0], partnered=True)


@pytest.fixture(scope="module")
def active(toy) -> EncodedBatch:
    return seen(toy, "align.vocabulary=seen")


def objectives():
    return {name: objective(name, **settings) for name, settings in SETTINGS.items()}


def alone(batch: EncodedBatch) -> dict[str, torch.Tensor]:
    """Both losses by themselves."""
    return {name: one(batch) for name, one in objectives().items()}


def together(batch: EncodedBatch) -> dict[str, torch.Tensor]:
    return vocabulary.vocabulary_losses(objectives(), batch)


def slopes(losses: dict[str, torch.Tensor], batch: EncodedBatch) -> list[torch.Tensor]:
    """Of parameters that the losses reach in different ways, each loss weighted differently."""
    total = 0.3 * losses["masked_words"] + 1.7 * losses["word_distribution"]
    trained = [one for one in batch.first.encoder.parameters() if one.requires_grad]
    return list(torch.autograd.grad(total, trained, retain_graph=True, materialize_grads=True))


@pytest.mark.parametrize("overrides", [[], ["align.vocabulary=seen"], ["method=literal"]])
def test_together_both_losses_are_what_they_are_alone(toy, overrides):
    batch = seen(toy, *overrides)
    found, expected = together(batch), alone(batch)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(slopes(found, batch), slopes(expected, batch), rtol=1e-9, atol=1e-12)


def test_one_pass_serves_both_and_the_smaller_chunk_holds(toy, monkeypatch):
    passes = []
    original = vocabulary.word_divergences

    def counted(terms, *head, chunk_size, **settings):
        passes.append((len(terms), chunk_size))
        return original(terms, *head, chunk_size=chunk_size, **settings)

    monkeypatch.setattr(vocabulary, "word_divergences", counted)
    together(seen(toy))
    assert passes == [(4, 20)]


def restricted(batch: EncodedBatch, pieces: torch.Tensor) -> dict[str, torch.Tensor]:
    """Eqs. 12 and 13 over the whole matrix of logits, of which only some columns exist."""
    pair = batch.first
    embeddings = pair.encoder.backbone.get_input_embeddings().weight
    place = {int(piece): column for column, piece in enumerate(pieces)}
    losses = dict.fromkeys(SETTINGS, 0.0)
    for side, partner in (pair.sides, pair.sides[::-1]):

        def logits(rows: torch.Tensor) -> torch.Tensor:
            whole = rows @ embeddings.T
            bias = pair.head._bias[0]
            return (whole[:, : len(bias)] + bias)[:, pieces]

        labels = [place[int(one)] for one in side.token_ids[side.is_masked]]
        losses["masked_words"] += torch.nn.functional.cross_entropy(
            logits(pair.masked_tokens(side)), torch.tensor(labels)
        )
        q = logits(pair.distribution_tokens(side, torch.ones_like(side.is_masked))).softmax(1)
        for row in range(len(side.states)):
            theirs = [place[int(one)] for one in partner.token_ids[partner.sentence_of_token == row]]
            p = torch.zeros(len(pieces), dtype=torch.float64)
            for one in theirs:
                p[one] += 0.9 / len(theirs)
            p += 0.1 / len(pieces)
            mixture = q[side.sentence_of_token == row].mean(0)
            losses["word_distribution"] += (p * (p / mixture).log()).sum() / len(side.states)
    return losses


def test_over_the_words_of_the_text_alone_they_are_the_equations_with_these_columns(active):
    pieces = active.head.vocabulary_ids
    assert len(pieces) < active.head.size
    expected, found = restricted(active, pieces), together(active)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(slopes(found, active), slopes(expected, active), rtol=1e-8, atol=1e-10)


def test_the_words_are_those_of_both_sides_of_the_text_and_no_special_ones(toy, active):
    _, data = built(toy)
    found = {
        piece
        for table in data.tables.values()
        for side in ("source", "target")
        for sentence in table.rows[:][side].to_pylist()
        for piece in sentence
    }
    assert active.head.vocabulary_ids.tolist() == sorted(found)
    tokenizer = data.layout.tokenizer
    special = {*tokenizer.all_special_ids, *data.layout.language_tokens.values()}
    assert not special & (found - {tokenizer.unk_token_id})
    again, _ = built(toy, "align.vocabulary=seen", "align.seed=5", "align.steps=9")
    assert torch.equal(again.head.vocabulary_ids, active.head.vocabulary_ids)


def test_words_that_never_occur_learn_nothing_from_the_word_losses(active):
    weight = active.first.encoder.backbone.get_input_embeddings().weight
    pieces = active.head.vocabulary_ids
    (moved,) = torch.autograd.grad(active.head.weight.square().sum(), weight)
    others = torch.ones(len(weight), dtype=torch.bool).index_fill_(0, pieces, False)
    assert moved[pieces].any(1).all()
    assert not moved[others].any()


def test_a_word_that_is_left_out_is_refused():
    embeddings = torch.nn.Parameter(torch.randn(6, 3))
    head = VocabularyHead(lambda rows: rows, embeddings, None, 5, vocabulary_ids=torch.tensor([1, 4]))
    torch.testing.assert_close(head.weight, embeddings[[1, 4]])
    assert head.columns(torch.tensor([4, 1, 4])).tolist() == [1, 0, 1]
    labels = head.columns(torch.tensor([4, 0]))
    with pytest.raises(ValueError, match="labels must lie between 0 and 1, found -1 to 1"):
        masked_word_loss(torch.ones(2, 3), head.weight, head.bias, labels)
    first, second = torch.arange(2), head.columns(torch.tensor([2, 4]))
    with pytest.raises(ValueError, match="partner_words must lie between 0 and 1, found -1 to 1"):
        word_distribution_loss(
            torch.ones(2, 3), first, head.weight, None, second, first,
            sentences=2, smoothing_mass=0.0,
        )  # fmt: skip


def test_checkpoints_do_not_know_which_words_occur(toy):
    full, _ = built(toy)
    some, _ = built(toy, "align.vocabulary=seen")
    assert list(full.state_dict()) == list(some.state_dict())


def test_the_folder_is_whole_and_only_the_words_of_the_text_were_moved_as_outputs(toy, tmp_path):
    folder = folder_of(
        aligner(toy, "align.vocabulary=seen", f"aligned={tmp_path}", "align.learning_rate.embeddings=0.01")
    )
    module, _ = built(toy, "align.vocabulary=seen")
    plain = AutoModelForMaskedLM.from_pretrained(folder).eval()
    encoder, _ = load_encoder(folder, attention="eager")
    ids = torch.tensor([[0, 7, 8, 2]])
    with torch.no_grad():
        logits = plain(ids).logits
        torch.testing.assert_close(logits, encoder.backbone.eval()(ids).logits)
    assert logits.shape[-1] == len(module.encoder.backbone.get_input_embeddings().weight)
    bias = plain.get_output_embeddings().bias
    pieces = module.head.vocabulary_ids
    others = torch.ones(len(bias), dtype=torch.bool).index_fill_(0, pieces, False)
    assert bias[pieces].any()
    assert not bias[others].any()


def test_an_alignment_over_the_words_of_the_text_learns(toy, tmp_path):
    module, data = built(toy, "align.vocabulary=seen", "align.steps=4")
    fitted(module, batches(data, 4), tmp_path)
    assert all(parameter.isfinite().all() for parameter in module.parameters())
