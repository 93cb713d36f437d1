"""Which checkpoint is kept, what target labels change, and that predictions are in their place."""

from typing import Any

import lightning as L
import pytest
import torch
from torch import Tensor
from training.learned import a_batch, equal, fit, learned, task
from training.toy import TOPICS, Memory, state, trainer

from mlalign import pipeline
from mlalign.finetuning.module import Predicted, merge_pieces
from mlalign.metrics.scores import accuracy

# Selection on English dev


class Scored(L.Callback):
    """Keeps the weights that each score belongs to."""

    def __init__(self) -> None:
        self.states: list[dict[str, Tensor]] = []

    def on_validation_epoch_start(self, _: Any, module: Any) -> None:
        self.states.append(state(module))


@pytest.mark.parametrize(("scores", "chosen"), [((10, 30, 20, 29, 5), 1), ((1, 2, 3, 4, 5), 4), ((7, 7, 7, 7, 7), 0)])
def test_the_best_on_english_dev_is_kept(toy, tmp_path, scores, chosen):
    module, data = task(toy)
    told = iter(scores)
    module.metric = lambda *_: float(next(told))
    watch = Scored()
    fit(module, data, tmp_path, [watch], evaluations=len(scores), best=True)
    assert len(watch.states) == len(scores)
    assert equal(state(module), watch.states[chosen])
    assert sum(equal(state(module), one) for one in watch.states) == 1
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("weights")]


def test_last_keeps_the_last_step(toy, tmp_path):
    module, data = task(toy)
    told = iter((10, 30, 20, 10, 5))
    module.metric = lambda *_: float(next(told))
    watch = Scored()
    loop = fit(module, data, tmp_path, [watch], best=False)
    assert loop.global_step == 2 * data.batches
    assert equal(state(module), watch.states[-1])


@pytest.mark.parametrize("name", ["mldoc", "panx"])
def test_the_score_of_dev_is_that_of_its_predictions(toy, tmp_path, name):
    module, data, loop = learned(toy, tmp_path, name, best=False)
    predicted = pipeline.predict(trainer(tmp_path), module, data.val_dataloader())
    labels = [one.label for one in predicted]
    expected = module.metric(labels, pipeline.gold_of(data.dev), module.labels)
    assert float(loop.callback_metrics["finetune/dev"]) == pytest.approx(expected)


def test_each_reported_loss_is_that_of_its_own_batch(toy, tmp_path):
    module, data = task(toy, batch_size=1)  # 40 batches an epoch
    memory = Memory()
    fit(module, data, tmp_path, best=False, memory=memory)
    told = [(step, one["finetune/loss"]) for step, one in memory.told if "finetune/loss" in one]
    assert [step for step, _ in told] == list(range(9, 80, 10))
    assert len({value for _, value in told}) == len(told)


# Target labels


def test_target_labels_change_scores_and_nothing_else(toy, tmp_path):
    found = []
    for name in ("right", "wrong"):
        root = tmp_path / name
        (root / "parallel").parent.mkdir()
        (root / "parallel").symlink_to(toy / "parallel")
        folder = root / "tasks" / "mldoc"
        folder.mkdir(parents=True)
        for path in (toy / "tasks" / "mldoc").iterdir():
            text = path.read_text(encoding="utf-8")
            if name == "wrong" and path.name.endswith(".test") and "english" not in path.name:
                text = "".join(
                    f"{TOPICS[(TOPICS.index(line[:4]) + 1) % 4]}{line[4:]}" for line in text.splitlines(keepends=True)
                )
            (folder / path.name).write_text(text, encoding="utf-8")
        module, data, _ = learned(root, root / "run")
        results = {}
        for language in ("en", "de", "fr"):
            part, loader = data.test_loader(language)
            predicted = pipeline.predict(trainer(root), module, loader)
            labels = [one.label for one in predicted]
            results[language] = (predicted, accuracy(labels, pipeline.gold_of(part), TOPICS))
        found.append((state(module), results))
    (right_state, right), (wrong_state, wrong) = found
    assert equal(right_state, wrong_state)
    for language in right:
        assert right[language][0] == wrong[language][0]
    assert right["en"][1] == wrong["en"][1]
    assert any(right[language][1] != wrong[language][1] for language in ("de", "fr"))


# Tags


def test_every_word_is_scored_once_and_in_its_place(toy, tmp_path):
    module, data = task(toy, "panx")
    module.eval()
    for language in ("en", "de"):
        part, loader = data.test_loader(language)
        assert max(map(len, (one.words for one in part.examples))) > data.layout.budget  # is split
        predicted = pipeline.predict(trainer(tmp_path), module, loader)
        lengths = [len(one.label) for one in predicted]
        assert lengths == [len(one.words) for one in part.examples]
        for example, guess in zip(part.examples, predicted, strict=True):
            if len(example.words) > 10:
                continue
            pieces = data.layout.split_words([example.words], language)[0]
            ids = [piece for word in pieces for piece in word]
            batch = data.layout.batch([data.layout.single(ids, language)])
            with torch.no_grad():
                seen = module.encoder.represent(
                    batch,
                    partner=module.encoder.prototypes.mean(["de", "fr"])
                    if language == "en"
                    else module.encoder.prototypes.of(language),
                    representation="prototype",
                ).words[0]
                best = module.head(seen).argmax(-1).tolist()
            firsts, place = [], 2  # behind <s> and the language token
            for word in pieces:
                firsts.append(best[place])
                place += len(word)
            assert guess.label == firsts


def test_pieces_are_joined_in_order_whatever_order_they_come_in():
    def piece(example: int, first_word: int, tags: list[int]) -> tuple[int, int, Predicted]:
        return example, first_word, Predicted(tags, None)

    pieces = [piece(1, 0, [5]), piece(0, 3, [4]), piece(0, 0, [1, 2, 3]), piece(2, 0, [6, 7])]
    for _ in range(2):  # joining leaves the pieces as they were
        assert [one.label for one in merge_pieces(pieces)] == [[1, 2, 3, 4], [5], [6, 7]]


def test_texts_have_probabilities_and_tags_have_none(toy):
    module, data = task(toy)
    (_, _, one), *_ = module.eval().predict_step(a_batch(data, "de"), 0)
    assert sum(one.probabilities) == pytest.approx(1)
    assert one.label == max(range(4), key=one.probabilities.__getitem__)
    module, data = task(toy, "panx")
    (_, _, one), *_ = module.eval().predict_step(a_batch(data, "de"), 0)
    assert one.probabilities is None
