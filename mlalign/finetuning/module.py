"""The second stage: a head on the aligned encoder learns a task from the labels of one language."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from jaxtyping import Float
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.optim import AdamW

from mlalign.config.enums import Freeze, HeadForm, Partner
from mlalign.config.schema import Finetune
from mlalign.data.readers import AnyExample
from mlalign.distributed import all_gather_object
from mlalign.errors import TrainingError
from mlalign.finetuning.tuning_set import TuningSet
from mlalign.finetuning.tunings.base import EncodedPairs
from mlalign.models.adapters import adapter_parameters
from mlalign.models.classifier import Convolution, perceptron
from mlalign.models.subwords import padded_percent
from mlalign.models.task_encoder import Represented, TaskEncoder
from mlalign.tasks.base import IGNORED, AnyTask, Piece, TaskBatch
from mlalign.tasks.updates import PairBatch, UpdateBatch
from mlalign.training.checkpoints import add_frozen, drop_frozen
from mlalign.training.divergence import Learned
from mlalign.training.gathering import average_gradients, per_rank, unsynchronised
from mlalign.training.module import StageModule
from mlalign.training.optimizers import (
    ParameterGroup,
    along,
    build_optimizers,
    optimizers_of,
    parameters_of,
    schedules_of,
    separate_optimizer,
    uncounted,
)
from mlalign.training.schedules import warmup_then_linear
from mlalign.training.seeding import own_stream, seed_everything_for


class FinetuningModule(StageModule):
    """Learns a task from its source language, and a few labels of others; predicts in any language.

    Args:
        encoder: aligned or not.
        task: its type, with its labels.
        settings: of fine-tuning. In training ``partner=sample`` draws an aligned language for each sentence, ``mean``
            takes the mean of all, ``source`` English itself; English dev and test take the mean, or English. So
            with another pivot (``data.pivot``); sentences of others meet their own language.
        dev: examples of the source's dev part, in file order; only training looks at them.
        steps: updates of the whole run; only training counts them.
        tunings: what is done besides learning labels; only training does.
        adapter_rate: peak learning rate of an adapter of the encoder, if it has one that learns.
    """

    def __init__(
        self,
        encoder: TaskEncoder,
        task: AnyTask,
        settings: Finetune,
        *,
        dev: Sequence[AnyExample] = (),
        steps: int = 1,
        tunings: TuningSet | None = None,
        adapter_rate: float | None = None,
    ) -> None:
        super().__init__("finetune", settings.max_grad_norm)
        self.adapter_rate = adapter_rate
        self.automatic_optimization = False  # an update's gradient is the sum over its parts
        self.encoder, self.task, self.dev = encoder, task, dev
        self.settings, self.steps = settings, steps
        self.representation: str = settings.representation
        self.seed = settings.own_seed
        seed_everything_for(self.seed, "head")
        self.dropout = nn.Dropout(settings.dropout)
        self.head = build_head(settings, encoder.dim, task.outputs)
        self.tunings = TuningSet() if tunings is None else tunings
        # DDP would wait for them in backward passes that do not reach them
        theirs = {id(one) for one in self.tunings.parameters()}
        self._ddp_params_and_buffers_to_ignore = [name for name, one in self.named_parameters() if id(one) in theirs]
        self._pieces: list[Piece[object]] = []
        on_tokens = task.on_tokens or isinstance(self.head, Convolution)
        for parameter in encoder.frozen_part(settings.freeze, representation=self.representation, on_tokens=on_tokens):
            parameter.requires_grad_(False)

    def train(self, mode: bool = True) -> "FinetuningModule":
        """Switch dropout on or off; a frozen encoder keeps giving the vectors of evaluation."""
        super().train(mode)
        if self.settings.freeze == Freeze.encoder:
            self.encoder.eval()
        return self

    def on_train_epoch_start(self) -> None:
        """What tunings have to know of the weights before they change what is learned from."""
        for tuning in self.tunings.named().values():
            tuning.epoch_started(self, self.trainer.datamodule)  # type: ignore[attr-defined]

    def forward(self, batch: TaskBatch) -> Tensor:
        """The head's outputs, ``[batch, outputs]`` for sentences and ``[batch, length, outputs]`` for tokens."""
        return self.read(self.represent(batch))

    def read(self, seen: Represented) -> Tensor:
        """The head's outputs of what it sees."""
        if isinstance(self.head, Convolution):
            outputs: Tensor = self.head(self.dropout(seen.words), seen.is_content_token)
            return outputs
        return self.head(self.dropout(seen.words if self.task.on_tokens else seen.sentence))

    def represent(self, batch: TaskBatch) -> Represented:
        """What the head sees, before dropout."""
        seen = self.encoder.represent(
            batch.subwords,
            partner=self.partner_of(batch),
            representation=self.representation,
            language=batch.language,
        )
        return seen if batch.windows is None else seen.averaged(batch.windows)

    def partner_of(self, batch: TaskBatch) -> Float[Tensor, "*batch dim"] | None:
        """The second key of the sentence fusion; stored vectors only, no target text."""
        prototypes = self.encoder.prototypes
        if prototypes is None:
            return None
        if batch.language != prototypes.pivot or self.settings.partner == Partner.source:
            return prototypes.of(batch.language)
        targets = prototypes.languages[1:]
        if self.settings.partner == Partner.sample and self.training:
            vectors = torch.stack([prototypes.of(language) for language in targets])
            drawn = torch.randint(len(targets), (len(batch.examples),), device=vectors.device)
            return vectors[
                drawn if batch.windows is None else drawn.repeat_interleave(torch.tensor(batch.windows).to(drawn))
            ]
        return prototypes.mean(targets)

    def training_step(self, update: UpdateBatch, batch_idx: int) -> None:
        """One update: the mean cross entropy over all labels of the batch, and what tunings add to it.

        The gradient is that of the whole batch however it is cut; at any time only the activations
        of one part are held.
        """
        step, separate = self.global_step, self.tunings.separate()
        optimizer, *others = optimizers_of(self)  # the task's, those of tunings that are apart, those of opponents
        optimizer.zero_grad()
        losses = {
            name: self.learn_pairs(name, pairs, step) for name, pairs in update.pairs.items() if name not in separate
        }
        seed_everything_for(self.seed, "finetune", step, self.global_rank)
        losses |= self.learn_rows(update, step)
        average_gradients(self.tunings.own_parameters())
        optimizer.step()
        for name, apart in zip(separate, others, strict=False):
            apart.zero_grad()
            losses[name] = self.learn_pairs(name, update.pairs[name], step)
            average_gradients(parameters_of(apart))
            uncounted(apart, self.trainer).step()
        for opponent in others[len(separate) :]:
            average_gradients(parameters_of(opponent))
            uncounted(opponent, self.trainer).step()
            opponent.zero_grad()
        for schedule in schedules_of(self):
            schedule.step()
        self.report(update, losses, step)

    def learn_rows(self, update: UpdateBatch, step: int) -> dict[str, Tensor]:
        """The gradient of the task's loss and of the tunings' terms; in the last part all ranks exchange theirs.

        Returns:
            The task's loss, and name -> term of tunings, unweighted.
        """
        parts, tunings = update.parts, self.tunings.named()
        weights = [self.tunings.row_weights(part) for part in parts]
        scored = per_rank(sum(part.scored for part in parts))
        weighed = scored if weights[0] is None else per_rank(sum(map(_weight, parts, weights)))
        losses: dict[str, list[Tensor]] = {"loss": []}
        for place, (part, views, weight) in enumerate(zip(parts, update.views, weights, strict=True)):
            outputs = self(part)
            total = self.task.loss(outputs, part, weight) / weighed
            losses["loss"].append(total.detach())
            for name, tuning in tunings.items():
                with own_stream(self.device, self.seed, name, step, self.global_rank, place):
                    term = tuning.row_term(self, part, outputs, views.get(name))
                if term is not None:
                    losses.setdefault(name, []).append(term.detach() / scored)
                    total = total + tuning.weight * term / scored
            synchronised = nullcontext() if part is parts[-1] else unsynchronised(self.trainer)
            with torch.autocast(self.device.type, enabled=False), synchronised:
                self.manual_backward(total)
        summed = {name: torch.stack(terms).sum() for name, terms in losses.items()}
        self.divergence.watch(
            step, summed, [Learned(part.language, part.examples, self.current_epoch) for part in parts]
        )
        return summed

    def learn_pairs(self, name: str, batches: Sequence[PairBatch], step: int) -> Float[Tensor, ""]:
        """The gradient of what a tuning, and its opponent, make of what is seen beside the rows, piece by piece.

        Returns:
            The tuning's term, unweighted: the mean over pairs.
        """
        tuning, terms = self.tunings.named()[name], []
        counted = per_rank(sum(batch.counted for batch in batches))
        with own_stream(self.device, self.seed, name, step, self.global_rank):
            for batch in batches:
                encoded = EncodedPairs(batch, self.represent(batch.source), self.represent(batch.target), self.read)
                share = (batch.counted > 0) / counted
                term = share * tuning.pair_term(encoded)
                total = tuning.weight * term
                if tuning.opponent is not None:
                    total = total + share * tuning.opponent_term(encoded)
                with torch.autocast(self.device.type, enabled=False), unsynchronised(self.trainer):
                    self.manual_backward(total)
                terms.append(term.detach())
        self.divergence.watch(step, {name: torch.stack(terms).sum()})
        return torch.stack(terms).sum()

    def report(self, update: UpdateBatch, losses: Mapping[str, Tensor], step: int) -> None:
        """The losses, unweighted, and how much is padding."""
        examples = sum(len(part.examples) for part in update.parts)
        for name, loss in losses.items():
            self.log(f"finetune/{name}", loss, batch_size=examples, sync_dist=True)
        padded = padded_percent([part.subwords for part in update.parts])
        self.log("finetune/padded_percent", padded, batch_size=examples, sync_dist=True)
        if self.is_reported(step):
            self.show({"finetune/loss": losses["loss"]})

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """A diverged run is never a checkpoint to resume from; tunings remember more than parameters."""
        self.divergence.check()
        drop_frozen(self.encoder, checkpoint)
        checkpoint["tunings"] = {name: one.remembered() for name, one in self.tunings.named().items()}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Each tuning as it was."""
        add_frozen(self.encoder, checkpoint)
        for name, one in self.tunings.named().items():
            one.remember(checkpoint["tunings"][name])

    def validation_step(self, batch: TaskBatch, batch_idx: int) -> None:
        """The source's dev part."""
        self._pieces += self.predict_step(batch, batch_idx)

    def on_validation_epoch_end(self) -> None:
        """One score over whole examples."""
        pieces = [piece for part in all_gather_object(self._pieces) for piece in part]
        self._pieces = []
        decoded = self.task.merged(pieces)
        if not all(map(self.task.is_finite, decoded)):
            raise TrainingError(
                f"finetune: non-finite outputs on the dev part after update {self.global_step}; no weights of it are "
                "kept. Lower finetune.learning_rate"
            )
        predictions = self.task.predictions(self.dev, decoded)
        score = self.task.metric.score(predictions)
        self.log("finetune/dev", score)
        self.show({"finetune/dev": score})

    def predict_step(self, batch: TaskBatch, batch_idx: int) -> list[Piece[object]]:
        """Example, its first word or token, and what was decoded, of every sequence of a batch."""
        return list(zip(batch.examples, batch.firsts, self.task.decode(self(batch), batch), strict=True))

    def configure_optimizers(self) -> list[OptimizerLRSchedulerConfig]:
        """The task's optimizer, and those that tunings have for themselves; all along one schedule."""
        opponents = [
            {"params": one.opponent.parameters(), "lr": one.opponent_rate, "name": f"{name}/opponent"}
            for name, one in self.tunings.opposed().items()
            if one.opponent is not None
        ]
        separate = [
            {"params": [*self.encoder.parameters(), *one.own_parameters()], "lr": one.separate_rate, "name": name}
            for name, one in self.tunings.separate().items()
        ]
        task, *others = build_optimizers(
            AdamW, self, self.parameter_groups(), *([one] for one in opponents), weight_decay=self.settings.weight_decay
        )
        apart = [separate_optimizer(AdamW, [one], weight_decay=self.settings.weight_decay) for one in separate]
        factor = warmup_then_linear(self.steps, self.settings.warmup)
        return [along(optimizer, factor) for optimizer in (task, *apart, *others)]

    def parameter_groups(self) -> list[ParameterGroup]:
        """The encoder, the head with what tunings add, and an adapter, each with its peak rate."""
        rate, head_rate = self.settings.learning_rate, self.settings.head_learning_rate
        heads = [*self.head.parameters(), *self.tunings.own_parameters()]
        adapter = adapter_parameters(self.encoder)
        apart = {id(one) for one in adapter}
        return [
            {"params": [one for one in self.encoder.parameters() if id(one) not in apart], "lr": rate},
            {"params": heads, "lr": rate if head_rate is None else head_rate},
            {"params": adapter, "lr": self.adapter_rate},
        ]


def build_head(settings: Finetune, width: int, outputs: int) -> nn.Module:
    """The head that the settings ask for, with its first values drawn."""
    head = settings.head
    if head.form == HeadForm.linear:
        return nn.Linear(width, outputs)
    dropout, activation = settings.dropout if head.dropout is None else head.dropout, head.activation.value
    if head.form == HeadForm.conv:
        return Convolution(
            width, outputs, filters=head.filters, width=head.width, activation=activation, dropout=dropout
        )
    return perceptron(width, outputs, hidden=head.hidden, activation=activation, dropout=dropout)


def _weight(part: TaskBatch, weights: Float[Tensor, " rows"] | None) -> float:
    """What the labels of a part weigh together."""
    assert weights is not None  # of all parts or none
    labels = (part.labels != IGNORED).reshape(len(part.examples), -1).sum(1)
    return float((labels * weights).sum())
