"""What is learned of a task, from English alone, and how an update is made."""

from typing import Any

import lightning as L
import pytest
import torch
from torch import Tensor
from training.learned import equal, fit, task
from training.toy import Memory, state, trainer

from mlalign.finetuning.module import FinetuningModule
from mlalign.tasks.data import TOKENS

# What is learned


def names(module: FinetuningModule, *, trained: bool) -> set[str]:
    return {name for name, one in module.named_parameters() if one.requires_grad == trained}


@pytest.mark.parametrize("overrides", [(), ("ablation=no_word",), ("method=mlm",)])
@pytest.mark.parametrize("name", ["mldoc", "panx"])
@pytest.mark.parametrize("representation", ["prototype", "backbone"])
@pytest.mark.parametrize("freeze", ["nothing", "embeddings", "encoder"])
def test_everything_that_is_trained_moves_and_nothing_else(toy, tmp_path, name, freeze, representation, overrides):
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
    encoder, head = module.configure_optimizers()[0]["optimizer"].param_groups
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
            self.first = {name: one.grad.clone() for name, one in module.named_parameters() if one.grad is not None}


def without_noise(module: FinetuningModule) -> FinetuningModule:
    for part in module.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    return module


@pytest.mark.parametrize("name", ["mldoc", "panx"])
def test_an_update_does_not_depend_on_how_its_batch_is_cut(toy, tmp_path, name):
    found, states, losses = [], [], []
    for tokens in (TOKENS, 60):
        module, data = task(toy, name, tokens=tokens, batch_size=12, partner="mean", max_grad_norm=0.1)
        parts = next(iter(data.train_dataloader())).parts
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
