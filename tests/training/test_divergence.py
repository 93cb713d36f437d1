"""A diverged run ends with its cause; gradients are clipped after un-scaling, whatever steps."""

import math

import lightning as L
import pytest
import torch
from lightning.pytorch.plugins.precision import MixedPrecision
from training.learned import task
from training.toy import batches, built, fitted, trainer

from mlalign.errors import TrainingError
from mlalign.models.finite import non_finite_weights
from mlalign.training.clipping import clip_gradients
from mlalign.training.divergence import DivergenceMonitor


def test_the_first_update_and_the_first_name_are_told():
    monitor = DivergenceMonitor("align")
    for step in range(6):
        one, two = (math.nan if step > 3 else 1.0), (math.inf if step == 2 else 1.0)
        monitor.watch(step, {"loss/a": torch.tensor(one), "loss/b": torch.tensor(two)})
        if step < 2:
            monitor.check()
    with pytest.raises(TrainingError, match="align: loss/b is non-finite since update 2"):
        monitor.check()


def poisoned(module: L.LightningModule, step: int) -> None:
    """From this update on the encoder's first layer gives NaN."""

    def poison(layer, _, states):
        return states * math.nan if module.global_step >= step else states

    module.encoder.backbone.base_model.embeddings.register_forward_hook(poison)


def test_a_diverged_alignment_ends_and_leaves_no_checkpoint(toy, tmp_path):
    for steps, since in ((12, 3), (4, 2)):  # at a report, and where a checkpoint is asked for
        module, data = built(toy, f"align.steps={steps}")
        poisoned(module, since)
        with pytest.raises(TrainingError, match=f"align: loss/.* non-finite since update {since}"):
            fitted(module, batches(data, steps), tmp_path)
    assert not list(tmp_path.rglob("*.ckpt"))


def test_a_diverged_fine_tuning_is_not_scored(toy, tmp_path):
    module, data = task(toy)
    poisoned(module, 1)
    with pytest.raises(TrainingError, match="finetune: loss is non-finite since update 1"):
        trainer(tmp_path, max_epochs=2).fit(module, data)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_non_finite_weights_are_named(value):
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    assert non_finite_weights(model) is None
    model[1].running_mean[1] = value
    assert "1 of 6 tensors hold non-finite numbers, 1.running_mean" in non_finite_weights(model)


# Clipping


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("limit", [None, 0.25])
def test_what_an_optimizer_steps_with_is_the_unscaled_gradient_clipped(tmp_path, fused, scaled, limit):
    """Plain SGD moves by what it is given, so that the clipped gradient can be read off."""

    class Linear(L.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.automatic_optimization = False
            self.weight = torch.nn.Parameter(torch.zeros(4))

        def training_step(self, batch: torch.Tensor, _: int) -> None:
            self.manual_backward((self.weight * batch).sum())
            self.optimizers().step()

        def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
            self.norm = clip_gradients(self.trainer, optimizer, [self.weight], limit)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD([self.weight], lr=1.0, fused=fused)

    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0) if scaled else None
    precision = "16-mixed" if scaled else "bf16-mixed"
    plugin = MixedPrecision(precision, "cpu", scaler=scaler)
    loop = L.Trainer(
        max_epochs=1, accelerator="cpu", plugins=[plugin], logger=False,
        enable_checkpointing=False, enable_progress_bar=False, default_root_dir=tmp_path,
    )  # fmt: skip
    module, gradient = Linear(), torch.tensor([3.0, 0.0, -4.0, 0.0])
    loop.fit(module, torch.utils.data.DataLoader([gradient], batch_size=None))
    assert float(module.norm) == pytest.approx(5.0)
    expected = -gradient if limit is None else -gradient * limit / 5.0
    torch.testing.assert_close(module.weight.detach(), expected, rtol=1e-4, atol=1e-6)
