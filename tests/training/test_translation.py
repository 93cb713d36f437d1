"""From a sentence's vector alone its translation is written."""

import math

import pytest
import torch
from torch import nn
from training.toy import batches, built, encoded, exact
from typed import call

from mlalign.losses import masked_word_loss
from mlalign.models.decoder import TranslationDecoder


def test_the_loss_is_the_cross_entropy_of_every_next_word(toy):
    """Sentence by sentence and word by word, with a softmax over the whole vocabulary."""
    module, data = built(toy, "method=t_laser", "align.batch_size=3")
    batch = encoded(exact(module), batches(data, 1)[0])
    (objective,) = module.objectives.values()
    pair, head = batch.pair("clean"), batch.vocabulary
    embeddings = pair.encoder.backbone.get_input_embeddings()
    expected = 0.0
    for side, other, language in ((pair.source, pair.target, 1), (pair.target, pair.source, 0)):
        costs = []
        for row, ids in enumerate(other.given.original):
            vector = side.states[row][side.given.subwords.attention_mask[row] == 1].amax(0)
            for place in range(1, len(ids)):
                if not other.given.is_content_token[row, place]:
                    continue
                decoder = objective.decoder
                states = decoder(vector[None], embeddings(ids[None, :place]), batch.languages[language])
                logits = (head(states[0, -1:]) @ head.weight.T + head.bias)[0][: len(head)]
                costs.append(logits.exp().sum().log() - logits[ids[place]])
        expected = expected + torch.stack(costs).mean()
    torch.testing.assert_close(objective(batch), expected)


def test_three_words_by_hand():
    """Where all embeddings are zero, every next word of three costs ln 3."""
    decoder = TranslationDecoder(4, 4, ["en", "de"], layers=1)
    states = decoder(torch.randn(2, 4), torch.zeros(2, 5, 4), "de")
    loss = masked_word_loss(states.flatten(0, 1), torch.zeros(3, 4), None, torch.arange(10) % 3)
    assert loss.item() == pytest.approx(math.log(3))


@pytest.mark.parametrize("layers", [1, 2])
def test_a_later_word_changes_no_earlier_row(layers):
    torch.manual_seed(0)
    decoder = TranslationDecoder(4, 6, ["en", "de"], layers=layers).double()
    vector, words = torch.randn(3, 4).double(), torch.randn(3, 7, 6).double()
    before = decoder(vector, words, "de")
    words[:, 4] += 1
    after = decoder(vector, words, "de")
    assert after[:, :4].equal(before[:, :4])
    assert (after[:, 4:] != before[:, 4:]).any(-1).all()


def test_it_knows_the_language_and_each_sentence_by_its_own_vector():
    torch.manual_seed(0)
    decoder = TranslationDecoder(4, 6, ["en", "de"], layers=1)
    vector, words = torch.randn(3, 4), torch.randn(3, 7, 6)
    assert not decoder(vector, words, "de").allclose(decoder(vector, words, "en"))
    whole, alone = decoder(vector, words, "de"), decoder(vector[1:2], words[1:2], "de")
    torch.testing.assert_close(whole[1:2], alone)


def test_a_vector_of_another_sentence_tells_nothing():
    """Eight sentences of the same few words: without its vector a sentence is only text of its language."""
    torch.manual_seed(0)
    text = torch.randint(5, (8, 6))
    vector, words, matrix = torch.randn(8, 16), nn.Embedding(5, 16), nn.Linear(16, 5)
    decoder = TranslationDecoder(16, 16, ["de"], layers=1)
    optimizer = torch.optim.Adam([*decoder.parameters(), *words.parameters(), *matrix.parameters()], 0.02)

    def loss(of: torch.Tensor) -> torch.Tensor:
        start = torch.zeros_like(text[:, :1])
        states = decoder(of, words(torch.cat([start, text[:, :-1]], 1)), "de")
        return nn.functional.cross_entropy(matrix(states).flatten(0, 1), text.flatten())

    for _ in range(60):
        optimizer.zero_grad()
        loss(vector).backward()
        optimizer.step()
    assert loss(vector) < 0.1
    assert loss(vector.roll(1, 0)) > math.log(5)


def test_only_the_max_of_real_positions_is_read(toy):
    module, data = built(toy, "method=t_laser")
    batch = batches(data, 1)[0]
    module.eval()
    side = encoded(module, batch).pair("clean").source
    mask = side.given.subwords.attention_mask
    expected = torch.stack([states[kept == 1].amax(0) for states, kept in zip(side.states, mask, strict=True)])
    assert side.vector().equal(expected)


RUN = (
    "backbone.width=16", "backbone.layers=1", "backbone.vocabulary_size=300", "data=files", "data.parallel=[toy]",
    "data.held_out=12", "align.steps=3", "align.batch_size=8", "align.max_length=32", "align.validations=1",
    "finetune.epochs=1", "finetune.max_length=32", "trainer=cpu", "trainer.progress=false", "task.languages=[en,de]",
)  # fmt: skip


@pytest.mark.parametrize("task", ["mldoc", "panx"])
def test_laser_runs_on_sentences_and_is_refused_for_words(toy, tmp_path, task):
    words = [*RUN, f"data.root={toy}", f"data.cache={tmp_path}/cache", "method=laser", f"task={task}"]
    ended = call("train.py", words, tmp_path)
    if task == "mldoc":
        assert ended.returncode == 0, ended.stderr
        (results,) = tmp_path.glob("outputs/mldoc/*/results.json")
        assert results.parent.name.startswith("bilstm-laser-seed1-")
        assert "LASER's recipe, not its weights" in results.read_text(encoding="utf-8")
    else:
        assert ended.returncode == 2
        assert "task=panx is about words, and LASER has vectors of whole sentences alone" in ended.stderr
        assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("backbone.width=15", "needs an even number"),
        ("backbone.gradient_checkpointing=true", "backbone.gradient_checkpointing=true: BiLstmForMaskedLM has none"),
        ("losses.translation.layers=0", "losses.translation.layers=0: expected at least 1"),
    ],
)
def test_what_laser_cannot_do_is_refused(toy, tmp_path, typed, message):
    ended = call(
        "train.py", [*RUN, f"data.root={toy}", f"data.cache={tmp_path}/cache", "method=laser", typed], tmp_path
    )
    assert ended.returncode == 2, ended.stderr
    assert message in ended.stderr


def test_the_distance_is_added_with_its_weight_and_draws_vectors_together(toy):
    module, data = built(toy, "method=ct_laser", "losses.translation.distance=0.5", "align.batch_size=3")
    exact(module)
    (objective,) = module.objectives.values()
    loss = objective(encoded(module, batches(data, 1)[0]))
    objective.distance = 0.0
    batch = encoded(module, batches(data, 1)[0])
    u, v = (side.vector() for side in batch.pair("clean").sides)
    expected = sum(((one - other) ** 2).sum() for one, other in zip(u, v, strict=True)) / len(u)
    torch.testing.assert_close(loss - objective(batch), 0.5 * expected)
    assert expected > 0
