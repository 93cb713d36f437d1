"""Finds or makes the aligned encoder that a checked configuration describes."""

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import Any

import lightning as L

import mlalign
from mlalign.alignment.assembly import Assembly
from mlalign.config.plain import on_bad_line, plain
from mlalign.config.schema import Train
from mlalign.config.validation import present
from mlalign.data.files import sha256_of, write_whole
from mlalign.data.hub.pretrained import Pretrained
from mlalign.data.readers import read_pairs
from mlalign.data.sequences import SequenceBuilder
from mlalign.data.token_cache import Filter, Tokenised, tokenise
from mlalign.distributed import is_rank_zero, on_rank_zero, rank_zero_first
from mlalign.errors import ConfigError, DataError
from mlalign.models.backbone import load_backbone, positions, vocabulary_size
from mlalign.models.io import RECIPE, save_encoder
from mlalign.models.learning import configure_training
from mlalign.models.tiny import FORM, build_tiny, train_tokenizer
from mlalign.pipeline import align, fingerprint_of, get_or_create, partial_of
from mlalign.progress import bar
from mlalign.stages.backbone import is_tiny, own_tokenizer, pretrained
from mlalign.stages.code import code_hashes
from mlalign.stages.text import corpora_of, languages_of, texts_of
from mlalign.training.computing import attention
from mlalign.training.seeding import seed_everything_for

log = logging.getLogger(__name__)

COMPUTING = "computing.json"  # of an unfinished alignment
TOKENIZER_PAIRS = 10_000  # of every file
SHAPING = ("held_out", "max_pairs", "max_ratio", "min_words", "on_bad_line", "sampling_exponent")


class Aligner:
    """Finds or makes the aligned encoder that a configuration describes.

    Args:
        config: checked.
        trainer: makes Lightning's trainer for a stage, see ``pipeline.make_trainer``.
        precision: Lightning's name of it. What was asked for is part of an encoder's name; what a
            machine chose is not, but it is recorded, and a resumed alignment goes on with it.
    """

    def __init__(self, config: Train, trainer: Callable[..., L.Trainer], *, precision: str) -> None:
        self.config, self.trainer, self.precision = config, trainer, precision
        self.attention = attention(config)
        self.root = Path(config.data.root)
        self.losses = present(config.losses)
        assert config.align.seed is not None  # resolved
        self.seed = config.align.seed
        self.code = code_hashes()  # as it is now: a checkout can change while it aligns

    # Text

    @cached_property
    def languages(self) -> list[str]:
        """Target languages, see ``text.languages_of``."""
        return languages_of(self.config)

    @cached_property
    def corpora(self) -> dict[str, list[str]]:
        """Language -> the named corpora that hold it, see ``text.corpora_of``."""
        return corpora_of(self.config)

    @cached_property
    def texts(self) -> dict[str, list[Path]]:
        """Language -> its parallel files."""
        return texts_of(self.config)

    @cached_property
    def files(self) -> dict[str, str]:
        """Path -> sha256 of every parallel file."""
        return {str(path): sha256_of(path) for paths in self.texts.values() for path in paths}

    def sentences(self) -> Iterator[str]:
        """Both sides of the first pairs of every file: enough to cut words by."""
        skip = on_bad_line(self.config)
        dropped: Counter[str] = Counter()
        for path in bar(self.config.trainer.progress, "reading")(self.files):
            pairs = read_pairs(Path(path), on_bad_line=skip, dropped=dropped)
            for pair in islice(pairs, TOKENIZER_PAIRS):
                yield from pair

    # Backbone

    def _train_tokenizer(self, folder: Path) -> None:
        texts = list(self.sentences())
        train_tokenizer(texts, self.config.backbone.vocabulary_size).save_pretrained(folder)

    @cached_property
    def backbone(self) -> Pretrained:
        """A folder of one's own, of the hub's cache, or of the tiny one, built on first use."""
        settings = self.config.backbone
        if not is_tiny(settings):
            return pretrained(settings)
        cache = Path(self.config.data.cache) / "backbones"
        text = [FORM, list(self.files.values()), settings.vocabulary_size]
        tokenizer = get_or_create(
            cache / f"tokenizer-{fingerprint_of(text)}",
            on_rank_zero(self._train_tokenizer),
            complete="tokenizer.json",
        )
        shape = {key: getattr(settings, key) for key in ("layers", "width", "heads")}
        tiny = get_or_create(
            cache / f"tiny-{fingerprint_of([text, shape, self.seed])}",
            on_rank_zero(lambda folder: build_tiny(folder, tokenizer, **shape, seed=self.seed)),
            complete="config.json",
        )
        return Pretrained(tiny, None)

    @cached_property
    def tokenizer(self) -> Pretrained | None:
        """Where it is, if not beside the weights."""
        return own_tokenizer(self.config.backbone)

    @property
    def backbone_files(self) -> dict[str, str] | None:
        """Name -> SHA-256 of its files; None for a hub's backbone, which its commit identifies."""
        settings = self.config.backbone
        on_hub = settings.path is None and not is_tiny(settings)
        return None if on_hub else self.backbone.hashes()

    @property
    def tokenizer_source(self) -> dict[str, Any] | None:
        """What identifies a tokenizer that is not the one beside the weights."""
        if self.tokenizer is None:
            return None
        commit = self.tokenizer.commit
        return {"commit": commit} if commit else {"files": self.tokenizer.hashes()}

    def load_backbone(self) -> tuple[Any, Any]:
        """The untouched model and its tokenizer."""
        settings = self.config.backbone
        seed_everything_for(self.seed, "backbone")  # a head that the weights lack starts at random
        model, tokenizer = load_backbone(
            self.backbone.folder,
            attention=self.attention,
            called=None if settings.path else f"backbone {settings.name}",
            dropout=settings.dropout,
            tokenizer_folder=self.tokenizer and self.tokenizer.folder,
        )
        limit = positions(model)
        for key in ("align", "finetune"):
            if (length := getattr(self.config, key).max_length) > limit:
                raise ConfigError(
                    f"{key}.max_length={length}: {settings.name} has {limit} positions; set "
                    f"{key}.max_length={limit} or less"
                )
        return model, tokenizer

    # The aligned encoder

    @cached_property
    def recipe(self) -> dict[str, Any]:
        """Everything that shapes the aligned encoder."""
        config = self.config
        backbone = plain(config.backbone) | {"attention": None, "path": None}
        backbone.pop("gradient_checkpointing")
        backbone["tokenizer"] = self.tokenizer_source
        if config.backbone.path is not None:
            backbone["name"] = None  # the same files are the same encoder, whatever it is called
        if (files := self.backbone_files) is None:
            backbone["commit"] = self.backbone.commit
        else:
            backbone["files"] = files
        data = plain(config.data)
        return {
            "version": mlalign.__version__,
            "backbone": backbone,
            "data": {key: data[key] for key in SHAPING},
            "text": {language: [self.files[str(path)] for path in paths] for language, paths in self.texts.items()},
            "language_tokens": config.method.language_tokens,
            "losses": {name: config.losses[name] for name in self.losses},
            "fusion": plain(config.fusion),
            "weighting": plain(config.weighting),
            "align": asdict(config.align),
            "precision": config.trainer.precision.value,
        }

    @cached_property
    def folder(self) -> Path | None:
        """Where the aligned encoder lies; made on first use. None where nothing aligns."""
        if not self.losses:
            return None
        folder = Path(self.config.aligned) / fingerprint_of(self.recipe)
        resume = self.config.resume
        source = partial_of(folder) if isinstance(resume, bool) else Path(str(resume))
        if source.name != partial_of(folder).name:
            raise ConfigError(
                f"resume={resume}: this configuration goes on from {partial_of(folder).name} only; "
                "that folder was begun by another one"
            )
        if (folder / RECIPE).is_file() and resume is not False:
            log.info("Found the aligned encoder %s", folder)
        return get_or_create(
            folder,
            lambda part: self._align(part, source),
            complete=RECIPE,
            fresh=resume is False,
        )

    def _begin(self, folder: Path, resume_from: Path) -> dict[str, str]:
        """How this alignment computes: as it began, on whatever machine, or as chosen here."""
        chosen = {"precision": self.precision, "attention": self.attention}
        begun = resume_from / COMPUTING
        if begun.is_file():
            before = json.loads(begun.read_text(encoding="utf-8"))
            if before != chosen:
                log.info("This alignment began with %s and goes on so", before)
                self.attention = before["attention"]
                self.trainer = partial(self.trainer, precision=before["precision"])
            chosen = before
        on_rank_zero(write_whole)(folder / COMPUTING, json.dumps(chosen))
        return chosen

    def _align(self, folder: Path, resume_from: Path) -> None:
        chosen = self._begin(folder, resume_from)
        model, tokenizer = self.load_backbone()
        vocabulary = vocabulary_size(tokenizer)
        with rank_zero_first():
            tables = self.tables(tokenizer)
        module, data = Assembly(self.config).module(model, tokenizer, tables, vocabulary)
        configure_training(
            model,
            gradient_checkpointing=self.config.backbone.gradient_checkpointing,
            compiled=self.config.trainer.compile,
        )
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
        record = {
            "backbone": self.config.backbone.name,
            "recipe": self.recipe,
            "code": self.code,
            "computing": chosen,
            "seconds": seconds,
            "files": files,
            "warnings": list(module.diagnostics.warnings.values()),
        }
        if is_rank_zero():
            save_encoder(module.encoder, tokenizer, folder, record)
            (folder / COMPUTING).unlink()

    def tables(self, tokenizer: Any) -> dict[str, Tokenised]:
        """Tokenised pairs of every target language."""
        data = self.config.data
        layout = SequenceBuilder(tokenizer, {}, max_length=self.config.align.max_length)
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
