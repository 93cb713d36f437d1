"""From a checked configuration to the parts of an alignment; none of them knows a config."""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mlalign.alignment.adversary import LanguageAdversary
from mlalign.alignment.batch import VocabularyHead
from mlalign.alignment.module import AlignmentModule
from mlalign.alignment.registry import (
    LEVELS,
    WORD_LOSSES,
    build_measures,
    build_objectives,
)
from mlalign.config.enums import (
    AdversarySchedule,
    FusionForm,
    Vocabulary,
    WeightingPer,
    WordHead,
)
from mlalign.config.plain import plain
from mlalign.config.schema import Train
from mlalign.config.validation import present
from mlalign.data.languages import ENGLISH
from mlalign.data.parallel import ParallelDataModule
from mlalign.data.sequences import SequenceBuilder
from mlalign.data.token_cache import Tokenised
from mlalign.device import padding_multiple
from mlalign.losses import UncertaintyWeights
from mlalign.models.backbone import add_language_tokens, known_languages
from mlalign.models.discriminator import LanguageDiscriminator
from mlalign.models.encoder import Encoder
from mlalign.models.fusion import AttentionFusion
from mlalign.models.prototypes import LanguagePrototypes
from mlalign.models.vocabulary_head import untrained_head, unused_head, word_transform
from mlalign.training.computing import takes_gpu
from mlalign.training.schedules import Optimisation

log = logging.getLogger(__name__)

SENTENCE_LOSSES = ("inter_sentence", "intra_sentence")


def counted(tables: Mapping[str, Tokenised], vocabulary: int) -> dict[str, Tensor]:
    """How often each piece occurs in the text of each language."""
    english = [table.counts("source", vocabulary) for table in tables.values()]
    counts = {ENGLISH: np.sum(english, axis=0)}
    counts |= {name: table.counts("target", vocabulary) for name, table in tables.items()}
    return {name: torch.as_tensor(count) for name, count in counts.items()}


class Assembly:
    """Builds what is trained, and on what.

    Args:
        config: checked.
    """

    def __init__(self, config: Train) -> None:
        self.config = config
        self.losses = present(config.losses)
        assert config.align.seed is not None  # resolved
        self.seed = config.align.seed

    def module(
        self, model: Any, tokenizer: Any, tables: dict[str, Tokenised], vocabulary: int
    ) -> tuple[AlignmentModule, ParallelDataModule]:
        """What is trained, and on what."""
        config = self.config
        torch.manual_seed(self.seed)
        languages = [ENGLISH, *tables]
        seen = config.align.vocabulary == Vocabulary.seen
        counts = counted(tables, vocabulary) if seen or config.method.language_tokens else {}
        tokens: dict[str, int] = {}
        if config.method.language_tokens:
            add_language_tokens(
                model,
                tokenizer,
                counts,
                start=config.align.language_token_start.value,
            )
            tokens = known_languages(tokenizer, languages)
        words = any(name in self.losses for name in WORD_LOSSES)
        encoder = self._encoder(model, languages, words)
        head = self._head(model, vocabulary, counts) if words else None
        optimisation = self._optimisation(head)
        data = ParallelDataModule(
            tables,
            SequenceBuilder(
                tokenizer,
                tokens,
                max_length=config.align.max_length,
                multiple=padding_multiple(gpu=takes_gpu(config)),
            ),
            pairs=config.align.batch_size,
            batches=optimisation.batches,
            exponent=config.data.sampling_exponent,
            held_out=config.data.held_out,
            mask_rate=config.align.mask_rate if "masked_words" in self.losses else 0.0,
            seed=self.seed,
            workers=config.trainer.workers,
        )
        if not words:
            unused_head(model)
        settings = {name: plain(getattr(config.losses, name)) for name in self.losses}
        if "word_distribution" in settings:
            settings["word_distribution"]["every"] = config.align.word_distribution_every
        module = AlignmentModule(
            encoder,
            build_objectives(settings),
            self._weighting(),
            head=head,
            game=self._game(encoder.dim),
            weighted_game=config.align.adversary.weighted,
            keys=config.fusion.keys.value,
            partner_drop=config.fusion.partner_drop,
            measures=build_measures(settings),
            per_level=config.weighting.per == WeightingPer.level,
            optimisation=optimisation,
            seed=self.seed,
        )
        return module, data

    def _encoder(self, model: Any, languages: list[str], words: bool) -> Encoder:
        fusion, dim = self.config.fusion, int(model.config.hidden_size)
        fused = fusion.form != FusionForm.off
        form: Any = fusion.form.value
        sentences = words or any(name in self.losses for name in SENTENCE_LOSSES)

        def build() -> AttentionFusion:
            temperature = dim**0.5 if fusion.temperature is None else fusion.temperature
            return AttentionFusion(dim, temperature=temperature, form=form)

        return Encoder(
            model,
            pool=self.config.backbone.pool.value,
            sentence_fusion=build() if fused and sentences else None,
            word_fusion=build() if fused and words else None,
            prototypes=LanguagePrototypes(languages, dim, momentum=self.config.align.prototype_momentum)
            if fused
            else None,
        )

    def _head(self, model: Any, vocabulary: int, counts: Mapping[str, Tensor]) -> VocabularyHead:
        output = model.get_output_embeddings()
        pieces = None
        if self.config.align.vocabulary == Vocabulary.seen:
            pieces = torch.stack(list(counts.values())).any(0).nonzero()[:, 0]
            log.info("%s of %s pieces occur in the parallel text", f"{len(pieces):,}", f"{vocabulary:,}")
        if self.config.align.word_head == WordHead.layer_norm:
            unused_head(model)
            transform: Any = torch.nn.LayerNorm(int(model.config.hidden_size))
            return VocabularyHead(transform, output.weight, None, vocabulary, pieces=pieces)
        untrained = untrained_head(model)
        if untrained:
            log.info(
                "The backbone has no masked-word head: a new one is trained, alone for %d steps",
                self.config.align.head_warmup,
            )
        return VocabularyHead(
            word_transform(model),
            output.weight,
            output.bias,
            vocabulary,
            untrained,
            pieces=pieces,
        )

    def _weighting(self) -> UncertaintyWeights | None:
        outside = not self.config.align.adversary.weighted
        names = [name for name in self.losses if not (outside and name == "adversarial")]
        if self.config.weighting.per == WeightingPer.level:
            names = list(dict.fromkeys(LEVELS[name] for name in names))
        bound = self.config.weighting.bound
        form: Any = self.config.weighting.form.value
        return UncertaintyWeights(names, form=form, bounds=(-bound, bound)) if names else None

    def _game(self, dim: int) -> LanguageAdversary | None:
        settings, adversary = self.config.losses.adversarial, self.config.align.adversary
        if settings is None:
            return None
        confusion: Any = settings.form.value
        return LanguageAdversary(
            LanguageDiscriminator(
                dim,
                hidden=adversary.hidden,
                dropout=adversary.dropout,
                normalise=adversary.normalise,
            ),
            sees=adversary.input.value,
            form=confusion,
            smoothing=settings.smoothing,
            weight=adversary.weight,
            warmup=adversary.warmup,
            ramp=adversary.ramp,
        )

    def _optimisation(self, head: VocabularyHead | None) -> Optimisation:
        align, adversary = self.config.align, self.config.align.adversary
        rates = align.learning_rate
        return Optimisation(
            steps=align.steps,
            accumulate=align.accumulate,
            head_warmup=align.head_warmup if head is not None and head.untrained else 0,
            max_grad_norm=align.max_grad_norm,
            warmup=align.warmup,
            backbone=rates.backbone,
            embeddings=rates.backbone if rates.embeddings is None else rates.embeddings,
            heads=rates.heads,
            discriminator=rates.discriminator,
            weights=rates.weights,
            discriminator_steps=adversary.discriminator_steps,
            alternate=adversary.schedule == AdversarySchedule.alternate,
        )
