"""From a checked configuration to the objects of an alignment; what it builds knows no config."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import lightning as L
import torch

import mlalign
from mlalign import choices
from mlalign.checks import present
from mlalign.choices import AdversarySchedule, FusionForm, WeightingPer, WordHead
from mlalign.config import Train
from mlalign.data.cache import Filter, Tokenised, sha256_of, tokenise
from mlalign.data.formats import OnBadLine, find_corpora, parallel_path, read_pairs
from mlalign.data.layout import Layout
from mlalign.data.parallel import ParallelDataModule
from mlalign.errors import DataError
from mlalign.losses import UncertaintyWeights
from mlalign.models.backbone import (
    add_language_tokens,
    known_languages,
    load_backbone,
    unused_head,
    word_transform,
)
from mlalign.models.discriminator import LanguageDiscriminator
from mlalign.models.encoder import SOURCE, Encoder
from mlalign.models.folder import RECIPE, save_encoder
from mlalign.models.fusion import AttentionFusion
from mlalign.models.prototypes import LanguagePrototypes
from mlalign.models.tiny import FORM, build_tiny, train_tokenizer
from mlalign.modules.adversary import LanguageGame
from mlalign.modules.alignment import AlignmentModule
from mlalign.modules.objectives import LEVELS, build_objectives
from mlalign.modules.pair import VocabularyHead
from mlalign.modules.schedules import Optimisation
from mlalign.pipeline import align, fingerprint_of, found_or_made, partial_of
from mlalign.progress import bar

log = logging.getLogger(__name__)

TOKENIZER_PAIRS = 10_000  # of every file
SENTENCE_LOSSES = ("inter_sentence", "intra_sentence")
SHAPING = ("held_out", "max_pairs", "max_ratio", "min_words", "on_bad_line", "sampling_exponent")
WORD_LOSSES = ("masked_words", "word_distribution")


def plain(settings: Any) -> dict[str, Any]:
    """A group's settings as keyword arguments of a function."""
    return {key: getattr(value, "value", value) for key, value in asdict(settings).items()}


def on_bad_line(config: Train) -> OnBadLine:
    """As the readers call it."""
    return "skip" if config.data.on_bad_line == choices.OnBadLine.skip else "error"


class Aligner:
    """Finds or makes the aligned encoder that a configuration describes.

    Args:
        config: checked.
        trainer: makes Lightning's trainer for a stage, see ``pipeline.make_trainer``.
        precision: Lightning's name of it; part of what shapes an encoder.
    """

    def __init__(self, config: Train, trainer: Callable[..., L.Trainer], *, precision: str) -> None:
        self.config, self.trainer, self.precision = config, trainer, precision
        self.root = Path(config.data.root)
        self.losses = present(config.losses)
        assert config.align.seed is not None  # resolved
        self.seed = config.align.seed

    # Text

    @cached_property
    def languages(self) -> list[str]:
        """Target languages: those asked for, or all that the corpora hold."""
        corpora = find_corpora(self.root)
        named = self.config.data.parallel
        if self.config.data.languages is not None:
            return list(self.config.data.languages)
        return sorted({language for name in named for language in corpora.get(name, [])})

    @cached_property
    def corpora(self) -> dict[str, list[str]]:
        """Language -> the named corpora that hold it.

        Raises:
            DataError: a corpus is not there or a language is in none of them.
        """
        there = find_corpora(self.root)
        for name in self.config.data.parallel:
            if name not in there:
                parallel_path(self.root, name, self.languages[0] if self.languages else "xx")
        holding = {
            language: [name for name in self.config.data.parallel if language in there[name]]
            for language in self.languages
        }
        for language, names in holding.items():
            if not names:
                parallel_path(self.root, self.config.data.parallel[0], language)
        return holding

    @cached_property
    def files(self) -> dict[str, str]:
        """Path -> sha256 of every parallel file."""
        paths = [
            parallel_path(self.root, name, language)
            for language, names in self.corpora.items()
            for name in names
        ]
        return {str(path): sha256_of(path) for path in paths}

    def _texts(self) -> Iterator[str]:
        """Both sides of the first pairs of every file: enough to cut words by."""
        skip = on_bad_line(self.config)
        dropped: Counter[str] = Counter()
        for path in bar(self.config.trainer.progress, "reading")(self.files):
            pairs = read_pairs(Path(path), on_bad_line=skip, dropped=dropped)
            for pair in islice(pairs, TOKENIZER_PAIRS):
                yield from pair

    # Backbone

    def _train_tokenizer(self, folder: Path) -> None:
        texts = list(self._texts())
        train_tokenizer(texts, self.config.backbone.vocabulary_size).save_pretrained(folder)

    @cached_property
    def backbone_path(self) -> Path | None:
        """A local folder, or None for the hub; the tiny backbone is built on first use."""
        settings = self.config.backbone
        if settings.path is not None:
            return Path(settings.path)
        if settings.name != "tiny":
            return None
        cache = Path(self.config.data.cache) / "backbones"
        text = [FORM, list(self.files.values()), settings.vocabulary_size]
        tokenizer = found_or_made(
            cache / f"tokenizer-{fingerprint_of(text)}",
            self._train_tokenizer,
            complete="tokenizer.json",
        )
        shape = {key: getattr(settings, key) for key in ("layers", "width", "heads")}
        return found_or_made(
            cache / f"tiny-{fingerprint_of([text, shape, self.seed])}",
            lambda folder: build_tiny(folder, tokenizer, **shape, seed=self.seed),
            complete="config.json",
        )

    def load_backbone(self) -> tuple[Any, Any]:
        """The untouched model and its tokenizer."""
        settings = self.config.backbone
        return load_backbone(
            settings.name,
            revision=settings.revision,
            path=self.backbone_path,
            attention=settings.attention.value,
        )

    # The aligned encoder

    @cached_property
    def recipe(self) -> dict[str, Any]:
        """Everything that shapes the aligned encoder."""
        config = self.config
        backbone = plain(config.backbone) | {"attention": None, "path": None}
        if self.backbone_path is not None:
            files = sorted(path for path in self.backbone_path.iterdir() if path.is_file())
            backbone["files"] = {path.name: sha256_of(path) for path in files}
        data = plain(config.data)
        return {
            "version": mlalign.__version__,
            "backbone": backbone,
            "data": {key: data[key] for key in SHAPING},
            "text": {
                language: [
                    self.files[str(parallel_path(self.root, name, language))] for name in names
                ]
                for language, names in self.corpora.items()
            },
            "language_tokens": config.method.language_tokens,
            "losses": {name: plain(getattr(config.losses, name)) for name in self.losses},
            "fusion": plain(config.fusion),
            "weighting": plain(config.weighting),
            "align": asdict(config.align),
            "precision": self.precision,
        }

    @cached_property
    def folder(self) -> Path | None:
        """Where the aligned encoder lies; made on first use. None where nothing aligns."""
        if not self.losses:
            return None
        folder = Path(self.config.aligned) / fingerprint_of(self.recipe)
        resume = self.config.resume
        source = partial_of(folder) if isinstance(resume, bool) else Path(str(resume))
        if (folder / RECIPE).is_file() and resume is not False:
            log.info("Found the aligned encoder %s", folder)
        return found_or_made(
            folder,
            lambda part: self._align(part, source),
            complete=RECIPE,
            fresh=resume is False,
        )

    def _align(self, folder: Path, resume_from: Path) -> None:
        model, tokenizer = self.load_backbone()
        vocabulary = model.get_input_embeddings().num_embeddings
        tables = self.tables(tokenizer)
        module, data = self.module(model, tokenizer, tables, vocabulary)
        log.info(
            "Aligning %d languages (%s pairs) for %d steps",
            len(tables),
            f"{sum(map(len, tables.values())):,}",
            self.config.align.steps,
        )
        seconds = align(
            module,
            data,
            folder=folder,
            curves=self.config.align.curves,
            prototype_sentences=self.config.align.prototype_sentences,
            trainer=self.trainer,
            resume_from=resume_from,
        )
        files = {path: info for table in tables.values() for path, info in table.files.items()}
        record = {"recipe": self.recipe, "seconds": seconds, "files": files}
        save_encoder(module.encoder, tokenizer, folder, record)

    def tables(self, tokenizer: Any) -> dict[str, Tokenised]:
        """Tokenised pairs of every target language."""
        data = self.config.data
        layout = Layout(tokenizer, {}, max_length=self.config.align.max_length)
        tables = {}
        for language, names in self.corpora.items():
            tables[language] = tokenise(
                self.root,
                names,
                language,
                layout=layout,
                keep=Filter(data.min_words, layout.budget - 1, data.max_ratio, data.max_pairs),
                on_bad_line=on_bad_line(self.config),
                cache=Path(data.cache) / "tokens",
                progress=bar(self.config.trainer.progress, f"tokenising en-{language}"),
            )
            for reason, count in tables[language].dropped.items():
                log.info("en-%s: %d pairs left out: %s", language, count, reason)
        if not tables:
            raise DataError(f"{self.root}: no languages in {self.config.data.parallel}")
        return tables

    def module(
        self, model: Any, tokenizer: Any, tables: dict[str, Tokenised], vocabulary: int
    ) -> tuple[AlignmentModule, ParallelDataModule]:
        """What is trained, and on what."""
        config = self.config
        torch.manual_seed(self.seed)
        languages = [SOURCE, *tables]
        tokens: dict[str, int] = {}
        if config.method.language_tokens:
            counts = {SOURCE: sum(one.counts("source", vocabulary) for one in tables.values())}
            counts |= {name: one.counts("target", vocabulary) for name, one in tables.items()}
            add_language_tokens(
                model,
                tokenizer,
                {name: torch.as_tensor(count) for name, count in counts.items()},
                start=config.align.language_token_start.value,
            )
            tokens = known_languages(tokenizer, languages)
        words = any(name in self.losses for name in WORD_LOSSES)
        encoder = self._encoder(model, languages, words)
        data = ParallelDataModule(
            tables,
            Layout(tokenizer, tokens, max_length=config.align.max_length),
            pairs=config.align.pairs,
            batches=config.align.steps * config.align.accumulate,
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
            head=self._head(model, vocabulary) if words else None,
            game=self._game(encoder.dim),
            weighted_game=config.align.adversary.weighted,
            keys=config.fusion.keys.value,
            partner_drop=config.fusion.partner_drop,
            per_level=config.weighting.per == WeightingPer.level,
            optimisation=self._optimisation(),
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
            prototypes=LanguagePrototypes(
                languages, dim, momentum=self.config.align.prototype_momentum
            )
            if fused
            else None,
        )

    def _head(self, model: Any, vocabulary: int) -> VocabularyHead:
        output = model.get_output_embeddings()
        if self.config.align.word_head == WordHead.layer_norm:
            unused_head(model)
            transform: Any = torch.nn.LayerNorm(int(model.config.hidden_size))
            return VocabularyHead(transform, output.weight, None, vocabulary)
        return VocabularyHead(word_transform(model), output.weight, output.bias, vocabulary)

    def _weighting(self) -> UncertaintyWeights | None:
        outside = not self.config.align.adversary.weighted
        names = [name for name in self.losses if not (outside and name == "adversarial")]
        if self.config.weighting.per == WeightingPer.level:
            names = list(dict.fromkeys(LEVELS[name] for name in names))
        bound = self.config.weighting.bound
        form: Any = self.config.weighting.form.value
        return UncertaintyWeights(names, form=form, bounds=(-bound, bound)) if names else None

    def _game(self, dim: int) -> LanguageGame | None:
        settings, adversary = self.config.losses.adversarial, self.config.align.adversary
        if settings is None:
            return None
        confusion: Any = settings.form.value
        return LanguageGame(
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

    def _optimisation(self) -> Optimisation:
        align, adversary = self.config.align, self.config.align.adversary
        rates = align.learning_rate
        return Optimisation(
            steps=align.steps,
            accumulate=align.accumulate,
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
