"""The parsing stage: an encoder learns the dependency trees of English sentences."""

import logging
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

import lightning as L

import mlalign
from mlalign.config.enums import Stage
from mlalign.config.schema import Train
from mlalign.data.sampling import ShuffledBatches, stream, within_budget
from mlalign.data.sequences import SequenceBuilder
from mlalign.data.trees import Tree, read_trees
from mlalign.device import padding_multiple
from mlalign.distributed import is_rank_zero, rank, world_size
from mlalign.errors import ConfigError, DataError
from mlalign.files import JsonObject, sha256_of
from mlalign.finetuning.parsing import ParsingModule, TreeText, encode_trees
from mlalign.models.encoder import Encoder
from mlalign.models.io import save_encoder
from mlalign.models.learning import configure_training
from mlalign.stages.backbone import Start
from mlalign.stages.code import code_hashes
from mlalign.stages.parallel_text import ParallelText
from mlalign.tasks.data import TOKENS, loader
from mlalign.training.computing import attention, takes_gpu
from mlalign.training.seeding import seed_everything_for
from mlalign.training.trainer import require_finished

log = logging.getLogger(__name__)


def require_trees(config: Train) -> None:
    """Look for the trees of a configuration that parses.

    Raises:
        UserError: there are none.
    """
    if Stage.parse not in config.method.stages:
        return
    if config.data.trees is None:
        raise ConfigError(
            "no trees: method.stages has parse, and data.trees=null names no file; give an English treebank in "
            "CoNLL-U, such as en_ewt-ud-dev.conllu of Universal Dependencies, as data.trees=FILE"
        )
    if not Path(config.data.trees).is_file():
        raise DataError(
            f"no trees: data.trees={config.data.trees}: no such file; expected an English treebank in CoNLL-U, "
            "such as en_ewt-ud-dev.conllu of Universal Dependencies"
        )


class ParsingStage:
    """Makes an encoder that has learned to parse English; its parser is thrown away.

    Args:
        config: checked.
        text: parallel; only its languages' tokens matter.
        backbone: as it comes or as the stage before left it.
        trainer: makes Lightning's trainer, see ``training.trainer.make_trainer``.
        precision: Lightning's name of it.
    """

    def __init__(
        self,
        config: Train,
        text: ParallelText,
        backbone: Start,
        trainer: Callable[..., L.Trainer],
        *,
        precision: str,
    ) -> None:
        self.config, self.text, self.backbone = config, text, backbone
        self.trainer, self.precision, self.attention = trainer, precision, attention(config)
        self.code = code_hashes()
        assert config.data.trees is not None  # see ``require_trees``
        self.path = Path(config.data.trees)

    @cached_property
    def recipe(self) -> JsonObject:
        """Everything that the encoder follows from."""
        config = self.config
        return {
            "version": mlalign.__version__,
            "stage": Stage.parse.value,
            "settings": {
                **asdict(config.parse),
                "learning_rate": self.learning_rate,
                "seed": config.align.seed,
                "max_length": config.align.max_length,
                "max_grad_norm": config.align.max_grad_norm,
                "warmup": config.align.warmup,
                "dropout": config.backbone.dropout,
                "pool": config.backbone.pool,
                "precision": config.trainer.precision,
            },
            "backbone": dict(self.backbone.identity),
            "text": {"trees": sha256_of(self.path)},
        }

    @property
    def learning_rate(self) -> float:
        """Its own, or that of fine-tuning."""
        own = self.config.parse.learning_rate
        return self.config.finetune.learning_rate if own is None else own

    def make(self, folder: Path, resume_from: Path) -> None:
        """Learn to parse and fill a folder; an interrupted run begins again.

        Raises:
            DataError: the trees break their format, or are too few.
            TrainingError: the training ended early or diverged; nothing is saved.
        """
        started = time.perf_counter()
        config, seed = self.config, self.config.align.seed
        assert seed is not None  # resolved
        trees = read_trees(self.path)
        learned, held_out = self._divided(trees, seed)
        model, tokenizer = self.backbone.load(self.attention)
        builder = SequenceBuilder(
            tokenizer,
            self.text.language_tokens(tokenizer),
            max_length=config.align.max_length,
            multiple=padding_multiple(gpu=takes_gpu(config)),
        )
        encoded, kept_out = (encode_trees(part, builder) for part in (learned, held_out))
        if not encoded or not kept_out:
            raise DataError(
                f"data.trees={self.path}: of {len(trees)} trees none is left to learn from or to score by: give more, "
                "or raise align.max_length"
            )
        relations = sorted({name for tree in trees for name in tree.relations})
        order = ShuffledBatches(
            [len(one.sequence.ids) for one in encoded],
            config.parse.batch_size,
            int(stream(seed, "order of trees").integers(2**31)),
        )
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
        configure_training(
            model, gradient_checkpointing=config.backbone.gradient_checkpointing, compiled=config.trainer.compile
        )
        log.info("Learning to parse from %d trees, %d held out", len(encoded), len(kept_out))
        loop = self.trainer(
            folder=folder,
            callbacks=[],
            max_epochs=config.parse.epochs,
            enable_checkpointing=False,
            precision=self.precision,
        )
        batches = within_budget([len(one.sequence.ids) for one in kept_out], config.trainer.tokens or TOKENS)
        own = batches[rank() :: world_size()] or batches[:1]
        loop.fit(
            module,
            loader(TreeText(encoded, relations, builder), order, config.trainer.workers),
            loader(TreeText(kept_out, relations, builder), [batch.tolist() for batch in own], config.trainer.workers),
        )
        require_finished(Stage.parse.value, loop, steps)
        module.divergence.check()
        scores = {name: round(score, 2) for name, score in module.scores.items()}
        record = {
            "backbone": config.backbone.name,
            "recipe": self.recipe,
            "code": self.code,
            "seconds": time.perf_counter() - started,
            "files": {str(self.path): {"rows": len(trees), "sha256": sha256_of(self.path)}},
            "reads": ["treebank"],
            "notes": [
                f"parse: {len(encoded)} trees of {self.path.name}; UAS {scores['uas']}, LAS {scores['las']} on "
                f"{len(kept_out)} others"
            ],
            "scores": scores,
        }
        if is_rank_zero():
            save_encoder(module.encoder, tokenizer, folder, record)

    def _divided(self, trees: list[Tree], seed: int) -> tuple[list[Tree], list[Tree]]:
        """Trees to learn from, and those that are held out."""
        number = max(1, round(self.config.parse.held_out * len(trees)))
        order = stream(seed, "held-out trees").permutation(len(trees)).tolist()
        chosen = set(order[:number])
        sides: tuple[list[Tree], list[Tree]] = ([], [])
        for place, tree in enumerate(trees):
            sides[place in chosen].append(tree)
        return sides
