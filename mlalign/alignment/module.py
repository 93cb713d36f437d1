"""The first stage: two players align an encoder on parallel text."""

import math
import time
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import lightning as L
import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim import Adam, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from mlalign.alignment.adversary import LanguageAdversary
from mlalign.alignment.batch import EncodedBatch, VocabularyHead
from mlalign.alignment.diagnostics import Diagnostics
from mlalign.alignment.held_out import HeldOut
from mlalign.alignment.registry import LEVELS, WORD_LOSSES, Objective
from mlalign.data.parallel import HeldOutBatch, ParallelBatch
from mlalign.data.sampling import stream
from mlalign.losses import UncertaintyWeights
from mlalign.models.encoder import Encoder
from mlalign.models.subwords import padded_percent
from mlalign.training.clipping import clip_gradients
from mlalign.training.divergence import DivergenceMonitor
from mlalign.training.gathering import average_gradients, mean_over_ranks, unsynchronised
from mlalign.training.schedules import Optimisation, are_on_gpu, warmup_then_linear
from mlalign.training.seeding import seed_everything_for


class AlignmentModule(L.LightningModule):
    """Both players learn from one pass of each language.

    Args:
        encoder: the generator.
        objectives: losses by name, unweighted.
        weighting: adds them up; knows the names, or the levels, of ``objectives``; None for none.
        head: to the vocabulary, where a loss needs words.
        game: the language level, or None.
        weighted_game: whether the generator's reward gets a learned weight too (Eq. 15 as printed).
        keys: what the fusions attend to in training, see ``Pair``.
        partner_drop: share of batches in which masked words attend to their own sentence only.
        per_level: whether ``weighting`` knows levels.
        measures: by name, reported beside the losses.
        optimisation: learning rates, lengths, clipping.
        seed: of dropout.
    """

    def __init__(
        self,
        encoder: Encoder,
        objectives: Mapping[str, Objective],
        weighting: UncertaintyWeights | None,
        *,
        head: VocabularyHead | None,
        game: LanguageAdversary | None,
        weighted_game: bool,
        keys: str,
        partner_drop: float,
        per_level: bool,
        measures: Mapping[str, Objective],
        optimisation: Optimisation,
        seed: int,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.encoder, self.head, self.game = encoder, head, game
        self.objectives, self.weighting = dict(objectives), weighting
        self.measures = dict(measures)
        self.weighted_game, self.per_level = weighted_game, per_level
        self.keys, self.partner_drop = keys, partner_drop
        self.optimisation, self.seed = optimisation, seed
        self.divergence = DivergenceMonitor("align")
        self.health = Diagnostics(None if weighting is None else weighting.weight_bounds())
        self.held_out = HeldOut(encoder, seed)
        # DDP would wait for the discriminator in backward passes that do not reach it
        self._ddp_params_and_buffers_to_ignore = [
            name for name, _ in self.named_parameters() if name.startswith("game.")
        ]
        self._norms: dict[str, Tensor] = {}
        self._since: tuple[int, float] | None = None

    def on_train_start(self) -> None:
        """Pretrained weights come in evaluation mode, and Lightning leaves modes as they are."""
        self.train()

    def transfer_batch_to_device(self, batch: Any, device: torch.device, idx: int) -> Any:
        """What the word losses are about stays on the host, see ``Side``."""
        moved = super().transfer_batch_to_device(batch, device, idx)
        if isinstance(batch, ParallelBatch):
            sides = {
                name: getattr(batch, name)._replace(subwords=getattr(moved, name).subwords)
                for name in ("source", "target")
            }
            moved = moved._replace(**sides)
        return moved

    # One step

    def training_step(self, batch: ParallelBatch, batch_idx: int) -> None:
        """Both players learn from one pass and one backward; each steps its own optimizer."""
        seed_everything_for(self.seed, "dropout", batch.place, self.global_rank)
        place = batch.place - self.optimisation.head_warmup * self.optimisation.accumulate
        if place < 0:
            self.train_head(batch)
            return
        progress = place / (self.optimisation.steps * self.optimisation.accumulate)
        pair = self.encoded(batch)
        losses = {name: objective(pair) for name, objective in self.objectives.items()}
        weighted, unweighted = dict(losses), [torch.zeros((), device=self.device)]
        if self.game is not None:
            losses["discriminator"] = self.teach(self.game, pair)
            losses["adversarial"] = self.game.confusion(pair)
            reward = self.game.weight_at(progress) * losses["adversarial"]
            if self.weighted_game:
                weighted["adversarial"] = reward
            else:
                unweighted.append(reward)
            if not self.optimisation.alternate:
                unweighted.append(losses["discriminator"])
        if self.weighting is not None:
            unweighted.append(self.weighting(self.by_level(weighted)))
        updates = (batch.place + 1) % self.optimisation.accumulate == 0
        with nullcontext() if updates else unsynchronised(self.trainer):
            self.manual_backward(torch.stack(unweighted).sum() / self.optimisation.accumulate)
        self.divergence.watch(
            batch.place // self.optimisation.accumulate,
            {f"loss/{name}": loss for name, loss in losses.items()},
        )
        self.update_prototypes(pair)
        every: int = self.trainer.log_every_n_steps  # type: ignore[attr-defined]  # as profiler
        if every and batch.place % every == 0:
            self.report(pair, losses, batch.place)
        if updates:
            self.step_players()

    def train_head(self, batch: ParallelBatch) -> None:
        """Only a masked-word head that starts at random learns; it would tear the encoder else.

        The gradient of the head alone is asked for, so that nothing else has one.
        """
        assert self.head is not None
        with torch.no_grad():
            pair = self.encoded(batch)
        losses = {name: objective(pair) for name, objective in self.objectives.items() if name in WORD_LOSSES}
        self.divergence.watch(
            batch.place // self.optimisation.accumulate,
            {f"loss/{name}": loss for name, loss in losses.items()},
        )
        total = torch.stack(list(losses.values())).sum() / self.optimisation.accumulate
        for parameter, gradient in zip(
            self.head.untrained, torch.autograd.grad(total, self.head.untrained), strict=True
        ):
            found = gradient.detach()
            parameter.grad = found if parameter.grad is None else parameter.grad + found
        if (batch.place + 1) % self.optimisation.accumulate == 0:
            average_gradients(self.head.untrained)
            generator = self.players()[0]
            generator.step()
            generator.zero_grad()
            self.schedules()[0].step()

    def schedules(self) -> list[Any]:
        """Of the learning rates, in the order of ``players``."""
        schedules: Any = self.lr_schedulers()
        return schedules if isinstance(schedules, list) else [schedules]

    def encoded(self, batch: ParallelBatch) -> EncodedBatch:
        """One pass of each language; whether words may see their translation is drawn here."""
        draw = stream(self.seed, "partner", batch.place).random()
        partnered = self.encoder.word_fusion is not None and draw >= self.partner_drop
        return EncodedBatch(batch, self.encoder, self.head, keys=self.keys, partnered=partnered)

    def teach(self, game: LanguageAdversary, pair: EncodedBatch) -> Float[Tensor, ""]:
        """The discriminator's loss; under the alternate schedule it learns from it at once."""
        loss = game.teaching(pair)
        if self.optimisation.alternate:
            for _ in range(self.optimisation.discriminator_steps):
                with unsynchronised(self.trainer):
                    self.manual_backward(loss)
                self.step_discriminator()
                self.players()[1].zero_grad()
                loss = game.teaching(pair)
        return loss

    def step_discriminator(self) -> None:
        """From the gradients of all ranks, which DDP leaves alone: see ``__init__``."""
        if self.game is not None:
            average_gradients(self.game.parameters())
            self.players()[1].step()

    def by_level(self, losses: dict[str, Tensor]) -> dict[str, Tensor]:
        """The losses under the names that the weighting knows."""
        if not self.per_level:
            return losses
        levels: dict[str, Tensor] = {}
        for name, loss in losses.items():
            levels[LEVELS[name]] = levels.get(LEVELS[name], loss.new_zeros(())) + loss
        return levels

    def step_players(self) -> None:
        """End of a window of batches: update, move the learning rates, forget the gradients."""
        if not self.optimisation.alternate:
            self.step_discriminator()
        players = self.players()
        players[0].step()
        if self.weighting is not None:
            self.weighting.clamp_()
        for schedule in self.schedules():
            schedule.step()
        for player in players:
            player.zero_grad()

    def players(self) -> list[Any]:
        """The generator's optimizer, then the discriminator's where there is one.

        Lightning counts every optimizer's step in ``global_step`` (its issue 17958), and puts its
        counting hooks back before every batch; only the generator's count, so that checkpoints,
        loggers and limits mean updates.
        """
        optimizers = self.optimizers()
        if not isinstance(optimizers, list):
            return [optimizers]
        profiler = self.trainer.profiler  # type: ignore[attr-defined]  # set by a connector
        optimizers[1]._on_before_step = lambda: profiler.start("optimizer_step")
        optimizers[1]._on_after_step = lambda: profiler.stop("optimizer_step")
        return optimizers

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Clip each player by itself; learned weights are left as they are."""
        clipped = [
            parameter for group in optimizer.param_groups if group["name"] != "weights" for parameter in group["params"]
        ]
        norm = clip_gradients(self.trainer, optimizer, clipped, self.optimisation.max_grad_norm)
        name = optimizer.param_groups[0]["name"]
        self._norms[name] = norm
        self.divergence.watch(self.global_step, {f"gradient_norm/{name}": norm})

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """A diverged run is never a checkpoint to resume from."""
        self.divergence.check()

    @torch.no_grad()
    def update_prototypes(self, pair: EncodedBatch) -> None:
        """Move the prototypes towards this batch's language vectors."""
        if self.encoder.prototypes is not None:
            for language, side in zip(pair.languages, pair.sides, strict=True):
                self.encoder.prototypes.update(language, side.prototype)

    # Learning rates

    def configure_optimizers(self) -> Any:
        """Groups of parameters with rates of their own; the discriminator's optimizer apart."""
        rates = self.optimisation
        trained = self.parameter_groups()
        optimizer = Adam(trained, fused=are_on_gpu(trained))
        rise = warmup_then_linear(rates.steps, rates.warmup, rates.head_warmup)
        fall = warmup_then_linear(rates.steps, 0.0)
        configured = [{"optimizer": optimizer, "lr_scheduler": _schedule(optimizer, rise)}]
        if self.game is not None:
            groups = [{"params": list(self.game.parameters()), "name": "discriminator"}]
            discriminator = Adam(groups, lr=rates.discriminator, fused=are_on_gpu(groups))
            configured.append({"optimizer": discriminator, "lr_scheduler": _schedule(discriminator, fall)})
        return configured

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Every trained parameter of the generator once; groups without any are left out."""
        rates = self.optimisation
        backbone = self.encoder.backbone
        embeddings = backbone.get_input_embeddings().weight
        additions = [
            parameter
            for name, parameter in self.named_parameters()
            if name.startswith(("encoder.sentence_fusion", "encoder.word_fusion", "head."))
        ]
        additions += [] if self.head is None else self.head.untrained
        apart = {id(parameter) for parameter in (embeddings, *additions)}
        rest = [parameter for parameter in backbone.parameters() if id(parameter) not in apart]
        weights = [] if self.weighting is None else list(self.weighting.parameters())
        groups = {
            "backbone": (rest, rates.backbone),
            "embeddings": ([embeddings], rates.embeddings),
            "heads": (additions, rates.heads),
            "weights": (weights, rates.weights * 20_000 / rates.steps),
        }
        trained = {
            name: [parameter for parameter in parameters if parameter.requires_grad]
            for name, (parameters, _) in groups.items()
        }
        return [
            {"params": parameters, "lr": groups[name][1], "name": name}
            for name, parameters in trained.items()
            if parameters
        ]

    # What is shown

    def report(self, pair: EncodedBatch, losses: Mapping[str, Tensor], place: int) -> None:
        """Losses unweighted, their learned weights, rates and speed; norms of the update before."""
        self.divergence.check()
        values: dict[str, Any] = {f"loss/{name}": loss.detach() for name, loss in losses.items()}
        weights = {} if self.weighting is None else self.weighting.weights()
        values |= {f"weight/{name}": weight for name, weight in weights.items()}
        values |= {f"gradient_norm/{name}": norm for name, norm in self._norms.items()}
        for optimizer in self.players():
            for group in optimizer.param_groups:
                values[f"learning_rate/{group['name']}"] = group["lr"]
        values |= {name: measure(pair) for name, measure in self.measures.items()}
        values["padded_percent"] = padded_percent([pair.subwords])
        values["in_batch_accuracy"] = 100 * pair.in_batch_accuracy()
        if self.game is not None:
            values["discriminator/accuracy"] = 100 * self.game.balanced_accuracy(pair)
            values["discriminator/chance"] = math.log(2)
        now = time.perf_counter()
        if self._since is not None:
            before, then = self._since
            pairs = (place - before) * len(pair.same)
            values["pairs_per_second"] = pairs / (now - then)
        self._since = (place, now)
        values = mean_over_ranks(on_host(values, self.device))
        self.health.watch(values)
        for logger in self.loggers:  # `self.log` would repeat these numbers behind every batch
            logger.log_metrics({f"align/{name}": value for name, value in values.items()}, place)
            logger.save()
        self.log("in_batch", values["in_batch_accuracy"], prog_bar=True, logger=False, batch_size=1)

    def validation_step(self, batch: HeldOutBatch, batch_idx: int) -> None:
        """Pairs never trained on, encoded as at inference."""
        self.held_out.add(batch)

    def on_validation_epoch_end(self) -> None:
        """What held-out pairs show, which in-batch accuracy is to be read beside."""
        measures = self.held_out.measures()
        if measures:
            self.log_dict({f"held_out/{name}": value for name, value in measures.items()})
            self.log("held_out", measures["retrieval/mean"], prog_bar=True, logger=False)
            self.health.compare(measures)


def on_host(values: Mapping[str, Any], device: torch.device) -> dict[str, float]:
    """Numbers and scalar tensors as numbers; the host waits for the device once."""
    tensors = {name: value for name, value in values.items() if isinstance(value, Tensor)}
    stacked = torch.stack([value.to(device, torch.float64) for value in tensors.values()])
    known = dict(zip(tensors, stacked.tolist(), strict=True))
    return {name: known.get(name, value) for name, value in values.items()}


def _schedule(optimizer: Optimizer, factor: Any) -> dict[str, Any]:
    name = f"learning_rate/{optimizer.param_groups[0]['name']}"
    return {"scheduler": LambdaLR(optimizer, factor), "name": name}
