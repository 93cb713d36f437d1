"""Which checkpoint is kept, what target labels change, and that predictions are in their place."""

from typing import Any

import lightning as L
import pytest
import torch
from torch import Tensor
from training.learned import TAGS, a_batch, equal, fit, learned, task
from training.toy import TOPICS, Memory, state, trainer

from mlalign.metrics.tasks.classification import Accuracy
from mlalign.tasks.scoring import predict
from mlalign.tasks.tagging import Tagging

# Selection on English dev


class Scored(L.Callback):
    """Keeps the weights that each score belongs to."""

    def __init__(self) -> None:
        self.states: list[dict[str, Tensor]] = []

    def on_validation_epoch_start(self, _: Any, module: Any) -> None:
        self.states.append(state(module))


@pytest.mark.parametrize(("scores", "chosen"), [((10, 30, 20, 29, 5), 1), ((1, 2, 3, 4, 5), 4), ((7, 7, 7, 7, 7), 0)])
def test_the_best_on_english_dev_is_kept(toy, tmp_path, monkeypatch, scores, chosen):
    module, data = task(toy)
    told = iter(scores)
    monkeypatch.setattr(Accuracy, "score", lambda *_: float(next(told)))
    watch = Scored()
    fit(module, data, tmp_path, [watch], evaluations=len(scores), best=True)
    assert len(watch.states) == len(scores)
    assert equal(state(module), watch.states[chosen])
    assert sum(equal(state(module), one) for one in watch.states) == 1
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("weights")]


def test_last_keeps_the_last_step(toy, tmp_path, monkeypatch):
    module, data = task(toy)
    told = iter((10, 30, 20, 10, 5))
    monkeypatch.setattr(Accuracy, "score", lambda *_: float(next(told)))
    watch = Scored()
    loop = fit(module, data, tmp_path, [watch], best=False)
    assert loop.global_step == 2 * data.batches
    assert equal(state(module), watch.states[-1])


@pytest.mark.parametrize("name", ["mldoc", "panx"])
def test_the_score_of_dev_is_that_of_its_predictions(toy, tmp_path, name):
    module, data, loop = learned(toy, tmp_path, name, best=False)
    decoded = predict(trainer(tmp_path), module, data.task, data.val_dataloader())
    expected = data.task.metric.score(data.task.predictions(data.dev.examples, decoded))
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
            predicted = predict(trainer(root), module, data.task, loader)
            results[language] = (predicted, Accuracy().score(data.task.predictions(part.examples, predicted)))
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
        predicted = predict(trainer(tmp_path), module, data.task, loader)
        lengths = list(map(len, predicted))
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
            assert [one.tag for one in guess] == firsts


def test_pieces_are_joined_in_order_whatever_order_they_come_in():
    pieces = [(1, 0, [5]), (0, 3, [4]), (0, 0, [1, 2, 3]), (2, 0, [6, 7])]
    for _ in range(2):  # joining leaves the pieces as they were
        assert Tagging(TAGS).merged(pieces) == [[1, 2, 3, 4], [5], [6, 7]]


def test_texts_have_probabilities(toy):
    module, data = task(toy)
    (_, _, one), *_ = module.eval().predict_step(a_batch(data, "de"), 0)
    assert sum(one.probabilities) == pytest.approx(1)
    assert one.label == max(range(4), key=one.probabilities.__getitem__)
