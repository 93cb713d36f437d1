"""Masked words of one side of parallel text, which is read as text of its own."""

from collections.abc import Sequence
from typing import Any, Literal

from jaxtyping import Float, Int
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torch.optim import AdamW, Optimizer

from mlalign.config.schema import Align
from mlalign.data.parallel import ParallelBatch
from mlalign.losses import masked_word_loss
from mlalign.models.encoder import Encoder
from mlalign.models.vocabulary_head import word_transform
from mlalign.training.divergence import Learned
from mlalign.training.gathering import per_rank
from mlalign.training.module import StageModule
from mlalign.training.optimizers import ParameterGroup, along, build_optimizers
from mlalign.training.schedules import warmup_then_linear
from mlalign.training.seeding import seed_everything_for


class MaskedSideModule(StageModule):
    """Minimises Eq. 12 of one language; parameters without ``requires_grad`` stay as they are.

    Args:
        encoder: without fusion; its backbone's head guesses the words.
        vocabulary: ids that are normalised over, from 0.
        align: settings.
        side: of the pairs.
        language: of the side.
        groups: parameters and their peak learning rates.
        steps: updates.
        fixed: ids whose embeddings stay as they are.
    """

    def __init__(
        self,
        encoder: Encoder,
        vocabulary: int,
        align: Align,
        *,
        side: Literal["source", "target"],
        language: str,
        groups: Sequence[ParameterGroup],
        steps: int,
        fixed: Int[Tensor, " ids"],
    ) -> None:
        super().__init__("align", align.max_grad_norm)
        self.encoder, self.vocabulary, self.align, self.side = encoder, vocabulary, align, side
        self.language, self.groups, self.steps, self.fixed = language, groups, steps, fixed
        self.transform = word_transform(encoder.backbone)

    def training_step(self, batch: ParallelBatch, batch_idx: int) -> Float[Tensor, ""]:
        """The loss of a batch, whose mean over ranks is that of all its hidden words."""
        seed_everything_for(self.align.own_seed, "masked side", self.language, batch.place, self.global_rank)
        side = getattr(batch.first, self.side)
        output: Any = self.encoder.backbone.get_output_embeddings()
        bias = None if output.bias is None else output.bias[: self.vocabulary]
        words = self.transform(self.encoder(side.subwords)[side.masked])
        mean = masked_word_loss(words, output.weight[: self.vocabulary], bias, side.original[side.masked])
        loss = mean * len(words) / per_rank(len(words))
        self.divergence.watch(self.global_step, {"loss": loss.detach()}, [Learned(batch.languages[1], batch.rows)])
        if self.is_reported(batch_idx):
            self.show({f"{self.language} masked words": loss.detach()})
        return loss

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Keep the fixed embeddings."""
        gradient = self.encoder.backbone.get_input_embeddings().weight.grad
        gradient[self.fixed.to(gradient.device)] = 0  # so that Adam, without weight decay, does not move them
        super().on_before_optimizer_step(optimizer)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """One optimizer along one schedule."""
        betas = (self.align.betas[0], self.align.betas[1])
        (optimizer,) = build_optimizers(AdamW, self, self.groups, betas=betas, weight_decay=0.0)
        return along(optimizer, warmup_then_linear(self.steps, self.align.warmup))
