"""Objectives that need a dictionary, a teacher or the words of a translation, in a batch."""

import pytest
import torch
from torch.nn import functional
from training.toy import aligner, batches, built, built_by, composed_of, configured, encoded, exact

from mlalign.alignment import assembly
from mlalign.alignment.objectives import objective_types
from mlalign.alignment.objectives.base import Parts
from mlalign.alignment.objectives.token_reconstruction import targets
from mlalign.alignment.validation import settings_of
from mlalign.config.schema import Align
from mlalign.errors import ConfigError, DataError

SMALL = ("align.batch_size=8", "align.steps=4")


def first(toy, *overrides):
    module, data = built(toy, *overrides, *SMALL)
    return module, data, encoded(exact(module), batches(data, 1)[0])


def test_without_entries_a_dictionary_changes_nothing(toy, tmp_path):
    path = tmp_path / "en-de.txt"
    path.write_text("nothing nichts\n", encoding="utf-8")
    _, _, plain = first(toy, "method=mlm")
    module, _, batch = first(toy, "method=dict_mlm", f"data.lexicon={path}")
    (objective,) = module.objectives.values()
    mlm = built(toy, "method=mlm", *SMALL)[0].objectives["masked_words"]
    assert not list(objective.parameters())
    assert objective(batch).equal(mlm(plain))


def test_a_label_is_the_token_or_a_translation_of_it(toy):
    _, _, batch = first(toy, "method=mlm")
    words = {token: (token + 1, token + 2) for token in range(10, 250, 3)}
    parts = Parts(32, 32, 1, ("en", "de", "fr"), Align(max_length=32), {"de": words, "fr": words})
    objective = objective_types()["dict_mlm"](settings_of("dict_mlm", {}), parts)
    changed = 0
    for side, language in zip(batch.pair("masked").sides, batch.languages, strict=True):
        true = side.token_ids[side.is_masked].tolist()
        labels, rows = (one.tolist() for one in objective.drawn(side, language, batch.place))
        for token, label, row in zip(true, labels, rows, strict=True):
            entries = dict(objective.options[language].get(token, []))
            assert (row in entries) if entries else (row == -1 and label == token)
            assert label == token or label in entries[row]
            changed += label != token
        again, _ = objective.drawn(side, language, batch.place)
        assert again.tolist() == labels
    assert changed > 5
    assert objective.options["fr"][11] == [(0, (10,))]


def test_a_missing_dictionary_is_refused_before_anything_is_loaded(toy, tmp_path):
    with pytest.raises(ConfigError, match=r"losses\.dict_mlm reads a dictionary, and data\.lexicon=null names none"):
        configured(toy, "method=dict_mlm", "data.lexicon=null")
    with pytest.raises(DataError, match=r"none: no such file or folder, named in data\.lexicon"):
        configured(toy, "method=dict_mlm", f"data.lexicon={tmp_path}/none")


def test_languages_without_a_dictionary_are_noted(toy, tmp_path):
    path = tmp_path / "en-de.txt"
    path.write_text("house Haus\n", encoding="utf-8")
    stage = aligner(toy, "method=dict_mlm", f"data.lexicon={path}", *SMALL)
    found = stage._resources(*built_by(stage))
    assert found["notes"] == [f"align: data.lexicon={path} has no words of fr"]
    assert found["reads"] == ["dictionary", "sides of the parallel text"]


def test_another_dictionary_is_another_encoder_only_where_one_is_read(toy, tmp_path):
    path = tmp_path / "en-de.txt"
    recipes = []
    for text in ("house Haus\n", "house Hof\n"):
        path.write_text(text, encoding="utf-8")
        recipes.append(aligner(toy, "method=dict_mlm", f"data.lexicon={path}").recipe)
    assert recipes[0] != recipes[1]
    assert aligner(toy, "method=mlm", f"data.lexicon={path}").recipe == aligner(toy, "method=mlm").recipe


def test_half_of_the_mass_is_on_hidden_tokens_and_half_on_the_translation(toy):
    _, _, batch = first(toy, "method=mao")
    source, target = batch.pair("masked").sides
    tokens, sentence = targets(source, target)
    for row in range(8):
        hidden = set(source.token_ids[source.is_masked & (source.sentence_of_token == row)].tolist())
        known = set(target.token_ids[target.sentence_of_token == row].tolist())
        own = tokens[sentence == row].tolist()
        expected = {
            one: 0.5 * (one in hidden) / len(hidden) + 0.5 * (one in known) / len(known) for one in hidden | known
        }
        assert {one: own.count(one) / len(own) for one in set(own)} == pytest.approx(expected)


def test_reconstruction_is_a_divergence_from_one_softmax_of_the_mean(toy):
    module, _, batch = first(toy, "method=mao")
    found = module.objectives["token_reconstruction"](batch)
    head, expected = batch.vocabulary, 0.0
    sides = batch.pair("masked").sides
    for side, other in (sides, sides[::-1]):
        tokens, sentence = targets(side, other)
        mass = torch.zeros(8, len(head), dtype=torch.float64).index_put_(
            (sentence, tokens), torch.tensor(1.0, dtype=torch.float64), accumulate=True
        )
        logits = functional.linear(head(side.mean), head.weight[: len(head)], head.bias[: len(head)])
        mass = mass / mass.sum(1, keepdim=True)
        expected = expected + functional.kl_div(logits.log_softmax(1), mass, reduction="batchmean")
    torch.testing.assert_close(found, expected)


def test_distillation_is_nothing_for_english_at_first(toy):
    """The teacher is the student before its first step, so that only the translation costs."""
    module, _, batch = first(toy, "method=distil")
    pair = batch.pair("clean")
    expected = functional.mse_loss(pair.target.vector(), pair.source.vector())
    torch.testing.assert_close(module.objectives["distillation"](batch), expected)


def test_a_teacher_that_is_the_encoder_as_it_began_sees_no_masks(toy):
    masked = ("losses.distillation.view=masked", "losses.distillation.distance=mse")
    module, _, batch = first(toy, *composed_of("distillation", "masked_words"), *masked)
    side = batch.pair("masked").source
    assert not side.given.original.equal(side.given.subwords.input_ids)
    expected = module.encoder.eval().pooled(side.unmasked_layers()[-1], side.given.subwords)
    torch.testing.assert_close(batch.taught("masked"), expected)


@pytest.mark.parametrize(
    ("method", "key"),
    [
        ("awesome", "self_alignment.layer"),
        ("infoxlm", "momentum_contrast.layer"),
        ("xlm_align", "link_pointer.layer"),
    ],
)
def test_a_layer_that_is_not_there_is_refused(toy, method, key):
    message = rf"losses\.{key}=8: the encoder has 1 layer; name one of them, or null for the last"
    with pytest.raises(ConfigError, match=message):
        built(toy, f"method={method}", f"losses.{key}=8")


def test_words_of_a_dictionary_are_in_the_vocabulary_that_is_seen(toy, tmp_path, monkeypatch):
    """Or a translation that the text does not have would have no column."""
    _, tokenizer = aligner(toy, "method=none").backbone.load("eager")
    texts = [piece.removeprefix("\u2581") for piece in tokenizer.get_vocab() if piece.startswith("\u2581")]
    cut = {text: tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts if text.isalpha()}
    (word, (known,)), (translation, (unseen,)) = [one for one in cut.items() if len(one[1]) == 1][:2]
    path = tmp_path / "en-de.txt"
    path.write_text(f"{word} {translation}\n", encoding="utf-8")

    def without(tables, vocabulary):
        counts = {language: torch.ones(vocabulary) for language in ("en", *tables)}
        return {language: one.index_fill(0, torch.tensor([unseen]), 0) for language, one in counts.items()}

    monkeypatch.setattr(assembly, "counted", without)
    _, _, batch = first(toy, "method=dict_mlm", f"data.lexicon={path}", "align.vocabulary=seen")
    assert batch.vocabulary.columns(torch.tensor([known, unseen])).tolist() == [known, unseen]
