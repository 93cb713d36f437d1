"""What every stage that makes an encoder has: what it starts from, what names its folder, what is kept of it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Protocol

import lightning as L
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from mlalign.config.enums import Stage
from mlalign.config.identity import alignment_settings, recipe_of
from mlalign.config.schema import Train
from mlalign.data.token_cache import Tokenised
from mlalign.distributed import is_rank_zero, rank_zero_first
from mlalign.files import FileRecord, JsonObject
from mlalign.models.io import require_saved, save_encoder
from mlalign.models.learning import configure_training
from mlalign.models.task_encoder import TaskEncoder
from mlalign.stages.code import code_hashes
from mlalign.stages.model_card import write_card
from mlalign.stages.parallel_text import ParallelText
from mlalign.training.computing import attention
from mlalign.training.trainer import require_finished


class Start(Protocol):
    """What a stage starts from: the backbone as it comes, or as the stage before left it."""

    @property
    def identity(self) -> JsonObject:
        """What identifies weights and tokenizer, whatever they are called."""

    @property
    def is_built(self) -> bool:
        """Whether its weights are random."""

    def load(self, attention: str) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
        """The model and its tokenizer; ``attention`` is transformers' name of its implementation."""


class EncoderStage(ABC):
    """A step of a chain: makes an encoder's folder.

    Args:
        backbone: what the encoder is made from.
        trainer: makes Lightning's trainer, see ``training.trainer.make_trainer``.
        precision: Lightning's name of it. What was asked for is part of an encoder's name; what a machine chose is
            not, but it is recorded.
    """

    name: ClassVar[Stage]
    resumes: ClassVar[bool] = False  # whether an interrupted one resumes where it was; another begins again

    def __init__(
        self, config: Train, text: ParallelText, backbone: Start, trainer: Callable[..., L.Trainer], *, precision: str
    ) -> None:
        self.asked, self.text, self.backbone = config, text, backbone  # of what is asked a stage makes its ``config``
        self.trainer, self.precision, self.attention = trainer, precision, attention(config)
        self.code = code_hashes()  # before it trains: a checkout can change meanwhile
        self.seed = config.align.own_seed

    @staticmethod  # noqa: B027  most stages read nothing else
    def require(config: Train, text: ParallelText) -> None:
        """Look for what the stage reads besides parallel text.

        Raises:
            UserError: it is not there.
        """

    @cached_property
    def config(self) -> Train:
        """As it was asked for."""
        return self.asked

    @cached_property
    def recipe(self) -> JsonObject:
        """Everything that the folder follows from, what it starts from included."""
        read = {"stage": self.name.value, "backbone": self.backbone.identity, "text": self.text.identity}
        return recipe_of(alignment_settings(self.config), **read)

    @abstractmethod
    def make(self, folder: Path, resume_from: Path) -> None:
        """Fill a folder; what an interrupted run left is in ``resume_from``, for stages that resume.

        Raises:
            DataError: what is read is not as it must be, or what can be read back is not what was made.
            TrainingError: the training ended early or diverged; nothing is saved.
        """

    def tables(self, tokenizer: PreTrainedTokenizerBase) -> dict[str, Tokenised]:
        """The parallel text, and a word on what is left out of it; one rank tokenises it for all."""
        with rank_zero_first():
            tables = self.text.tables(tokenizer)
        self.text.log_left_out(tables)
        return tables

    def configure_training(self, model: PreTrainedModel) -> None:
        """As the configuration asks, see ``models.learning``."""
        checkpointing = self.config.backbone.gradient_checkpointing
        configure_training(model, gradient_checkpointing=checkpointing, compiled=self.config.trainer.compile)

    def fit(self, module: Any, *data: Any, folder: Path, steps: int, **options: Any) -> None:
        """Train a module, of which nothing is kept before it is finished."""
        fixed = {"callbacks": [], "enable_checkpointing": False, "precision": self.precision}
        loop = self.trainer(folder=folder, **fixed, **options)
        loop.fit(module, *data)
        require_finished(self.name.value, loop, steps)
        module.divergence.check()

    def save(
        self,
        encoder: TaskEncoder,
        tokenizer: PreTrainedTokenizerBase,
        folder: Path,
        *,
        seconds: float,
        files: Mapping[str, FileRecord],
        **facts: object,
    ) -> None:
        """Write the encoder, its model card and how it was made, in the first rank.

        Args:
            **facts: what else is to be known, such as what it ``reads`` besides parallel text.
        """
        made: JsonObject = {"backbone": self.config.backbone.name, "recipe": self.recipe, "code": self.code}
        made |= {"computing": {"precision": self.precision, "attention": self.attention}}
        made |= {"seconds": seconds, "files": dict(files), "warnings": [], **facts}
        if is_rank_zero():
            write_card(folder, self.config, encoder.kind, made)
            save_encoder(encoder, tokenizer, folder, made)
            require_saved(encoder, folder)


def files_of(tables: Mapping[str, Tokenised]) -> dict[str, FileRecord]:
    """What is known of the files of tokenised text."""
    return {path: info for table in tables.values() for path, info in table.files.items()}
