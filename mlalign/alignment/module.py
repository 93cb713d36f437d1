"""The first stage: two players align an encoder on parallel text."""

import time
from collections.abc import Collection, Iterable, Mapping
from contextlib import nullcontext
from typing import Any

import torch
from jaxtyping import Float
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from mlalign.alignment.batch import BatchEncoder, EncodedBatch
from mlalign.alignment.diagnostics import Diagnostics
from mlalign.alignment.held_out import HeldOut
from mlalign.alignment.objective_set import ObjectiveSet
from mlalign.alignment.objectives.base import Objective
from mlalign.alignment.vocabulary import vocabulary_losses
from mlalign.data.parallel import HeldOutBatch, ParallelBatch, regrouped
from mlalign.data.sampling import stream
from mlalign.losses import UncertaintyWeights
from mlalign.models.adapters import adapter_parameters
from mlalign.models.subwords import padded_percent
from mlalign.training.checkpoints import add_frozen, drop_frozen
from mlalign.training.divergence import Learned
from mlalign.training.gathering import average_gradients, mean_over_ranks, unsynchronised
from mlalign.training.module import StageModule
from mlalign.training.optimizers import ParameterGroup, along, build_optimizers, optimizers_of, schedules_of, uncounted
from mlalign.training.schedules import Optimisation, warmup_then_linear
from mlalign.training.seeding import seed_everything_for


class AlignmentModule(StageModule):
    """Both players learn from one pass of the encoder.

    Args:
        encoded: the generator, with the head and the companions that objectives need.
        objectives: what is learned.
        weighting: adds the losses up that have learned weights; None where there are none.
        partner_drop: share of batches in which masked tokens attend to their own sentence only.
        per_level: whether ``weighting`` knows levels instead of names.
        optimisation: learning rates, lengths, clipping.
    """

    def __init__(
        self,
        encoded: BatchEncoder,
        objectives: ObjectiveSet,
        weighting: UncertaintyWeights | None,
        *,
        partner_drop: float,
        per_level: bool,
        optimisation: Optimisation,
    ) -> None:
        super().__init__("align", optimisation.align.max_grad_norm)
        self.automatic_optimization = False
        self.encoder, self.head, self.weighting, self.objectives = encoded.encoder, encoded.head, weighting, objectives
        self.companions, self.encoded = nn.ModuleDict(encoded.companions), encoded
        self.partner_drop, self.per_level = partner_drop, per_level
        self.optimisation, self.align, self.seed = optimisation, optimisation.align, optimisation.align.own_seed
        self.diagnostics = Diagnostics(None if weighting is None else weighting.weight_bounds(), objectives.rules())
        self.held_out = HeldOut(self.encoder, self.seed)
        # DDP would wait for the opponents in backward passes that do not reach them
        theirs = {id(one) for one in objectives.opponent_parameters()}
        self._ddp_params_and_buffers_to_ignore = [name for name, one in self.named_parameters() if id(one) in theirs]
        self._since: tuple[int, float] | None = None

    def on_train_start(self) -> None:
        """Say what settings and resources make doubtful."""
        super().on_train_start()
        for name, objective in self.objectives.named().items():
            for message in objective.doubts:
                self.diagnostics.warn(name, message)

    def transfer_batch_to_device(self, batch: Any, device: torch.device, idx: int) -> Any:
        """What the word losses are about stays on the host, see ``Side``."""
        if not isinstance(batch, ParallelBatch):
            return super().transfer_batch_to_device(batch, device, idx)
        moved = super().transfer_batch_to_device(batch, device, idx)
        views = {
            name: regrouped(
                side._replace(subwords=there.subwords) for side, there in zip(sides, moved.views[name], strict=True)
            )
            for name, sides in batch.views.items()
        }
        return moved._replace(views=views, links=batch.links)

    # One step

    def training_step(self, batch: ParallelBatch, batch_idx: int) -> None:
        """The step of a batch, which its place in the run alone decides."""
        seed_everything_for(self.seed, "dropout", batch.place, self.global_rank)
        train = self.train_head if self.optimisation.is_head_warmup(batch.place) else self.train_players
        train(batch)

    def train_players(self, batch: ParallelBatch) -> None:
        """Both players learn from one pass and one backward; each steps its own optimizer."""
        progress = self.optimisation.progress(batch.place)
        encoded = self.encode(batch, self.read(batch.views, progress))
        losses = self.objectives.losses(encoded, progress)
        for name, objective in self.objectives.opposed().items():
            losses["discriminator"] = self.train_discriminator(objective, encoded) + losses.get("discriminator", 0)
            losses[name] = objective(encoded)
        ends_update = self.optimisation.ends_update(batch.place)
        with nullcontext() if ends_update else unsynchronised(self.trainer):  # ranks exchange gradients once an update
            total = self.total(losses, progress)
            self.manual_backward(total / self.align.accumulate)
        self.watch(losses, batch)
        self.report(encoded, losses, batch.place)
        if ends_update:
            self.step_players()
        self.update_prototypes(encoded)
        self.objectives.stepped(encoded)

    def train_head(self, batch: ParallelBatch) -> None:
        """Only a masked-word head that starts at random learns; its gradients would spoil the encoder.

        The gradient of the head alone is asked for, so that nothing else has one.
        """
        assert self.head is not None
        with torch.no_grad():
            encoded = self.encode(batch, batch.views)
        losses = vocabulary_losses(self.objectives.vocabulary(), encoded)
        self.watch(losses, batch)
        total = torch.stack(list(losses.values())).sum() / self.align.accumulate
        for parameter, gradient in zip(
            self.head.untrained, torch.autograd.grad(total, self.head.untrained), strict=True
        ):
            found = gradient.detach()
            parameter.grad = found if parameter.grad is None else parameter.grad + found
        if self.optimisation.ends_update(batch.place):
            average_gradients(self.head.untrained)
            self.generator_optimizer.step()
            self.generator_optimizer.zero_grad()
            schedules_of(self)[0].step()

    def encode(self, batch: ParallelBatch, views: Collection[str]) -> EncodedBatch:
        """The views that are read, once; whether masked tokens may attend to their translation is drawn here."""
        batch = batch._replace(views={name: batch.views[name] for name in views})
        draw = stream(self.seed, "partner", batch.place).random()
        partnered = self.encoder.word_fusion is not None and draw >= self.partner_drop
        return self.encoded(batch, partnered=partnered)

    def read(self, views: Iterable[str], progress: float) -> list[str]:
        """Those views of a batch that some objective reads at a share of the run."""
        asked = self.objectives.views(progress)
        return [one for one in views if one in asked or one.replace("clean", "masked") in asked - set(views)]

    def total(self, losses: Mapping[str, Tensor], progress: float) -> Float[Tensor, ""]:
        """What one backward pass minimises for both players."""
        learned: dict[str, Tensor] = {}
        terms = [torch.zeros((), device=self.device)]
        for name, objective in self.objectives.named().items():
            waits = not objective.is_learned(progress)
            loss = self.no_loss() if waits else objective.weight * objective.factor(progress) * losses[name]
            key = objective.level if self.per_level else name
            if objective.has_learned_weight:
                learned[key] = learned[key] + loss if key in learned else loss
            else:
                terms.append(loss)
        if "discriminator" in losses and not self.optimisation.alternate:
            terms.append(losses["discriminator"])
        if self.weighting is not None:
            terms.append(self.weighting(learned))
        return torch.stack(terms).sum()

    def no_loss(self) -> Float[Tensor, ""]:
        """0, with a gradient of 0 for what only a loss that is not learned yet would reach: DDP waits for it."""
        elsewhere = [*self.objectives.opponent_parameters(), self.encoder.backbone.get_input_embeddings().weight]
        apart = {id(one) for one in elsewhere}
        reached = [one.sum() for one in self.parameters() if one.requires_grad and id(one) not in apart]
        return 0 * torch.stack(reached).sum()

    def train_discriminator(self, objective: Objective, encoded: EncodedBatch) -> Float[Tensor, ""]:
        """The opponent's loss; under the alternate schedule it learns from it at once."""
        loss = objective.opponent_loss(encoded)
        for _ in range(self.align.adversary.discriminator_steps if self.optimisation.alternate else 0):
            with unsynchronised(self.trainer):
                self.manual_backward(loss)
            self.step_discriminator()
            self.discriminator_optimizer.zero_grad()
            loss = objective.opponent_loss(encoded)
        return loss

    def watch(self, losses: Mapping[str, Tensor], batch: ParallelBatch) -> None:
        """Note losses that are non-finite, without waiting for the device."""
        values = {f"loss/{name}": loss for name, loss in losses.items()}
        learned = [Learned(batch.languages[1], batch.rows)]
        self.divergence.watch(self.optimisation.update(batch.place), values, learned)

    @torch.no_grad()
    def update_prototypes(self, encoded: EncodedBatch) -> None:
        """Move the prototypes towards this batch's language vectors."""
        pair = encoded.languages_apart
        if self.encoder.prototypes is not None and pair is not None:
            for language, side in zip(encoded.languages, pair.sides, strict=True):
                self.encoder.prototypes.update(language, side.prototype)

    # Updates

    def step_players(self) -> None:
        """Update, move the learning rates, forget the gradients."""
        if self.objectives.opposed() and not self.optimisation.alternate:
            self.step_discriminator()
        self.generator_optimizer.step()
        self.objectives.updated(self.encoded.companions)
        if self.weighting is not None:
            self.weighting.clamp_()
        for schedule in schedules_of(self):
            schedule.step()
        for optimizer in optimizers_of(self):
            optimizer.zero_grad()

    def step_discriminator(self) -> None:
        """From the gradients of all ranks, which DDP leaves alone: see ``__init__``."""
        average_gradients(self.objectives.opponent_parameters())
        self.discriminator_optimizer.step()

    @property
    def generator_optimizer(self) -> LightningOptimizer:
        """Of all but the opponents."""
        return optimizers_of(self)[0]

    @property
    def discriminator_optimizer(self) -> LightningOptimizer:
        """Of the opponents; only the generator's steps count, so that checkpoints, loggers and limits mean updates."""
        return uncounted(optimizers_of(self)[1], self.trainer)

    def clipped(self, optimizer: Optimizer) -> list[nn.Parameter]:
        """Each player by itself; learned weights are left as they are."""
        return [one for group in optimizer.param_groups if group["name"] != "weights" for one in group["params"]]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """A diverged run is never a checkpoint to resume from; what was warned of goes with it."""
        self.divergence.check()
        drop_frozen(self.encoder, checkpoint)
        checkpoint["diagnostics"] = self.diagnostics.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Warn of everything once, however often the alignment is resumed."""
        add_frozen(self.encoder, checkpoint)
        if "diagnostics" in checkpoint:  # older ones have none
            self.diagnostics.load_state_dict(checkpoint["diagnostics"])

    def configure_optimizers(self) -> list[OptimizerLRSchedulerConfig]:
        """The generator's optimizer, whose groups have rates of their own, and the opponents'."""
        align, rates = self.align, self.align.learning_rate
        opponents = [
            {"params": self.objectives.opponent_parameters(), "lr": rates.discriminator, "name": "discriminator"}
        ]
        players = [self.parameter_groups(), *([opponents] if self.objectives.opposed() else [])]
        factors = [
            warmup_then_linear(align.steps, align.warmup, self.optimisation.head_warmup),
            warmup_then_linear(align.steps, 0),
        ]
        return list(map(along, build_optimizers(Adam, self, *players, betas=tuple(align.betas)), factors))

    def parameter_groups(self) -> list[ParameterGroup]:
        """Every parameter of the generator once, each group with its peak rate."""
        rates, encoder = self.align.learning_rate, self.encoder
        of_embeddings = rates.backbone if rates.embeddings is None else rates.embeddings
        embeddings = encoder.backbone.get_input_embeddings().weight
        parts = (encoder.sentence_fusion, encoder.word_fusion, self.head)
        heads = [parameter for part in parts if part is not None for parameter in part.parameters()]
        heads += [] if self.head is None else self.head.untrained
        heads += self.objectives.own_parameters()
        adapter = adapter_parameters(encoder)
        apart = {id(parameter) for parameter in (embeddings, *heads, *adapter)}
        backbone = [parameter for parameter in encoder.backbone.parameters() if id(parameter) not in apart]
        weights = [] if self.weighting is None else list(self.weighting.parameters())
        return [
            {"params": backbone, "lr": rates.backbone, "name": "backbone"},
            {"params": adapter, "lr": self.optimisation.adapter, "name": "adapter"},
            {"params": [embeddings], "lr": of_embeddings, "name": "embeddings"},
            {"params": heads, "lr": rates.heads, "name": "heads"},
            {"params": weights, "lr": rates.weights * 20_000 / self.align.steps, "name": "weights"},
        ]

    # What is shown

    def report(self, encoded: EncodedBatch, losses: Mapping[str, Tensor], place: int) -> None:
        """Every so many batches: losses unweighted, learned weights, rates, speed; norms of the update before."""
        if not self.is_reported(place):
            return
        self.divergence.check()
        values: dict[str, Tensor | float] = {f"loss/{name}": loss.detach() for name, loss in losses.items()}
        weights = {} if self.weighting is None else self.weighting.weights()
        values |= {f"weight/{name}": weight for name, weight in weights.items()}
        values |= self.norms
        for optimizer in optimizers_of(self):
            for group in optimizer.param_groups:
                values[f"learning_rate/{group['name']}"] = group["lr"]
        values |= self.objectives.measures(encoded)
        values["padded_percent"] = padded_percent(encoded.read)
        if encoded.first is not None:
            values["in_batch_accuracy"] = 100 * encoded.first.in_batch_accuracy()
        now = time.perf_counter()
        if self._since is not None:
            before, then = self._since
            pairs = (place - before) * len(encoded.same)
            values["pairs_per_second"] = pairs / (now - then)
        self._since = (place, now)
        shown = mean_over_ranks(on_host(values, self.device))
        self.diagnostics.watch(shown)
        for logger in self.loggers:  # `self.log` would repeat these numbers after every batch
            logger.log_metrics({f"align/{name}": value for name, value in shown.items()}, place)
            logger.save()
        if encoded.first is not None:
            self.show({"in_batch": shown["in_batch_accuracy"]})

    def validation_step(self, batch: HeldOutBatch, batch_idx: int) -> None:
        """Pairs never trained on, encoded as at inference."""
        self.held_out.add(batch)

    def on_validation_epoch_end(self) -> None:
        """What held-out pairs show, which in-batch accuracy is to be read beside."""
        measures = self.held_out.measures()
        if measures:
            self.log_dict({f"held_out/{name}": value for name, value in measures.items()})
            self.show({"held_out": measures["retrieval/mean"]})
            self.diagnostics.compare(measures)


def on_host(values: Mapping[str, Tensor | float], device: torch.device) -> dict[str, float]:
    """Numbers and scalar tensors as numbers; the host waits for the device once."""
    tensors = {name: value for name, value in values.items() if isinstance(value, Tensor)}
    stacked = torch.stack([value.to(device, torch.float64) for value in tensors.values()])
    known = dict(zip(tensors, stacked.tolist(), strict=True))
    return {name: known[name] if isinstance(value, Tensor) else value for name, value in values.items()}
