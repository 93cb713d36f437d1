"""A task is learned from English alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from modules.toy import TOPICS, Memory, built, state, trainer
from torch import Tensor

from mlalign import pipeline
from mlalign.data.formats import FORMATS
from mlalign.data.layout import Layout
from mlalign.data.task_files import TaskFiles
from mlalign.data.tasks import TOKENS, TaskDataModule
from mlalign.metrics.scores import accuracy
from mlalign.modules.finetuning import FinetuningModule, Predicted, joined
from mlalign.modules.weights import Weights

TAGS = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"]


def encoder_and_layout(toy: Path, *overrides: str) -> tuple[Any, Layout]:
    """As alignment might leave it: open gates, a prototype for each language."""
    module, data = built(toy, *overrides)
    encoder = module.encoder
    draw = torch.Generator().manual_seed(5)
    if encoder.prototypes is not None:
        for language in ("en", "de", "fr"):
            encoder.prototypes.finalise(language, torch.randn(encoder.dim, generator=draw))
    for fusion in (encoder.sentence_fusion, encoder.word_fusion):
        if fusion is not None and hasattr(fusion, "gate"):
            torch.nn.init.normal_(fusion.gate, generator=draw)
    return encoder, data.layout


def task(
    toy: Path,
    name: str = "mldoc",
    *overrides: str,
    batch_size: int = 8,
    tokens: int = TOKENS,
    **settings: Any,
):
    encoder, layout = encoder_and_layout(toy, *overrides)
    labels = TAGS if name == "panx" else list(TOPICS)
    size = None if name == "panx" else 1000
    form = FORMATS["entities" if name == "panx" else name]
    files = TaskFiles(
        toy / "tasks" / name, form, labels, "available", train_size=size, on_bad_line="error"
    )
    data = TaskDataModule(files, layout, batch_size=batch_size, seed=4, tokens=tokens)
    given: dict[str, Any] = {
        "tagging": name == "panx",
        "metric": "entity_f1" if name == "panx" else "accuracy",
        "gold": pipeline.gold_of(data.dev),
        "representation": "prototype",
        "partner": "sample",
        "freeze": "nothing",
        "learning_rate": 1e-3,
        "head_learning_rate": 1e-2,
        "steps": 2 * data.batches,
        "warmup": 0.1,
        "weight_decay": 0.0,
        "max_grad_norm": 1.0,
        "dropout": 0.1,
        "seed": 4,
    }
    return FinetuningModule(encoder, labels, **(given | settings)), data


def fit(
    module: FinetuningModule,
    data: TaskDataModule,
    folder: Path,
    watching: Sequence[L.Callback] = (),
    *,
    evaluations: int = 5,
    best: bool,
    memory: Memory | None = None,
) -> L.Trainer:
    made: list[L.Trainer] = []

    def make(*, folder: Path, callbacks: Any, **stage: Any) -> L.Trainer:
        watched = [*callbacks, *watching]
        made.append(trainer(folder, watched, loggers=[memory or Memory()], **stage))
        return made[0]

    selection = "english_dev" if best else "last"
    pipeline.finetune(
        module,
        data,
        folder=folder,
        epochs=2,
        evaluations=evaluations,
        weights=Weights(folder, data.layout, selection=selection, keep="none"),
        trainer=make,
    )
    return made[0]


def learned(toy: Path, folder: Path, name: str = "mldoc", *, best: bool = True, **settings: Any):
    module, data = task(toy, name, **settings)
    return module, data, fit(module, data, folder, best=best)


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(one[key], other[key]) for key in one)


def a_batch(data: TaskDataModule, language: str = "en"):
    if language == "en":
        return next(iter(data.train_dataloader()))[0]
    return next(iter(data.test_loader(language)[1]))


# The second key of an English sentence


def test_an_english_sentence_meets_an_aligned_language_in_training(toy):
    module, data = task(toy)
    batch = a_batch(data)
    prototypes = module.encoder.prototypes
    module.train()
    found = torch.cat([module.partner_of(batch) for _ in range(40)])
    shares = {
        language: (found == prototypes.of(language)).all(1).float().mean().item()
        for language in ("en", "de", "fr")
    }
    assert shares["en"] == 0
    assert shares["de"] + shares["fr"] == 1
    assert 0.4 < shares["de"] < 0.6


def test_english_dev_and_test_meet_the_mean_of_the_aligned_languages(toy):
    for partner in ("sample", "mean"):
        module, data = task(toy, partner=partner)
        module.eval()
        prototypes = module.encoder.prototypes
        expected = (prototypes.of("de") + prototypes.of("fr")) / 2
        torch.testing.assert_close(module.partner_of(a_batch(data)), expected)
    module.train()
    torch.testing.assert_close(module.partner_of(a_batch(data)), expected)


def test_partner_source_is_english_itself(toy):
    module, data = task(toy, partner="source")
    for training in (True, False):
        module.train(training)
        found = module.partner_of(a_batch(data))
        torch.testing.assert_close(found, module.encoder.prototypes.of("en"))


@pytest.mark.parametrize("partner", ["sample", "mean", "source"])
def test_a_target_sentence_meets_its_own_language(toy, partner):
    module, data = task(toy, partner=partner)
    for language in ("de", "fr"):
        found = module.partner_of(a_batch(data, language))
        torch.testing.assert_close(found, module.encoder.prototypes.of(language))


def test_without_a_fusion_there_is_no_partner(toy):
    module, data = task(toy, "mldoc", "method=mlm")
    assert module.partner_of(a_batch(data)) is None


# What the head sees


def fused(fusion: Any, query: Tensor, source_key: Tensor, target_key: Tensor) -> Tensor:
    """Eqs. 4 to 6 one vector at a time, the gated form."""
    rows = []
    for row in query.reshape(-1, query.shape[-1]):
        scores = torch.stack([row @ source_key, row @ target_key]) / fusion.temperature
        share = torch.softmax(scores, 0)
        attended = share[0] * source_key + share[1] * target_key
        mixed = fusion.mix.weight @ torch.cat([row, attended]) + fusion.mix.bias
        rows.append(row + fusion.gate * torch.tanh(mixed))
    return torch.stack(rows).reshape(query.shape)


@pytest.mark.parametrize("name", ["mldoc", "panx"])
@pytest.mark.parametrize("representation", ["prototype", "mixed", "self", "backbone"])
def test_the_head_sees_what_the_method_says(toy, name, representation):
    module, data = task(toy, name, representation=representation)
    module.eval()
    batch = a_batch(data, "de")
    encoder, subwords = module.encoder, batch.subwords
    with torch.no_grad():
        logits = module(batch)
        for row in range(3):
            length = int(subwords.attention_mask[row].sum())
            states = encoder(subwords)[row, :length]
            sentence = states[2 : length - 1].mean(0)  # between the language token and </s>
            english, german = (encoder.prototypes.of(language) for language in ("en", "de"))
            keys = {
                "prototype": (english, german),
                "mixed": (english, states[1]),
                "self": (states[1], states[1]),
            }
            words = states
            if representation != "backbone":
                sentence = fused(encoder.sentence_fusion, sentence, *keys[representation])
                words = fused(encoder.word_fusion, states, sentence, sentence)
            seen = words if name == "panx" else sentence
            expected = seen @ module.head.weight.T + module.head.bias
            found = logits[row, :length] if name == "panx" else logits[row]
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_a_prediction_does_not_depend_on_its_batch_mates(toy):
    for name in ("mldoc", "panx"):
        module, data = task(toy, name)
        _, loader = data.test_loader("de")
        rows = [row for batch in loader.sampler for row in batch]
        together = joined(module.eval().predict_step(loader.dataset[rows], 0))
        alone = joined([p for row in rows for p in module.predict_step(loader.dataset[[row]], 0)])
        assert [one.label for one in together] == [one.label for one in alone]


# What is learned


def names(module: FinetuningModule, *, trained: bool) -> set[str]:
    return {name for name, one in module.named_parameters() if one.requires_grad == trained}


@pytest.mark.parametrize("overrides", [(), ("ablation=no_word",), ("method=mlm",)])
@pytest.mark.parametrize("name", ["mldoc", "panx"])
@pytest.mark.parametrize("representation", ["prototype", "backbone"])
@pytest.mark.parametrize("freeze", ["nothing", "embeddings", "encoder"])
def test_everything_that_is_trained_moves_and_nothing_else(
    toy, tmp_path, name, freeze, representation, overrides
):
    module, data = task(toy, name, *overrides, freeze=freeze, representation=representation)
    before = state(module)
    loop = trainer(tmp_path, max_epochs=1, limit_train_batches=2, limit_val_batches=0)
    loop.fit(module, data)
    for key, parameter in module.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, key
        if not parameter.requires_grad:
            assert torch.equal(parameter, before[key]), key
    (optimizer,) = loop.optimizers
    owned = [id(one) for group in optimizer.param_groups for one in group["params"]]
    trained = {id(one) for one in module.parameters() if one.requires_grad}
    assert len(owned) == len(trained)
    assert set(owned) == trained
    embeddings = module.encoder.backbone.get_input_embeddings().weight
    assert embeddings.requires_grad == (freeze == "nothing")
    assert {"head.weight", "head.bias"} <= names(module, trained=True)
    if freeze == "encoder":
        assert names(module, trained=True) == {"head.weight", "head.bias"}
    else:
        assert any(".layer.0." in key for key in names(module, trained=True))


def test_fusions_learn_where_they_are_used(toy):
    used = {
        ("mldoc", "prototype"): {"sentence_fusion"},
        ("panx", "prototype"): {"sentence_fusion", "word_fusion"},
        ("mldoc", "backbone"): set(),
        ("panx", "backbone"): set(),
    }
    for (name, representation), expected in used.items():
        module, _ = task(toy, name, representation=representation)
        trained = {key.split(".")[1] for key in names(module, trained=True) if "fusion" in key}
        assert trained == expected


def test_the_head_has_a_rate_of_its_own(toy):
    module, _ = task(toy)
    encoder, head = module.configure_optimizers()["optimizer"].param_groups
    assert (encoder["initial_lr"], head["initial_lr"]) == (1e-3, 1e-2)
    assert {id(one) for one in head["params"]} == {id(one) for one in module.head.parameters()}


def test_first_values_and_noise_depend_on_the_seed_alone(toy, tmp_path):
    runs = []
    for history in (1, 2):
        torch.manual_seed(history)
        module, data = task(toy)
        torch.manual_seed(history)
        fit(module, data, tmp_path / str(history), best=False)
        runs.append(state(module))
    assert equal(*runs)
    other, _ = task(toy, seed=5)
    first, _ = task(toy)
    assert not torch.equal(other.head.weight, first.head.weight)


# Parts of an update


class Gradients(L.Callback):
    """Keeps the gradient of the first update."""

    def __init__(self) -> None:
        self.first: dict[str, Tensor] = {}

    def on_before_optimizer_step(self, _: Any, module: Any, optimizer: Any) -> None:
        if not self.first:
            self.first = {
                name: one.grad.clone()
                for name, one in module.named_parameters()
                if one.grad is not None
            }


def without_noise(module: FinetuningModule) -> FinetuningModule:
    for part in module.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    return module


@pytest.mark.parametrize("name", ["mldoc", "panx"])
def test_an_update_does_not_depend_on_how_its_batch_is_cut(toy, tmp_path, name):
    found, states, losses = [], [], []
    for tokens in (TOKENS, 60):
        module, data = task(
            toy, name, tokens=tokens, batch_size=12, partner="mean", max_grad_norm=0.1
        )
        parts = next(iter(data.train_dataloader()))
        assert (len(parts) == 1) == (tokens == TOKENS)
        gradients, memory = Gradients(), Memory()
        loop = trainer(
            tmp_path, [gradients], loggers=[memory], max_epochs=1,
            log_every_n_steps=1, limit_val_batches=0,
        )  # fmt: skip
        loop.fit(without_noise(module).double(), data)
        assert loop.global_step == data.batches
        found.append(gradients.first)
        states.append(state(module))
        losses.append([one["finetune/loss"] for _, one in memory.told if "finetune/loss" in one])
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-6, atol=1e-7)
    assert found[0].keys() == found[1].keys()
    for name, one in found[0].items():
        torch.testing.assert_close(found[1][name], one, rtol=1e-8, atol=1e-10)
    for name, one in states[0].items():
        torch.testing.assert_close(states[1][name], one, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("limit", [None, 1e-3])
def test_the_whole_gradient_is_clipped(toy, tmp_path, limit):
    module, data = task(toy, max_grad_norm=limit, tokens=60)
    norms: list[float] = []

    class Norms(L.Callback):
        def on_train_batch_end(self, _: Any, module: Any, *rest: Any) -> None:
            grads = [one.grad for one in module.parameters() if one.grad is not None]
            norms.append(float(torch.stack([one.norm() for one in grads]).norm()))

    fit(module, data, tmp_path, [Norms()], best=False)
    assert len(norms) == 2 * data.batches
    assert max(norms) > 1e-2 if limit is None else max(norms) == pytest.approx(1e-3, rel=1e-4)


# Selection on English dev


class Scored(L.Callback):
    """Keeps the weights that each score belongs to."""

    def __init__(self) -> None:
        self.states: list[dict[str, Tensor]] = []

    def on_validation_epoch_start(self, _: Any, module: Any) -> None:
        self.states.append(state(module))


@pytest.mark.parametrize(
    ("scores", "chosen"), [((10, 30, 20, 29, 5), 1), ((1, 2, 3, 4, 5), 4), ((7, 7, 7, 7, 7), 0)]
)
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
                    f"{TOPICS[(TOPICS.index(line[:4]) + 1) % 4]}{line[4:]}"
                    for line in text.splitlines(keepends=True)
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
        assert [one.label for one in joined(pieces)] == [[1, 2, 3, 4], [5], [6, 7]]


def test_texts_have_probabilities_and_tags_have_none(toy):
    module, data = task(toy)
    (_, _, one), *_ = module.eval().predict_step(a_batch(data, "de"), 0)
    assert sum(one.probabilities) == pytest.approx(1)
    assert one.label == max(range(4), key=one.probabilities.__getitem__)
    module, data = task(toy, "panx")
    (_, _, one), *_ = module.eval().predict_step(a_batch(data, "de"), 0)
    assert one.probabilities is None
