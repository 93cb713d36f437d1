"""From a checked configuration to the parts of an alignment."""

import logging
from collections.abc import Collection, Mapping

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from mlalign.alignment.batch import BatchEncoder
from mlalign.alignment.companions import Companion
from mlalign.alignment.module import AlignmentModule
from mlalign.alignment.objective_set import ObjectiveSet
from mlalign.alignment.objectives import objective_types
from mlalign.alignment.objectives.base import Parts
from mlalign.alignment.validation import settings_of, start_of
from mlalign.alignment.views import build_views, views_read
from mlalign.config.enums import (
    AdapterStage,
    FusionForm,
    Positions,
    Vocabulary,
    WeightingPer,
    WordHead,
)
from mlalign.config.schema import Train
from mlalign.config.validation import present
from mlalign.data.lexicon import Lexicon, TokenLexicon, token_lexicon
from mlalign.data.parallel import ParallelDataModule, pivot_of
from mlalign.data.sequences import SequenceBuilder
from mlalign.data.teacher_vectors import TeacherVectors
from mlalign.data.token_cache import Tokenised
from mlalign.device import padding_multiple
from mlalign.errors import ConfigError
from mlalign.losses import UncertaintyWeights
from mlalign.models.backbone import add_language_tokens, first_position, known_languages
from mlalign.models.encoder import Encoder
from mlalign.models.fusion import AttentionFusion
from mlalign.models.prototypes import LanguagePrototypes
from mlalign.models.vocabulary_head import VocabularyHead, untrained_head, unused_head, word_transform
from mlalign.training.adapting import adapt
from mlalign.training.computing import takes_gpu
from mlalign.training.schedules import Optimisation
from mlalign.wording import plural

log = logging.getLogger(__name__)


def counted(tables: Mapping[str, Tokenised], vocabulary: int) -> dict[str, Tensor]:
    """How often each token of the vocabulary occurs in the text of each language."""
    sources = [table.counts("source", vocabulary) for table in tables.values()]
    counts = {pivot_of(tables): np.sum(sources, axis=0)}
    counts |= {name: table.counts("target", vocabulary) for name, table in tables.items()}
    return {name: torch.as_tensor(count) for name, count in counts.items()}


class Assembly:
    """Builds what is trained, and on what: exactly what the objectives need.

    Args:
        config: checked.
        lexicon: the dictionaries, where an objective needs them.
        teacher: vectors of ``data.teacher``, where an objective needs them.
    """

    def __init__(self, config: Train, lexicon: Lexicon | None = None, teacher: TeacherVectors | None = None) -> None:
        self.config, self.lexicon, self.teacher = config, lexicon or {}, teacher
        self.settings = {name: settings_of(name, config.losses[name]) for name in present(config.losses)}
        self.needs = [settings.needs() for settings in self.settings.values()]
        self.seed = config.align.own_seed

    def module(
        self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, tables: dict[str, Tokenised], vocabulary: int
    ) -> tuple[AlignmentModule, ParallelDataModule]:
        """What is trained, and on what."""
        config = self.config
        torch.manual_seed(self.seed)
        languages = [pivot_of(tables), *tables]
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
        if config.backbone.adapter.learns_in(AdapterStage.align):
            adapt(model, config.backbone.adapter, self.seed, tokens=tokens.values())
        encoder = self._encoder(model, languages)
        layout = SequenceBuilder(
            tokenizer,
            tokens,
            max_length=config.align.max_length,
            multiple=padding_multiple(gpu=takes_gpu(config)),
        )
        lexicon = token_lexicon(self.lexicon, layout.words, tokenizer.unk_token_id)
        is_headed = any(one.vocabulary for one in self.needs)
        head = self._head(model, vocabulary, counts, lexicon) if is_headed else None
        if head is None:
            unused_head(model)
        views = views_read(self.needs)
        if "tlm" in views and config.align.tlm.positions == Positions.restart and first_position(model) is None:
            raise ConfigError(
                f"align.tlm.positions=restart: {config.backbone.name} has no absolute positions that could restart; "
                "set align.tlm.positions=run_on"
            )
        objectives = self._objectives(model, languages, lexicon)
        encoded = BatchEncoder(
            encoder,
            head,
            {name: Companion(encoder) for name in sorted(self._companions())},
            keys=config.fusion.keys.value,
            layers=frozenset().union(*(one.layers for one in self.needs)),
            cached=config.align.cached,
        )
        module = AlignmentModule(
            encoded,
            objectives,
            self._weighting(objectives),
            partner_drop=config.fusion.partner_drop,
            per_level=config.weighting.per == WeightingPer.level,
            optimisation=Optimisation(
                config.align,
                self._head_warmup if head is not None and head.untrained else 0,
                config.backbone.adapter.learning_rate,
            ),
        )
        data = ParallelDataModule(
            tables,
            layout,
            build_views(views, layout, config.align, seed=self.seed),
            pairs=config.align.batch_size,
            batches=module.optimisation.batches,
            exponent=config.data.sampling_exponent,
            held_out=config.data.held_out,
            seed=self.seed,
            workers=config.trainer.workers,
            teacher=self.teacher,
        )
        return module, data

    def _companions(self) -> frozenset[str]:
        """Other encoders that the objectives read; the encoder as it began teaches where no other does."""
        taught = any(one.teacher for one in self.needs) and self.teacher is None
        return frozenset({"start"} if taught else ()).union(*(one.companions for one in self.needs))

    def _objectives(self, model: PreTrainedModel, languages: list[str], lexicon: TokenLexicon) -> ObjectiveSet:
        shape, words = model.config, model.get_input_embeddings().weight
        types = objective_types()
        parts = Parts(
            shape.hidden_size,
            words.shape[1],
            shape.num_hidden_layers,
            languages,
            self.config.align,
            lexicon,
            self.teacher,
        )
        return ObjectiveSet({name: types[name](settings, parts) for name, settings in self.settings.items()})

    def _encoder(self, model: PreTrainedModel, languages: list[str]) -> Encoder:
        fusion, dim = self.config.fusion, int(model.config.hidden_size)
        fused = fusion.form != FusionForm.off

        def build(needed: Collection[bool]) -> AttentionFusion | None:
            temperature = dim**0.5 if fusion.temperature is None else fusion.temperature
            return (
                AttentionFusion(dim, temperature=temperature, form=fusion.form.value) if fused and any(needed) else None
            )

        return Encoder(
            model,
            pool=self.config.backbone.pool.value,
            sentence_fusion=build([one.fused for one in self.needs]),
            word_fusion=build([one.vocabulary and one.fused for one in self.needs]),
            prototypes=LanguagePrototypes(languages, dim, momentum=self.config.align.prototype_momentum)
            if fused
            else None,
        )

    def _head(
        self, model: PreTrainedModel, vocabulary: int, counts: Mapping[str, Tensor], lexicon: TokenLexicon
    ) -> VocabularyHead:
        output = model.get_output_embeddings()
        ids = None
        if self.config.align.vocabulary == Vocabulary.seen:
            looked_up = [one for words in lexicon.values() for word, others in words.items() for one in (word, *others)]
            is_seen = torch.stack(list(counts.values())).any(0)
            ids = is_seen.index_fill_(0, torch.tensor(looked_up, dtype=torch.long), True).nonzero()[:, 0]
            log.info("%s of %s vocabulary ids occur in the text that is read", f"{len(ids):,}", f"{vocabulary:,}")
        if self.config.align.word_head == WordHead.layer_norm:
            unused_head(model)
            transform = torch.nn.LayerNorm(int(model.config.hidden_size))
            return VocabularyHead(transform, output.weight, None, vocabulary, vocabulary_ids=ids)
        untrained = untrained_head(model)
        if untrained:
            alone = f", alone for {plural(self._head_warmup, 'step')} first" if self._head_warmup else ""
            log.info("The backbone has no masked-word head: a new one is trained%s", alone)
        return VocabularyHead(
            word_transform(model),
            output.weight,
            output.bias,
            vocabulary,
            untrained,
            vocabulary_ids=ids,
        )

    @property
    def _head_warmup(self) -> int:
        """Steps for a head alone that starts at random: none where words join later, who find another encoder then."""
        at_once = any(one.needs().vocabulary and not start_of(one) for one in self.settings.values())
        return self.config.align.head_warmup if at_once else 0

    def _weighting(self, objectives: ObjectiveSet) -> UncertaintyWeights | None:
        per_level = self.config.weighting.per == WeightingPer.level
        learned = {name: one for name, one in objectives.named().items() if one.has_learned_weight}
        names = list(dict.fromkeys(one.level if per_level else name for name, one in learned.items()))
        bound = self.config.weighting.bound
        form = self.config.weighting.form.value
        return UncertaintyWeights(names, form=form, bounds=(-bound, bound)) if names else None
