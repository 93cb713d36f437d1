"""The second stage: a head on the aligned encoder learns a task from English labels only."""

from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import lightning as L
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from mlalign.data.languages import ENGLISH
from mlalign.distributed import all_gather_object
from mlalign.models.encoder import Encoder
from mlalign.models.subwords import padded_percent
from mlalign.models.vocabulary_head import head_parameters
from mlalign.tasks.base import AnyLearnedTask, Piece, TaskBatch
from mlalign.training.clipping import clip_gradients
from mlalign.training.divergence import DivergenceMonitor
from mlalign.training.gathering import per_rank, unsynchronised
from mlalign.training.optimizers import ParameterGroup, build_optimizers
from mlalign.training.schedules import warmup_then_linear
from mlalign.training.seeding import seed_everything_for


class FinetuningModule(L.LightningModule):
    """Learns a task from English; predicts in any language.

    Args:
        encoder: aligned or not.
        task: its type, with its labels.
        dev: examples of English dev, in file order.
        representation: what the head sees of a sentence, see ``Encoder.represent``.
        partner: the second key of an English sentence in training: ``sample`` draws an aligned
            language for each, ``mean`` takes the mean of all, ``source`` English itself. English
            dev and test take the mean, or English.
        freeze: ``nothing``, the word ``embeddings`` or the whole ``encoder``.
        learning_rate, head_learning_rate: peaks.
        steps: updates of the whole run.
        warmup: share of the run over which learning rates rise.
        weight_decay: of AdamW.
        max_grad_norm: of the whole gradient, or None.
        dropout: in front of the head.
        seed: of dropout, partners and the head's first values.
    """

    def __init__(
        self,
        encoder: Encoder,
        task: AnyLearnedTask,
        *,
        dev: Sequence[Any],
        representation: str,
        partner: str,
        freeze: str,
        learning_rate: float,
        head_learning_rate: float,
        steps: int,
        warmup: float,
        weight_decay: float,
        max_grad_norm: float | None,
        dropout: float,
        seed: int,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False  # an update's gradient is the sum over its parts
        self.encoder, self.task, self.dev = encoder, task, dev
        self.representation, self.partner, self.frozen = representation, partner, freeze
        self.rates = (learning_rate, head_learning_rate)
        self.steps, self.warmup, self.weight_decay = steps, warmup, weight_decay
        self.max_grad_norm, self.seed = max_grad_norm, seed
        seed_everything_for(seed, "head")
        self.dropout = nn.Dropout(dropout)
        self.head = task.head(encoder.dim)
        self.divergence = DivergenceMonitor("finetune")
        self._pieces: list[Piece[Any]] = []
        for parameter in self._frozen():
            parameter.requires_grad_(False)

    def _frozen(self) -> list[nn.Parameter]:
        """What is to stay, and what has no part in the task and would wait for a gradient."""
        encoder = self.encoder
        if self.frozen == "encoder":
            return list(encoder.parameters())
        frozen = head_parameters(encoder.backbone)
        if self.frozen == "embeddings":
            frozen.append(encoder.backbone.get_input_embeddings().weight)
        fused = self.representation != "backbone"
        for fusion, is_used in (
            (encoder.sentence_fusion, not self.task.on_tokens or encoder.word_fusion is not None),
            (encoder.word_fusion, self.task.on_tokens),
        ):
            if fusion is not None and not (fused and is_used):
                frozen += fusion.parameters()
        return frozen

    def train(self, mode: bool = True) -> "FinetuningModule":
        """Switch dropout on or off; a frozen encoder keeps giving the vectors of evaluation."""
        super().train(mode)
        if self.frozen == "encoder":
            self.encoder.eval()
        return self

    def on_train_start(self) -> None:
        """Pretrained weights come in evaluation mode, and Lightning leaves modes as they are."""
        self.train()

    def forward(self, batch: TaskBatch) -> Tensor:
        """The head's outputs, ``[batch, outputs]`` for sentences and ``[batch, length, outputs]`` for tokens."""
        seen = self.encoder.represent(
            batch.subwords,
            partner=self.partner_of(batch),
            representation=self.representation,
        )
        return self.head(self.dropout(seen.words if self.task.on_tokens else seen.sentence))

    def partner_of(self, batch: TaskBatch) -> Float[Tensor, "*batch dim"] | None:
        """The second key of the sentence fusion; stored vectors only, no target text."""
        prototypes = self.encoder.prototypes
        if prototypes is None:
            return None
        if batch.language != ENGLISH or self.partner == "source":
            return prototypes.of(batch.language)
        targets = [language for language in prototypes.languages if language != ENGLISH]
        if self.partner == "sample" and self.training:
            vectors = torch.stack([prototypes.of(language) for language in targets])
            drawn = torch.randint(len(targets), (len(batch.examples),), device=vectors.device)
            return vectors[drawn]
        return prototypes.mean(targets)

    def training_step(self, parts: Sequence[TaskBatch], batch_idx: int) -> None:
        """One update: the mean cross entropy over all labels of the batch, part by part.

        The gradient is that of the whole batch however it is cut; at any time only the activations
        of one part are held.
        """
        seed_everything_for(self.seed, "finetune", self.global_step, self.global_rank)
        scored = per_rank(sum(part.scored for part in parts))
        optimizer, schedule = self._optimizer_and_schedule()
        optimizer.zero_grad()
        losses = []
        for part in parts:
            loss = self.task.loss(self(part), part) / scored
            synchronised = nullcontext() if part is parts[-1] else unsynchronised(self.trainer)
            with torch.autocast(self.device.type, enabled=False), synchronised:
                self.manual_backward(loss)
            losses.append(loss.detach())
        self.divergence.watch(self.global_step, {"loss": torch.stack(losses).sum()})
        optimizer.step()
        schedule.step()
        padded = padded_percent([part.subwords for part in parts])
        examples = sum(len(part.examples) for part in parts)
        log = partial(self.log, batch_size=examples, sync_dist=True)
        log("finetune/loss", sum(losses), prog_bar=True)
        log("finetune/padded_percent", padded)

    def _optimizer_and_schedule(self) -> tuple[Any, Any]:
        return self.optimizers(), self.lr_schedulers()

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Clip all that is trained as one vector."""
        trained = [one for group in optimizer.param_groups for one in group["params"]]
        norm = clip_gradients(self.trainer, optimizer, trained, self.max_grad_norm)
        self.divergence.watch(self.global_step, {"gradient_norm": norm})

    def on_validation_start(self) -> None:
        """A diverged run is not scored, and none of its weights are kept."""
        self.divergence.check()

    def validation_step(self, batch: TaskBatch, batch_idx: int) -> None:
        """English dev."""
        self._pieces += self.predict_step(batch, batch_idx)

    def on_validation_epoch_end(self) -> None:
        """One score over whole examples."""
        pieces = [piece for part in all_gather_object(self._pieces) for piece in part]
        self._pieces = []
        predictions = self.task.predictions(self.dev, self.task.merged(pieces))
        self.log("finetune/dev", self.task.metric.score(predictions), prog_bar=True)

    def predict_step(self, batch: TaskBatch, batch_idx: int) -> list[Piece[Any]]:
        """Example, its first word or token, and what was decoded, of every sequence of a batch."""
        return list(zip(batch.examples, batch.firsts, self.task.decode(self(batch), batch), strict=True))

    def configure_optimizers(self) -> Any:
        """One optimizer along one schedule."""
        (optimizer,) = build_optimizers(AdamW, self, self.parameter_groups(), weight_decay=self.weight_decay)
        schedule = LambdaLR(optimizer, warmup_then_linear(self.steps, self.warmup))
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def parameter_groups(self) -> list[ParameterGroup]:
        """The encoder and the head, each with its peak rate."""
        parts = (self.encoder, self.head)
        return [{"params": part.parameters(), "lr": rate} for part, rate in zip(parts, self.rates, strict=True)]
