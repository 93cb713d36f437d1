"""What the losses see of a batch."""

import torch
from torch import Tensor
from training.toy import batches, built, encoded, exact

from mlalign.alignment.batch import EncodedPair
from mlalign.alignment.module import AlignmentModule
from mlalign.data.parallel import ParallelBatch, Side


def seen(module: AlignmentModule, batch: ParallelBatch, *, partnered: bool = False) -> EncodedPair:
    return encoded(module, batch, partnered=partnered).first


def with_side(batch: ParallelBatch, name: str, side: Side) -> ParallelBatch:
    """The batch with another side in its only view."""
    ((view, sides),) = batch.views.items()
    return batch._replace(views={view: sides._replace(**{name: side})})


def ready(toy, *overrides: str) -> tuple[AlignmentModule, ParallelBatch]:
    module, data = built(toy, *overrides)
    return exact(module), batches(data, 1)[0]


def rearranged(side: Side, rows: Tensor) -> Side:
    return Side(
        side.subwords._replace(
            **{name: getattr(side.subwords, name)[rows] for name in ("input_ids", "attention_mask", "is_content_token")}
        ),
        *(one[rows] for one in side[1:4]),
    )


class Recorder:
    """The queries and keys that a fusion is given."""

    def __init__(self, fusion: torch.nn.Module) -> None:
        self.calls: list[tuple[Tensor, ...]] = []
        fusion.register_forward_hook(lambda _, given, __: self.calls.append(given))


def test_both_languages_are_encoded_once_and_together(toy):
    module, batch = ready(toy)
    passes = []
    module.encoder.register_forward_hook(lambda *given: passes.append(given))
    one = encoded(module, batch, partnered=True)
    for objective in module.objectives.values():
        objective(one)
        objective.measures(one)
    module.objectives["adversarial"].opponent_loss(one)
    assert len(passes) == 1


def test_states_are_those_of_the_masked_text_and_labels_those_of_the_original(toy):
    module, batch = ready(toy)
    pair = seen(module, batch)
    for side, given in zip(pair.sides, batch.first, strict=True):
        torch.testing.assert_close(side.states, module.encoder(given.subwords))
        rows = [
            (row, int(given.original[row, place])) for row, place in given.subwords.is_content_token.nonzero().tolist()
        ]
        assert list(zip(side.sentence_of_token.tolist(), side.token_ids.tolist(), strict=True)) == rows
        assert side.is_masked.sum() == given.masked.sum() > 0
        masked = given.subwords.input_ids != given.original
        assert (masked <= given.masked).all()  # what is changed is to be guessed


def test_a_padded_sentence_gives_the_same_vectors_alone(toy):
    module, batch = ready(toy, "fusion.form=off")
    pair = seen(module, batch)
    row = int(batch.first.source.subwords.attention_mask.sum(1).argmin())
    length = int(batch.first.source.subwords.attention_mask[row].sum())
    side = rearranged(batch.first.source, torch.tensor([row]))
    alone = Side(
        side.subwords._replace(
            input_ids=side.subwords.input_ids[:, :length],
            attention_mask=side.subwords.attention_mask[:, :length],
            is_content_token=side.subwords.is_content_token[:, :length],
        ),
        *(one[:, :length] for one in side[1:4]),
    )
    lonely = seen(module, with_side(batch, "source", alone)).source
    for name in ("sentence", "mean", "language"):
        torch.testing.assert_close(getattr(lonely, name)[0], getattr(pair.source, name)[row])


def test_multilevel_sentences_attend_to_the_mean_vectors_of_both_languages(toy):
    module, batch = ready(toy)
    recorder = Recorder(module.encoder.sentence_fusion)
    pair = seen(module, batch)
    english, other = (side.states[:, 1].mean(0) for side in pair.sides)
    for side, (query, source_key, target_key) in zip(pair.sides, recorder.calls, strict=True):
        torch.testing.assert_close(query, module.encoder.pooled(side.states, side.given.subwords))
        torch.testing.assert_close(source_key, english)
        torch.testing.assert_close(target_key, other)


def test_multilevel_keys_carry_gradient(toy):
    module, batch = ready(toy)
    pair = seen(module, batch)
    (moved,) = torch.autograd.grad(pair.source.sentence.sum(), pair.target.states)
    assert moved[:, 1].abs().sum() > 0  # the language vectors
    assert moved[:, [0, *range(2, moved.shape[1])]].abs().sum() == 0  # and nothing else


def test_literal_sentences_attend_to_the_vectors_of_their_own_pair(toy):
    module, batch = ready(toy, "method=literal")
    recorder = Recorder(module.encoder.sentence_fusion)
    pair = seen(module, batch)
    for _, source_key, target_key in recorder.calls:
        torch.testing.assert_close(source_key, pair.source.states[:, 1])
        torch.testing.assert_close(target_key, pair.target.states[:, 1])


def every(side):
    return torch.ones_like(side.is_masked)


def test_multilevel_words_cannot_tell_their_translation_from_any_other(toy):
    module, batch = ready(toy)
    other = rearranged(batch.first.target, torch.arange(len(batch.same)).flip(0))
    pairs = [seen(module, one, partnered=True) for one in (batch, with_side(batch, "target", other))]
    found = [pair.distribution_tokens(pair.source, every(pair.source)) for pair in pairs]
    torch.testing.assert_close(*found)
    # the masked words of a partnered batch may, and do
    hidden = [pair.masked_tokens(pair.source) for pair in pairs]
    assert (hidden[0] - hidden[1]).abs().max() > 1e-6


def test_literal_words_can(toy):
    module, batch = ready(toy, "method=literal")
    other = rearranged(batch.first.target, torch.arange(len(batch.same)).flip(0))
    pairs = [seen(module, one, partnered=True) for one in (batch, with_side(batch, "target", other))]
    words = [pair.distribution_tokens(pair.source, every(pair.source)) for pair in pairs]
    assert (words[0] - words[1]).abs().max() > 1e-6


def test_words_attend_to_fused_sentences(toy):
    module, batch = ready(toy)
    recorder = Recorder(module.encoder.word_fusion)
    pair = seen(module, batch, partnered=True)
    pair.distribution_tokens(pair.target, every(pair.target))
    pair.masked_tokens(pair.target)
    (_, *own), (_, *both) = recorder.calls
    row = pair.target.sentence_of_token
    for key in own:
        torch.testing.assert_close(key, pair.target.sentence[row])
    hidden = row[pair.target.is_masked]
    for key, side in zip(both, pair.sides, strict=True):
        torch.testing.assert_close(key, side.sentence[hidden])


def test_the_vocabulary_head_has_no_language_tokens_and_shares_the_embeddings(toy):
    for method in ("multilevel", "literal"):
        module, data = built(toy, f"method={method}")
        embeddings = module.encoder.backbone.get_input_embeddings().weight
        tokens = data.layout.language_tokens.values()
        assert len(module.head) == len(embeddings) - 4  # en, de, fr and unk
        assert set(tokens) == set(range(len(module.head), len(embeddings)))
        assert module.head.weight is embeddings
        assert module.head.bias is None or len(module.head.bias) == len(embeddings)


def draws(module: AlignmentModule, batch: ParallelBatch, monkeypatch, number: int) -> list[bool]:
    found: list[bool] = []
    with monkeypatch.context() as patched:
        patched.setattr(module, "encoded", lambda _, *, partnered: found.append(bool(partnered)))
        for place in range(number):
            module.encode(batch._replace(place=place), batch.views)
    return found


def test_partners_are_drawn_by_seed_and_place_alone(toy, monkeypatch):
    module, batch = ready(toy, "fusion.partner_drop=0.3")
    first = draws(module, batch, monkeypatch, 400)
    torch.manual_seed(7)  # history
    module.eval()
    assert draws(module, batch, monkeypatch, 400) == first
    assert 0.6 < sum(first) / 400 < 0.8
    other, _ = ready(toy, "fusion.partner_drop=0.3", "align.seed=2")
    assert draws(other, batch, monkeypatch, 400) != first


def test_partners_are_dropped_always_or_never(toy, monkeypatch):
    for share, expected in ((0.0, True), (1.0, False)):
        module, batch = ready(toy, f"fusion.partner_drop={share}")
        assert set(draws(module, batch, monkeypatch, 100)) == {expected}
    module, batch = ready(toy, "ablation=no_afm")
    assert set(draws(module, batch, monkeypatch, 100)) == {False}


def test_in_batch_accuracy_is_the_mean_of_both_directions(toy):
    module, batch = ready(toy)
    pair = seen(module, batch)
    pair.source.sentences = torch.eye(8)
    pair.target.sentences = 3 * torch.eye(8)
    assert float(pair.in_batch_accuracy()) == 1
    pair.target.sentences = torch.eye(8).roll(1, 0)
    assert float(pair.in_batch_accuracy()) == 0
    pair.target.sentences = torch.eye(8)[[0, 0, 2, 3, 4, 5, 6, 7]]  # 1 has no translation of its own
    # source 1 finds nothing (argmax 0); target 1 finds source 0
    assert float(pair.in_batch_accuracy()) == 7 / 8
