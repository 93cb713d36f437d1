"""A backbone without the pieces that a run does not read: the same losses, and known by the text that decides."""

import json

import pytest
import torch
from training.toy import aligner, alone, batches, built_by, configured, exact, folder_of, gradients, write_toy
from transformers import AutoTokenizer

from mlalign.commands.export import card
from mlalign.commands.rescore import rescore
from mlalign.commands.verify import verify
from mlalign.data.parallel import ParallelBatch, regrouped
from mlalign.data.sequences import SequenceBuilder
from mlalign.errors import ConfigError
from mlalign.inference import AlignedEncoder, Classifier
from mlalign.pipeline import run as train
from mlalign.stages.parallel_text import ParallelText
from mlalign.stages.reopen import load_run
from mlalign.stages.run_text import RunText

PRUNED = "backbone.prune_vocabulary=true"
TAGS = (PRUNED, "backbone.adapter.form=lora", "method=inter_sentence", "task=panx", "task.languages=[en,de]")


@pytest.fixture
def world(tmp_path):
    return write_toy(tmp_path / "world")


def custom(folder):
    return ("backbone=custom", f"backbone.path={folder}", "backbone.dropout=0")


def renumbered(batch: ParallelBatch, new: torch.Tensor) -> ParallelBatch:
    """The batch by other ids."""
    views = {
        name: regrouped(
            one._replace(
                subwords=one.subwords._replace(input_ids=new[one.subwords.input_ids]), original=new[one.original]
            )
            for one in sides
        )
        for name, sides in batch.views.items()
    }
    return batch._replace(views=views)


@pytest.mark.parametrize(
    "words",
    [("method=inter_sentence",), (*alone("masked_words"), "align.vocabulary=seen"),
     (*alone("word_distribution"), "align.vocabulary=seen")],
    ids=["sentences", "masked words", "words of the other side"],
)  # fmt: skip
def test_losses_and_gradients_are_those_of_the_whole_vocabulary(words, world, xlmr_folder, tmp_path):
    whole, small = (aligner(world, *custom(xlmr_folder), *words, *more) for more in ((), (PRUNED,)))
    (module, data), (cut, _) = built_by(whole), built_by(small)
    pieces = [one.backbone.load("eager")[1].get_vocab() for one in (whole, small)]
    new = torch.full((len(module.encoder.backbone.get_input_embeddings().weight),), -1)
    for piece, place in pieces[1].items():
        new[pieces[0][piece]] = place
    tokens = len(new) - len(pieces[0])  # of languages, behind both vocabularies
    new[len(pieces[0]) :] = torch.arange(tokens) + len(pieces[1])
    kept = new >= 0
    assert kept.sum() == len(pieces[1]) + tokens < len(new)
    for make in data.views.values():  # a random piece among those that both have
        if hasattr(make, "__self__"):
            make.__self__.replacements = make.__self__.replacements[kept[make.__self__.replacements]]
    module, cut = exact(module), exact(cut)
    there = dict(cut.named_parameters())
    with torch.no_grad():
        for name, one in module.named_parameters():
            there[name].copy_(one if there[name].shape == one.shape else one[kept])
    found = batches(data, 2)
    before = gradients(module, found, tmp_path / "whole")
    after = gradients(cut, [renumbered(one, new) for one in found], tmp_path / "small")
    assert any(one is not None and one.any() for one in before.values())
    for name, one in before.items():
        if one is not None and after[name].shape != one.shape:
            assert not one[~kept].any()
            one = one[kept]
        torch.testing.assert_close(after[name], one, rtol=0, atol=1e-12, msg=name)


def test_text_decides_and_names_the_encoder(world, xlmr_folder):
    def recipe(*more):
        return aligner(world, *custom(xlmr_folder), "method=inter_sentence", *more).recipe

    plain, first = recipe(), recipe(PRUNED)
    assert "pruned" not in str(plain)
    assert recipe(PRUNED) == first != plain
    test = world / "tasks" / "mldoc" / "german.test"
    text = test.read_text(encoding="utf-8")
    test.write_text(text.replace("CCAT", "ECAT"), encoding="utf-8")
    assert recipe(PRUNED) == first  # labels do not count
    test.write_text(text + "ECAT\tQuarz\n", encoding="utf-8")
    assert recipe(PRUNED) != first
    assert recipe() == plain


@pytest.fixture(scope="module")
def finished(xlmr_folder, tmp_path_factory):
    world = write_toy(tmp_path_factory.mktemp("pruned"))
    return train(configured(world, *custom(xlmr_folder), *TAGS, "finetune.epochs=1", f"output={world / 'outputs'}"))


def test_a_run_opens_again_scores_the_same_and_says_what_it_lacks(finished, xlmr_folder, caplog):
    folder, world = finished, finished.parents[2]
    verify(folder, {})
    encoder = folder_of(aligner(world, *custom(xlmr_folder), *TAGS))
    assert len(AutoTokenizer.from_pretrained(encoder)) < len(AutoTokenizer.from_pretrained(xlmr_folder))
    for opened, place in ((AlignedEncoder, encoder), (Classifier.from_run, folder)):
        caplog.clear()
        opened(place)
        assert "vocabulary was cut from" in caplog.text
    assert "vocabulary was cut to the pieces" in card(load_run(folder), "de")
    caplog.clear()
    rescore(folder, {"task": {"languages": ["de"]}})
    assert "vocabulary was cut from" in caplog.text


def test_its_predictions_are_the_recorded_ones_and_other_text_falls_into_more_known_pieces(
    finished, xlmr_folder, sentences
):
    classifier = Classifier.from_run(finished)
    texts = [one.words for one in classifier.run.files.read("de", "test").examples]
    recorded = (finished / "predictions" / "de.jsonl").read_text(encoding="utf-8").splitlines()
    assert [one["predicted"] for one in classifier(texts, language="de")] == [
        json.loads(line)["predicted"] for line in recorded
    ]
    cut, whole = classifier.run.layout, SequenceBuilder(AutoTokenizer.from_pretrained(xlmr_folder), {}, max_length=99)
    others = [*sentences["ru"][:5], *sentences["de"][:5], "Ж ☃ 市"]
    for text, answer in zip(others, classifier(others, language="ru"), strict=True):
        assert len(answer["predicted"]) == len(answer["words"]) > 0
        (ids,), (before,) = cut.words([text]), whole.words([text])
        assert len(ids) >= len(before)
        assert ids.count(cut.tokenizer.unk_token_id) <= before.count(whole.tokenizer.unk_token_id)


def test_what_is_cut_is_all_text_in_the_forms_that_tasks_read(world, tokenizer):
    config = configured(world, "task=panx", "task.languages=[en,de]", f"data.lexicon={world / 'lexicon'}")
    texts = RunText(config, ParallelText(config)).beside
    running = [one for some, language in texts if language is None for one in some]
    words = {(language, *one) for some, language in texts if language is not None for one in some}
    for language, part in (("en", "train"), ("en", "dev"), ("de", "test"), ("de", "train"), ("de", "translated_train")):
        (row, *_) = (world / "tasks" / "panx" / language / part).read_text(encoding="utf-8").split("\n\n")
        sentence = tuple(line.split("\t")[0].removeprefix(f"{language}:") for line in row.splitlines())
        assert (language, *sentence) in words
        assert " ".join(sentence) in running
    assert {"bread", "daerb"} <= set(running)


def test_what_is_made_of_the_text_is_not_pruned(world):
    with pytest.raises(ConfigError, match="backbone=tiny, whose pieces are made of"):
        configured(world, PRUNED)
