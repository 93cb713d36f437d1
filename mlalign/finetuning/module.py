"""The second stage: a head on the aligned encoder learns a task from English labels only."""

from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any, NamedTuple

import lightning as L
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from mlalign.data.languages import ENGLISH
from mlalign.distributed import all_gather_object
from mlalign.metrics.scores import METRICS
from mlalign.models.encoder import Encoder
from mlalign.models.subwords import padded_percent
from mlalign.models.vocabulary_head import head_parameters
from mlalign.tasks.data import IGNORED, TaskBatch
from mlalign.training.clipping import clip_gradients
from mlalign.training.divergence import DivergenceMonitor
from mlalign.training.gathering import per_rank, unsynchronised
from mlalign.training.optimizers import ParameterGroup, build_optimizers
from mlalign.training.schedules import warmup_then_linear
from mlalign.training.seeding import seed_everything_for


class Predicted(NamedTuple):
    """What the model says of one example."""

    label: Any  # the label of a text, or the list of a sentence's tags
    probabilities: list[float] | None  # of a text's labels


class FinetuningModule(L.LightningModule):
    """Learns from English; tags or labels any language.

    Args:
        encoder: aligned or not.
        labels: of the task.
        tagging: whether every word has a label, or a text has one.
        metric: a key of ``METRICS``.
        gold: labels of English dev, in file order.
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
        labels: Sequence[str],
        *,
        tagging: bool,
        metric: str,
        gold: Sequence[Any],
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
        self.encoder, self.labels, self.tagging = encoder, list(labels), tagging
        self.metric, self.gold = METRICS[metric], gold
        self.representation, self.partner, self.frozen = representation, partner, freeze
        self.rates = (learning_rate, head_learning_rate)
        self.steps, self.warmup, self.weight_decay = steps, warmup, weight_decay
        self.max_grad_norm, self.seed = max_grad_norm, seed
        seed_everything_for(seed, "head")
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(encoder.dim, len(labels))
        self.divergence = DivergenceMonitor("finetune")
        self._pieces: list[tuple[int, int, Any]] = []
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
            (encoder.sentence_fusion, not self.tagging or encoder.word_fusion is not None),
            (encoder.word_fusion, self.tagging),
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
        """Logits, ``[batch, labels]`` for texts and ``[batch, length, labels]`` for words."""
        seen = self.encoder.represent(
            batch.subwords,
            partner=self.partner_of(batch),
            representation=self.representation,
        )
        return self.head(self.dropout(seen.words if self.tagging else seen.sentence))

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
            loss = self.summed_loss(part) / scored
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

    def summed_loss(self, part: TaskBatch) -> Float[Tensor, ""]:
        """Cross entropy summed over the labels of a part."""
        logits, labels = self(part).flatten(0, -2), part.labels.flatten()
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        return nn.functional.cross_entropy(logits, labels, ignore_index=IGNORED, reduction="sum")

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
        """One score over whole sentences."""
        pieces = [piece for part in all_gather_object(self._pieces) for piece in part]
        predicted = [one.label for one in merge_pieces(pieces)]
        self._pieces = []
        self.log("finetune/dev", self.metric(predicted, self.gold, self.labels), prog_bar=True)

    def predict_step(self, batch: TaskBatch, batch_idx: int) -> list[tuple[int, int, Predicted]]:
        """Example, first word and prediction of every sequence of a batch."""
        logits = self(batch).float()
        best = logits.argmax(-1).cpu()
        if self.tagging:
            scored = batch.labels.cpu() != IGNORED
            rows = zip(best, scored, strict=True)
            found = [Predicted(row[mask].tolist(), None) for row, mask in rows]
        else:
            shares = logits.softmax(-1).cpu().tolist()
            found = [Predicted(*pair) for pair in zip(best.tolist(), shares, strict=True)]
        return list(zip(batch.examples, batch.first_words, found, strict=True))

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


def merge_pieces(pieces: Sequence[tuple[int, int, Predicted]]) -> list[Predicted]:
    """Predictions in file order, the pieces of a split sentence behind one another.

    A piece that several ranks have predicted counts once.
    """
    whole: list[Predicted] = []
    previous = -1
    once = {piece[:2]: piece for piece in pieces}
    for example, _, predicted in (once[place] for place in sorted(once)):
        if example == previous:
            whole[-1] = Predicted([*whole[-1].label, *predicted.label], None)
        else:
            whole.append(predicted)
        previous = example
    return whole
