"""What each tuning computes, held against other ways to compute it."""

import math
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Categorical, kl_divergence
from training.toy import WORDS, cipher, trainer, without_dropout
from training.tuned import fitted, tuned

from mlalign import distributed
from mlalign.data.readers import UNLABELLED, LabelledText, TaggedSentence
from mlalign.errors import DataError
from mlalign.finetuning.evaluating import read_all
from mlalign.finetuning.resources import Resources
from mlalign.finetuning.switching import switched
from mlalign.finetuning.tunings.base import EncodedPairs
from mlalign.finetuning.tunings.instance_weighting import Similarity, similarity_weights
from mlalign.finetuning.tunings.self_training import Guess, chosen, guessed
from mlalign.losses import consistency_loss, discriminator_loss, model_consistency_loss
from mlalign.tasks.registry import learned_task
from mlalign.tasks.updates import Row, encode_rows

LEXICON = {language: {w: (cipher(w, language),) for slot in WORDS.values() for w in slot} for language in ("de", "fr")}
TAGS = ["O", "B-PER", "I-PER"]


def only(module: Any) -> Any:
    """The one tuning of a module."""
    (tuning,) = module.tunings.values()
    return tuning


def first_pairs(module: Any, data: Any) -> EncodedPairs:
    """Those of the first update, encoded without dropout."""
    module.eval()
    (batches,) = data.updates[next(iter(data.train_dataloader().sampler))].pairs.values()
    batch = batches[0]
    return EncodedPairs(batch, module.represent(batch.source), module.represent(batch.target), module.read)


# Language adversary


def test_each_player_learns_from_its_own_loss_alone(toy):
    module, data = tuned(toy, "tuning=language_adversary")
    tuning, encoded = only(module), first_pairs(module, data)
    encoder = module.encoder.backbone.get_input_embeddings().weight
    tuning.opponent_term(encoded).backward(retain_graph=True)
    assert encoder.grad is None
    assert tuning.discriminator.weight.grad.any()
    tuning.discriminator.zero_grad()
    tuning.pair_term(encoded).backward()
    assert encoder.grad.any()
    assert tuning.discriminator.weight.grad is None
    logits = [tuning.discriminator(side.mean.detach())[:, 0] for side in (encoded.source, encoded.target)]
    expected = discriminator_loss(*logits) * len(logits[0])
    torch.testing.assert_close(tuning.opponent_term(encoded), expected)


def test_the_adversary_sees_english_and_a_target_language_and_no_parallel_text(toy, tmp_path):
    module, data = tuned(toy, "tuning=language_adversary")
    tuning, english = only(module), {one.texts for one in data.train.examples}
    languages = set()
    for batch in range(12):
        pairs = tuning.pairs(data.updates.source, 0, batch)
        languages.add(pairs.language)
        own = {one.texts for one in tuning.parts.resources.files.read_unlabelled(pairs.language).examples}
        assert {one.texts for one in pairs.source} <= english
        assert {one.texts for one in pairs.target} <= own
        assert not own & english
        assert {one.label for one in pairs.target} == {UNLABELLED}
    assert languages == {"de", "fr"}
    fitted(module, data, tmp_path, epochs=1)
    assert "parallel" not in vars(tuning.parts.resources)  # where its files would be


# XeroAlign


@pytest.mark.parametrize("source", ["translations", "parallel"])
def test_translations_are_drawn_together_by_the_mean_squared_error(toy, source):
    module, data = tuned(toy, "tuning=xero_align", f"tuning.xero_align.source={source}")
    encoded = first_pairs(module, data)
    expected = nn.MSELoss()(encoded.source.sentence, encoded.target.sentence)
    rows = len(encoded.source.sentence)
    torch.testing.assert_close(only(module).pair_term(encoded) / rows, expected)
    pairs = only(module).pairs(data.updates.source, 0, 0)
    for one, other in zip(pairs.source, pairs.target, strict=True):
        assert other.texts[0] == cipher(one.texts[0], pairs.language)


def test_detached_english_stays_where_the_task_puts_it(toy):
    module, data = tuned(toy, "tuning=xero_align", "tuning.xero_align.detach=true")
    encoded = first_pairs(module, data)
    encoded.source.sentence.retain_grad()
    encoded.target.sentence.retain_grad()
    only(module).pair_term(encoded).backward()
    assert encoded.source.sentence.grad is None
    assert encoded.target.sentence.grad.any()


# Words replaced by their translations


def test_as_many_words_are_replaced_as_are_asked_for_and_have_an_entry():
    task = learned_task("accuracy", ["a", "b"])
    example = LabelledText("1", ("bank sees (bread), bank unheard!",), 1)
    lexicon = {"de": {"bank": ("Bank",), "sees": ("sieht",)}, "fr": {"bank": ("banque de",), "bread": ("pain",)}}
    random, counts = np.random.default_rng(1), Counter()
    draws = 4000
    for _ in range(draws):
        found = switched(task, example, lexicon, ["de", "fr"], random, share=0.4)
        assert found.label == 1
        counts.update(found.texts[0].split())
    covered = {"bank": 2, "sees": 0.5, "(bread),": 0.5, "unheard!": 0}  # words, times the share of their languages
    for word, share in covered.items():
        expected = draws * ((2 if word == "bank" else 1) - 0.4 * share)
        assert abs(counts[word] - expected) < 5 * math.sqrt(2 * draws * 0.25), word
    assert counts["(pain),"] > 0.15 * draws
    assert counts["banque"] == counts["de"]
    assert switched(task, example, lexicon, ["de"], random, share=0) == example


def test_tags_stay_on_their_words():
    task = learned_task("entity_f1", TAGS)
    example = TaggedSentence("1", ("Bank", "of", "Rome"), (1, 0, 2))
    lexicon = {"fr": {"bank": ("la banque centrale",), "of": ("de la",)}}
    random = np.random.default_rng(1)
    found = switched(task, example, lexicon, ["fr"], random, share=1)
    assert found.words == ("la", "banque", "centrale", "de", "la", "Rome")
    assert [TAGS[tag] for tag in found.tags] == ["B-PER", "I-PER", "I-PER", "O", "O", "I-PER"]
    assert switched(task, example, lexicon, ["fr"], random, share=1, single=True) == example


def test_an_epoch_switches_anew_and_labels_never_change(toy):
    module, data = tuned(toy, "tuning=code_switch", "tuning.code_switch.ratio=0.5")
    english = data.updates.source
    epochs = [only(module).examples(english, epoch) for epoch in (0, 1, 0)]
    assert epochs[0] == epochs[2] != epochs[1]
    for rows in epochs:
        assert [row.example.label for row in rows] == [row.example.label for row in english]
        same = sum(row == one for row, one in zip(rows, english, strict=True))
        assert 0.2 * len(english) < same < 0.8 * len(english)


@pytest.mark.parametrize("texts", [1, 2])
def test_of_two_texts_one_is_said_in_another_language_and_a_single_one_is(toy, texts):
    module, _ = tuned(toy, "tuning=code_switch", "tuning.code_switch.unit=sentence")
    rows = [Row(LabelledText(str(n), tuple(f"{n}.{place}" for place in range(texts)), n % 2)) for n in range(40)]
    said = {
        language: {one.example.id: replace(one.example, texts=tuple(f"{language} {text}" for text in one.example.texts))
        for one in rows[1:]}
        for language in ("de", "fr")
    }  # fmt: skip
    only(module).parts.resources.translations = said.__getitem__
    found = only(module).examples(rows, 0)
    assert found[0] == rows[0]  # has no translation
    kinds = set()
    for row, english in zip(found[1:], rows[1:], strict=True):
        places = [place for place, text in enumerate(row.example.texts) if text != english.example.texts[place]]
        assert len(places) == 1
        language = row.example.texts[places[0]].split()[0]
        assert row.example.texts[places[0]] == said[language][row.example.id].texts[places[0]]
        assert (row.example.id, row.example.label) == (english.example.id, english.example.label)
        assert row.language == (language if texts == 1 else "en")
        kinds.add((places[0], language))
    assert len(kinds) == 2 * texts
    assert only(module).examples(rows, 0) == found != only(module).examples(rows, 1)


# Translations that are learned from


def test_an_epoch_has_each_example_once_in_some_language(toy):
    module, data = tuned(toy, "tuning=translate_train")
    english = data.updates.source
    rows = [row for epoch in range(20) for row in only(module).examples(english, epoch)]
    shares = Counter(row.language for row in rows)
    for language in ("en", "de", "fr"):
        assert shares[language] / len(rows) == pytest.approx(1 / 3, abs=0.1)
    for place, row in enumerate(rows):
        one = english[place % len(english)].example
        assert (row.example.id, row.example.label) == (one.id, one.label)
        assert row.example.texts[0] == cipher(one.texts[0], row.language)


def test_a_translation_with_another_label_is_refused(toy):
    module, data = tuned(toy, "tuning=translate_train")
    resources = only(module).parts.resources
    one = data.train.examples[0]
    with pytest.raises(
        DataError, match=r"english\.train\.1000\.german: example 1 has the label .*translates other text"
    ):
        resources.translation(replace(one, label=(one.label + 1) % 4), "de")
    assert resources.translation(replace(one, id="none"), "de") is None


def test_translations_of_nothing_that_is_learned_are_refused(toy):
    module, data = tuned(toy, "tuning=translate_train")
    resources = only(module).parts.resources
    resources.translations = lambda language: {"none": data.train.examples[0]}
    with pytest.raises(DataError, match=r"german: expected translations .* none that has the id of one of its 40 exam"):
        resources.check()


# Consistency


def test_consistency_is_the_symmetric_divergence(toy):
    draw = torch.Generator().manual_seed(1)
    one, other = (torch.randn(5, 3, generator=draw, dtype=torch.float64) for _ in range(2))
    p, q = Categorical(logits=one), Categorical(logits=other)
    torch.testing.assert_close(consistency_loss(one, other), (kl_divergence(p, q) + kl_divergence(q, p)).mean())
    torch.testing.assert_close(consistency_loss(one, other), consistency_loss(other + 3, one - 1))
    same = one.clone().requires_grad_()
    loss = consistency_loss(same, same * 1)
    loss.backward()
    assert loss.abs() < 1e-12
    assert same.grad.abs().max() < 1e-12
    assert consistency_loss(one[:0], other[:0]) == 0
    with pytest.raises(ValueError, match="expected logits of one shape"):
        consistency_loss(one, other[:2])


def test_model_consistency_is_the_divergence_from_the_first_model(toy):
    draw = torch.Generator().manual_seed(1)
    one, first = (torch.randn(5, 3, generator=draw, dtype=torch.float64, requires_grad=True) for _ in range(2))
    loss = model_consistency_loss(one, first)
    torch.testing.assert_close(loss, kl_divergence(Categorical(logits=first), Categorical(logits=one)).mean())
    loss.backward()
    assert first.grad is None
    assert model_consistency_loss(one, one * 1).abs() < 1e-12
    assert model_consistency_loss(one[:0], first[:0]) == 0
    with pytest.raises(ValueError, match="expected logits of one shape"):
        model_consistency_loss(one, first[:2])


@pytest.mark.parametrize("view", ["code_switch", "noise"])
def test_the_teacher_is_the_model_that_the_first_stage_left(toy, monkeypatch, view):
    module, data = tuned(toy, "tuning=model_consistency", f"tuning.model_consistency.view={view}",
                         "tuning.model_consistency.noise=0")  # fmt: skip
    tuning = only(module)
    update = data.updates[next(iter(data.train_dataloader().sampler))]
    part, other = update.parts[0], update.views[0].get("model_consistency", update.parts[0])
    module.train()
    assert tuning.row_term(module, part, module(part), other) is None
    before = module.eval()(other).detach()
    for epoch in (0, 1):
        monkeypatch.setattr(type(module), "current_epoch", epoch)
        tuning.epoch_started(module, data)
        assert bool(tuning.first) is (epoch == 1)
    without_dropout(module)
    assert module.train().training
    assert tuning.row_term(module, part, module(part), other).abs() < 1e-6
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    now = module(other)
    expected = kl_divergence(Categorical(logits=before), Categorical(logits=now)).sum() / before.shape[-1]
    torch.testing.assert_close(tuning.row_term(module, part, module(part), other), expected)
    assert module.training


@pytest.mark.parametrize("task", ["mldoc", "panx"])
def test_two_equal_views_cost_nothing(toy, task):
    noise = ("tuning.consistency.view=noise", "tuning.consistency.noise=0", "finetune.dropout=0")
    module, data = tuned(toy, "tuning=consistency", *noise, task=task)
    without_dropout(module)
    module.train()
    part = data.updates[next(iter(data.train_dataloader().sampler))].parts[0]
    outputs = module(part)
    assert only(module).row_term(module, part, outputs, None).abs() < 1e-6
    without_labels = part._replace(labels=torch.full_like(part.labels, -100))
    assert only(module).row_term(module, without_labels, outputs, None) == 0


@pytest.mark.parametrize("task", ["mldoc", "panx"])
def test_a_view_has_the_labels_of_its_rows_in_their_order(toy, task):
    _, data = tuned(toy, "tuning=consistency", task=task)
    different = 0
    for key in data.train_dataloader().sampler:
        update = data.updates[key]
        for part, views in zip(update.parts, update.views, strict=True):
            view = views["consistency"]
            assert view.labels[view.labels != -100].tolist() == part.labels[part.labels != -100].tolist()
            assert view.examples == part.examples
            different += view.subwords.input_ids.tolist() != part.subwords.input_ids.tolist()
    assert different


# Weights of examples


@pytest.mark.parametrize("similarity", list(Similarity))
def test_weights_are_the_softmax_of_cosines_with_a_mean_of_one(similarity):
    random = np.random.default_rng(1)
    english, target = random.normal(size=(6, 4)), random.normal(size=(3, 4))

    def cosine(a: Any, b: Any) -> float:
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    centroid = target.mean(0)
    if similarity == Similarity.centroid:
        cosines = np.array([cosine(one, centroid) for one in english])
    else:
        cosines = np.array([np.mean([cosine(one, other) for other in target]) for one in english])
    expected = np.exp(cosines / 0.3)
    found = similarity_weights(torch.tensor(english), torch.tensor(target), similarity, 0.3)
    np.testing.assert_allclose(found, expected / expected.mean())
    flat = similarity_weights(torch.tensor(english), torch.tensor(target), similarity, 1e12)
    np.testing.assert_allclose(flat, 1)
    copied = np.concatenate([english, [centroid]])
    assert similarity_weights(torch.tensor(copied), torch.tensor(target), similarity, 0.3).argmax() == 6


def test_an_update_is_divided_by_what_its_rows_weigh_together_however_little_that_is(toy, tmp_path):
    """Adam moves alike whatever the loss is multiplied with, so that the loss itself is looked at."""

    def loss(*words: str) -> float:
        settings = [f"tuning.instance_weighting.{one}" for one in words]
        loop = fitted(*tuned(toy, "tuning=instance_weighting", *settings), tmp_path / words[0])
        return float(loop.callback_metrics["finetune/loss"])

    assert loss("least=0.01", "most=0.01") == pytest.approx(loss("least=1", "most=1"), rel=1e-3)


@pytest.mark.parametrize("task", ["mldoc", "panx"])
def test_a_weight_is_that_many_copies_of_a_row(toy, task):
    module, data = tuned(toy, task=task)
    module.eval()
    part = data.updates[next(iter(data.train_dataloader().sampler))].parts[0]
    weights = torch.arange(len(part.examples)).float()
    outputs = module(part)
    copies = [place for place, weight in enumerate(weights.int().tolist()) for _ in range(weight)]
    many = part._replace(labels=part.labels[copies], examples=[part.examples[place] for place in copies])
    torch.testing.assert_close(module.task.loss(outputs, part, weights), module.task.loss(outputs[copies], many))


@pytest.mark.parametrize("name", ["xero_align", "cross_align"])
def test_translations_are_looked_up_once(toy, monkeypatch, name):
    _, data = tuned(toy, f"tuning={name}", f"tuning.{name}.languages=[de]")
    asked = []
    found = Resources.translation
    monkeypatch.setattr(Resources, "translation", lambda *given: asked.append(given) or found(*given))
    updates = list(data.train_dataloader())
    assert all(one.pairs[name] for one in updates)
    assert len(asked) == len(data.updates.source) < len(updates) * len(data.updates.source)


@pytest.mark.parametrize("name", ["consistency", "model_consistency"])
def test_a_rank_without_a_row_of_its_own_adds_nothing_for_another_view_of_it(toy, monkeypatch, name):
    view = f"tuning.{name}.view=code_switch"
    module, data = tuned(toy, f"tuning={name}", view, "finetune.batch_size=39")  # of 40 rows
    *_, last = data.train_dataloader().sampler
    monkeypatch.setattr(distributed, "rank", lambda: 1)
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    update = data.updates[last]
    tuning = module.tunings[name]
    tuning.start = 0
    tuning.epoch_started(module, data)
    (part,), (views,) = update.parts, update.views
    assert tuning.row_term(module, part, module(part), views[name]) == 0


# Self-training


def test_the_surest_of_each_label_are_learned():
    guesses = [Guess(Row(name), sure, kind) for name, sure, kind in (
        ("a", 0.9, 0), ("b", 0.8, 0), ("c", 0.95, 0), ("d", 0.6, 1), ("e", 0.5, 1), ("f", 0.99, 1), ("g", 0.7, 1),
    )]  # fmt: skip
    assert {row.example for row in chosen(guesses, 0.0, 1.0)} == set("abcdefg")
    assert {row.example for row in chosen(guesses, 0.75, 1.0)} == set("abcf")
    assert {row.example for row in chosen(guesses, 0.0, 0.5)} == set("acfg")
    assert chosen(guesses, 1.1, 1.0) == []


@pytest.mark.parametrize("task", ["mldoc", "panx"])
def test_a_text_gets_the_labels_that_the_model_gives_it(toy, tmp_path, task):
    module, data = tuned(toy, "tuning=self_training", task=task)
    module.trainer = trainer(tmp_path)
    module.train()
    rows = only(module).settings.rows(only(module).parts.resources)
    found = list(guessed(module, data, rows))
    assert module.training
    assert [guess.row.language for guess in found] == [row.language for row in rows]
    module.eval()
    for guess, row in list(zip(found, rows, strict=True))[:6]:
        blank = encode_rows(data.task, [row._replace(example=data.task.blank(row.example))], data.layout)
        (batch,) = data.updates.batches(blank) if len(blank.prepared) == 1 else (None,)
        if batch is None:
            continue
        logits = module(batch).detach().flatten(0, -2)[(batch.labels != -100).flatten()]
        best = logits.argmax(-1).tolist()
        assert best == ([guess.row.example.label] if task == "mldoc" else list(guess.row.example.tags))
        assert guess.confidence == pytest.approx(float(logits.softmax(-1).amax(-1).amin()), rel=1e-5)


def test_labels_are_given_in_the_precision_in_which_is_learned_and_scored(toy, tmp_path):
    module, data = tuned(toy, "tuning=self_training")
    module.trainer = trainer(tmp_path, precision="bf16-mixed")
    rows, kinds = data.updates.at(0), set()
    read_all(module, data, rows, lambda _: kinds.add(torch.is_autocast_enabled("cpu")))
    assert kinds == {True}


def test_gold_labels_would_be_learned_as_english_ones(toy):
    module, data = tuned(toy, "tuning=self_training")
    gold = [Row(one, "de") for one in only(module).parts.resources.files.read("de", "train").examples]
    only(module).learned = gold
    english = data.updates.source
    found = [only(module).examples(english, epoch) for epoch in range(8)]
    assert all(len(rows) == len(english) for rows in found)
    assert {row.example.id for rows in found for row in rows if row.language == "de"} == {
        one.example.id for one in gold
    }
    assert all(row in gold or row in english for rows in found for row in rows)


def test_no_label_of_a_target_text_is_read(toy, tmp_path):
    module, _ = tuned(toy, "tuning=self_training")
    files = only(module).parts.resources.files
    path = files.path("de", "train")
    kept = path.read_text(encoding="utf-8")
    try:
        path.write_text("".join(f"poison\t{line.split(chr(9))[1]}\n" for line in kept.splitlines()), encoding="utf-8")
        found = files.read_unlabelled("de").examples
    finally:
        path.write_text(kept, encoding="utf-8")
    assert found == [replace(one, label=UNLABELLED) for one in files.read("de", "train").examples]


# CrossAligner


def test_tags_of_the_english_sentence_are_looked_for_in_both(toy):
    module, data = tuned(toy, "tuning=cross_align")
    encoded = first_pairs(module, data)
    batch, labels = encoded.batch, data.task.labels
    total = 0.0
    for row in range(len(batch.source.examples)):
        occur = {int(tag) for tag in batch.source.labels[row] if tag != -100}
        for side, seen in ((batch.source, encoded.source), (batch.target, encoded.target)):
            logits = module.read(seen)[row][side.subwords.is_content_token[row]].amax(0)
            for tag in range(1, len(labels)):
                chance = float(logits[tag].detach().sigmoid())
                total -= math.log(chance if tag in occur else 1 - chance) / (len(labels) - 1) / 2
    assert float(only(module).pair_term(encoded).detach()) == pytest.approx(total, rel=1e-4)
