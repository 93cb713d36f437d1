"""Embeddings of each language's own under a body that learned English."""

import json

import pytest
import torch
from training.toy import configured, trainer, write_toy
from typed import call

from mlalign.data.languages import ENGLISH
from mlalign.errors import ConfigError
from mlalign.models.backbone import language_token
from mlalign.models.io import load_encoder
from mlalign.models.language_rows import LanguageRows
from mlalign.pipeline import chained
from mlalign.stages import swap
from mlalign.stages.backbone import Backbone
from mlalign.stages.chain import encoder_folders
from mlalign.stages.parallel_text import ParallelText

RUN = (
    "backbone=tiny", "backbone.width=32", "backbone.layers=1", "backbone.heads=2", "backbone.vocabulary_size=300",
    "data=files", "data.parallel=[toy]", "data.held_out=12", "align.steps=4", "align.batch_size=8",
    "align.max_length=32", "finetune.epochs=1", "finetune.max_length=32", "trainer=cpu", "trainer.progress=false",
    "task=mldoc", "task.languages=[en,de]", "method=embedding_swap",
)  # fmt: skip


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return write_toy(tmp_path_factory.mktemp("toy"))


def body(encoder):
    """All but what is of one language: the embeddings and the bias of the words, by whatever name."""
    output = encoder.backbone.get_output_embeddings()
    own = {one.data_ptr() for one in (output.weight, output.bias)}
    return {name: one.clone() for name, one in encoder.backbone.state_dict().items() if one.data_ptr() not in own}


def test_a_word_has_a_row_in_each_language_and_a_special_token_one_in_all():
    rows = LanguageRows.of(10, {"en": 6, "de": 7, "fr": 8}, torch.tensor([3, 4, 5]))
    ids = torch.tensor([[0, 6, 3, 4, 1], [0, 7, 3, 4, 1], [0, 8, 3, 2, 1], [0, 9, 3, 4, 1]])
    expected = [[0, 6, 3, 4, 1], [0, 7, 13, 14, 1], [0, 8, 23, 2, 1], [0, 9, 3, 4, 1]]
    assert rows(ids).tolist() == expected


@pytest.mark.parametrize(("steps", "expected"), [(4, (2, [1, 1])), (5, (3, [1, 1])), (11, (6, [3, 2]))])
def test_no_step_is_lost(steps, expected):
    assert swap.shares(steps, 2) == expected


def test_the_body_is_that_of_english_and_each_language_has_embeddings_of_its_own(toy, monkeypatch):
    seen, stops = {}, [True, False]

    def watched(self, language, *arguments, **options):
        if language == "fr" and stops.pop(0):
            raise KeyboardInterrupt
        before = body(self.encoder), self.embeddings.detach().clone()
        fit(self, language, *arguments, **options)
        seen.setdefault(language, []).append((before, (body(self.encoder), self.embeddings.detach().clone())))
        seen["ordinary"] = set(self.ordinary.tolist())

    fit = swap._Learner._fit
    monkeypatch.setattr(swap._Learner, "_fit", watched)
    config = configured(toy, "method=embedding_swap", "align.steps=12", "align.learning_rate.heads=1e-2")
    text = ParallelText(config)
    chain = chained(config, text, Backbone(config, text), lambda name: trainer, precision="32-true")
    with pytest.raises(KeyboardInterrupt):
        encoder_folders(chain, toy / "aligned", resume=True)
    (folder,) = encoder_folders(chain, toy / "aligned", resume=True)
    (_, (_, interrupted)), ((old_body, _), (english_body, english)) = seen[ENGLISH]
    assert english.equal(interrupted)  # it began again
    assert any(not value.equal(old_body[name]) for name, value in english_body.items())
    encoder, tokenizer = load_encoder(folder, attention="eager")
    blocks = encoder.embeddings.weight.detach().split(len(english))
    for block, language in zip(blocks[1:], ("de", "fr"), strict=True):
        (_, start), (its_body, learned) = seen[language][-1]
        assert len(its_body) > 20
        assert all(value.equal(english_body[name]) for name, value in its_body.items())
        changed = (learned != start).any(1).nonzero()[:, 0].tolist()
        assert len(changed) > 50
        assert set(changed) <= seen["ordinary"]
        assert block.equal(learned)
        assert not block[changed].eq(english[changed]).all(1).any()
    assert blocks[0].equal(english)
    assert all(value.equal(english_body[name]) for name, value in body(encoder).items())
    word, first, last = tokenizer.convert_tokens_to_ids("b"), tokenizer.cls_token_id, tokenizer.sep_token_id
    for place, language in enumerate((ENGLISH, "de", "fr")):
        token = tokenizer.convert_tokens_to_ids(language_token(language))
        shown = encoder.rows(torch.tensor([[first, token, word, last]]))
        assert shown.tolist() == [[first, token, word + place * len(english), last]]


def test_it_runs_and_fine_tuning_keeps_every_embedding(toy, tmp_path):
    ended = call("train.py", [*RUN, f"data.root={toy}", f"data.cache={tmp_path}/cache"], tmp_path)
    assert ended.returncode == 0, ended.stderr
    (path,) = tmp_path.glob("outputs/mldoc/*/results.json")
    results = json.loads(path.read_text(encoding="utf-8"))
    assert results["reads"] == ["English labels", "sides of the parallel text"]
    note = "swap: 4 steps, half of them of English; tokens of the text: en "
    assert any(one.startswith(note) for one in results["notes"])
    spent = results["budget"]
    assert (spent["unit"], spent["amount"], spent["steps"], spent["pairs"]) == ("steps", 4, 4, 32)
    assert min(spent["tokens"], spent["flops"], spent["seconds"]) > 0
    start, _ = load_encoder(tmp_path / results["aligned"], attention="eager")
    folders = list(path.parent.glob("weights/*/"))
    assert folders
    for folder in folders:
        tuned, _ = load_encoder(folder, attention="eager")
        assert tuned.embeddings.weight.equal(start.embeddings.weight)
        assert tuned.rows.offsets.equal(start.rows.offsets)
        assert any(not value.equal(body(start)[name]) for name, value in body(tuned).items())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("method.stages=[swap,centred]", "swap must be the last"),
        ("method.stages=[swap,swap]", "swap must be the last"),
        ("method.language_tokens=false", "needs method.language_tokens=true"),
        ("align.budget.unit=flops", "divides align.steps among the languages; set align.budget.unit=steps"),
        ("align.vocabulary=seen", "set align.word_head=backbone align.vocabulary=full"),
    ],
)
def test_what_it_cannot_do_is_refused(toy, words, message):
    with pytest.raises(ConfigError, match=message):
        configured(toy, "method=embedding_swap", words)


def test_every_language_needs_a_step(toy):
    config = configured(toy, "method=embedding_swap", "align.steps=3")
    with pytest.raises(ConfigError, match=r"align\.steps=3: .* expected 4 or more"):
        swap.SwapStage.require(config, ParallelText(config))
