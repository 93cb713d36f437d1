"""The parsing stage: an encoder learns the dependency trees of English sentences."""

import logging
import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

from mlalign.config.enums import Stage
from mlalign.config.identity import recipe_of
from mlalign.config.schema import Train
from mlalign.cost import Cost, parsing_operations, read_operations
from mlalign.data.sampling import ShuffledBatches, stream, within_budget
from mlalign.data.trees import Tree, read_trees
from mlalign.distributed import own_share
from mlalign.errors import ConfigError, DataError
from mlalign.files import FileRecord, JsonObject, sha256_of
from mlalign.finetuning.parsing import EncodedTree, ParsingModule, TreeText, encode_trees
from mlalign.models.encoder import Encoder
from mlalign.stages.parallel_text import ParallelText
from mlalign.stages.stage import EncoderStage
from mlalign.tasks.data import TOKENS, loader
from mlalign.training.seeding import seed_everything_for
from mlalign.wording import plural

log = logging.getLogger(__name__)


class ParsingStage(EncoderStage):
    """Makes an encoder that has learned to parse English; its parser is thrown away."""

    name = Stage.parse

    @staticmethod
    def require(config: Train, text: ParallelText) -> None:
        """Look for the trees."""
        expected = "an English treebank in CoNLL-U, such as en_ewt-ud-dev.conllu of Universal Dependencies"
        if config.data.trees is None:
            message = "no trees: method.stages has parse, and data.trees=null names no file; give"
            raise ConfigError(f"{message} {expected}, as data.trees=FILE")
        if not Path(config.data.trees).is_file():
            raise DataError(f"no trees: data.trees={config.data.trees}: no such file; expected {expected}")

    @property
    def path(self) -> Path:
        """The file of the trees."""
        assert self.config.data.trees is not None  # see ``require``
        return Path(self.config.data.trees)

    @cached_property
    def recipe(self) -> JsonObject:
        """Everything that the encoder follows from."""
        config = self.config
        settings = {
            **asdict(config.parse),
            "learning_rate": self.learning_rate,
            "seed": self.seed,
            **{key: getattr(config.align, key) for key in ("max_length", "max_grad_norm", "warmup")},
            "dropout": config.backbone.dropout,
            "pool": config.backbone.pool,
            "precision": config.trainer.precision,
        }
        read = {"stage": self.name.value, "backbone": self.backbone.identity, "text": {"trees": sha256_of(self.path)}}
        return recipe_of(settings, **read)

    @property
    def learning_rate(self) -> float:
        """Its own, or that of fine-tuning."""
        own = self.config.parse.learning_rate
        return self.config.finetune.learning_rate if own is None else own

    def make(self, folder: Path, resume_from: Path) -> None:
        """Learn to parse and fill a folder; an interrupted run begins again."""
        started = time.perf_counter()
        config, seed = self.config, self.seed
        trees = read_trees(self.path)
        learned, held_out = divided(trees, config.parse.held_out, seed)
        model, tokenizer = self.backbone.load(self.attention)
        builder = self.text.layout(tokenizer, config.align.max_length)
        encoded, kept_out = (encode_trees(part, builder) for part in (learned, held_out))
        if not encoded or not kept_out:
            lacking = f"of {len(trees)} trees none is left to learn from or to score by"
            raise DataError(f"data.trees={self.path}: {lacking}: give more, or raise align.max_length")
        relations = sorted({name for tree in trees for name in tree.relations})
        lengths = [len(one.sequence.ids) for one in encoded]
        own_seed = int(stream(seed, "order of trees").integers(2**31))
        order = ShuffledBatches(lengths, config.parse.batch_size, own_seed)
        steps = config.parse.epochs * len(order)
        seed_everything_for(seed, "parser")
        module = ParsingModule(
            Encoder(model, pool=config.backbone.pool.value),
            relations,
            kept_out,
            learning_rate=self.learning_rate,
            steps=steps,
            warmup=config.align.warmup,
            max_grad_norm=config.align.max_grad_norm,
            seed=seed,
        )
        self.configure_training(model)
        log.info("Learning to parse from %s, %d held out", plural(len(encoded), "tree"), len(kept_out))
        own, _ = own_share(within_budget([len(one.sequence.ids) for one in kept_out], config.trainer.tokens or TOKENS))
        learning, scoring = (
            loader(TreeText(part, relations, builder, self.path), places, config.trainer.workers)
            for part, places in ((encoded, order), (kept_out, [batch.tolist() for batch in own]))
        )
        self.fit(module, learning, scoring, folder=folder, steps=steps, max_epochs=config.parse.epochs)
        scores = {name: round(score, 2) for name, score in module.scores.items()}
        found = f"UAS {scores['uas']}, LAS {scores['las']} on {len(kept_out)} others"
        seconds = time.perf_counter() - started
        costs = {self.name.value: asdict(self._cost(module, encoded, seconds))}
        notes = [f"parse: {plural(len(encoded), 'tree')} of {self.path.name}; {found}"]
        facts = {"costs": costs, "reads": ["treebank"], "notes": notes, "scores": scores}
        files: dict[str, FileRecord] = {str(self.path): {"rows": len(trees), "sha256": sha256_of(self.path)}}
        self.save(module.encoder, tokenizer, folder, seconds=seconds, files=files, **facts)

    def _cost(self, module: ParsingModule, trees: Sequence[EncodedTree], seconds: float) -> Cost:
        """Of all epochs."""
        lengths = [len(one.sequence.ids) for one in trees]
        words = [len(one.tree.heads) for one in trees]
        flops = read_operations(module.encoder.backbone.base_model, lengths)
        flops += parsing_operations(words, module.encoder.dim, len(module.relations))
        epochs = self.config.parse.epochs
        return Cost(epochs * len(trees), epochs * sum(lengths), epochs * flops, seconds)


def divided(trees: Sequence[Tree], share: float, seed: int) -> tuple[list[Tree], list[Tree]]:
    """Trees to learn from, and a share of them, one at least, that are held out."""
    number = max(1, round(share * len(trees)))
    chosen = set(stream(seed, "held-out trees").permutation(len(trees)).tolist()[:number])
    learned = [tree for place, tree in enumerate(trees) if place not in chosen]
    return learned, [tree for place, tree in enumerate(trees) if place in chosen]
