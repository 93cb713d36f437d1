"""The backbone that a configuration names: where its files are, what identifies them, and its weights."""

from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from mlalign.config.enums import BUILT, LASER, TINY
from mlalign.config.identity import fingerprint
from mlalign.config.schema import Backbone as BackboneSettings
from mlalign.config.schema import Train
from mlalign.data.hub.pretrained import Pretrained, from_folder, from_hub, known_sha256, tokenizer_from
from mlalign.distributed import on_rank_zero, rank_zero_first
from mlalign.errors import ConfigError
from mlalign.files import JsonObject
from mlalign.models.backbone import load_backbone, positions
from mlalign.models.dropout import dropouts
from mlalign.models.encoder import Encoder
from mlalign.models.laser import FILES as LASER_FILES
from mlalign.models.laser import check_laser_folder, convert_laser
from mlalign.models.lstm import build_bilstm
from mlalign.models.task_encoder import TaskEncoder
from mlalign.models.tiny import FORM, build_tiny, train_tokenizer
from mlalign.stages.chain import get_or_create
from mlalign.stages.parallel_text import ParallelText
from mlalign.stages.run_text import RunText
from mlalign.training.seeding import seed_everything_for

PRUNED = 1  # form of the pruned folders in the cache; raise it when they change


class Backbone:
    """A backbone's files, fetched or built when they are first asked for.

    Args:
        text: what the tokenizer of a backbone that is built here is trained on.
    """

    def __init__(self, config: Train, text: ParallelText) -> None:
        self.config, self.text, self.settings = config, text, config.backbone

    @cached_property
    def source(self) -> Pretrained:
        """The folder of its weights: one's own, of the hub's cache, or built here.

        Raises:
            DataError: they are missing and cannot be fetched.
        """
        if self.is_built:
            return Pretrained(self._built(), None)
        if self.settings.name == LASER:  # which is written in transformers' form before it is loaded
            name, folder = f"{LASER}-{fingerprint(folder_hashes(self.settings))}", Path(str(self.settings.path))
            return Pretrained(self._cached(name, partial(convert_laser, folder)), None)
        if self.settings.path is not None:
            return from_folder(self.settings.path)
        with rank_zero_first():
            return from_hub(self.settings.name, self.settings.revision or "main")

    @cached_property
    def pruned(self) -> Path | None:
        """The folder without the pieces that the run's text does not use, where it is asked for."""
        if not self.settings.prune_vocabulary:
            return None
        tokenizer = self.tokenizer and self.tokenizer.folder
        prune = partial(self.read.prune, self.source.folder, called=self._called, tokenizer_folder=tokenizer)
        return self._cached(f"pruned-{fingerprint([PRUNED, self.identity])}", prune)

    @cached_property
    def read(self) -> RunText:
        """All text of the run."""
        return RunText(self.config, self.text)

    @property
    def _called(self) -> str:
        is_own = self.settings.path is not None and self.settings.name != LASER
        return f"backbone.path={self.settings.path}" if is_own else f"backbone {self.settings.name}"

    @property
    def is_built(self) -> bool:
        """Whether it is built here, with random weights; a folder may be called so, too."""
        return self.settings.name in BUILT and self.settings.path is None

    def _cached(self, name: str, make: Callable[[Path], object], complete: str = "config.json") -> Path:
        folder = Path(self.config.data.cache) / "backbones" / name
        return get_or_create(folder, on_rank_zero(make), complete=complete)

    def _built(self) -> Path:
        settings, seed = self.settings, self.config.align.own_seed
        text = [FORM, list(self.text.hashes.values()), settings.vocabulary_size]

        def train(folder: Path) -> None:
            train_tokenizer(list(self.text.sentences()), settings.vocabulary_size).save_pretrained(folder)

        tokenizer = self._cached(f"tokenizer-{fingerprint(text)}", train, "tokenizer.json")
        build, keys = (build_tiny, ["heads"]) if settings.name == TINY else (build_bilstm, [])
        shape = {key: getattr(settings, key) for key in ("layers", "width", *keys)}
        name = f"{settings.name}-{fingerprint([text, shape, seed])}"
        return self._cached(name, lambda folder: build(folder, tokenizer, **shape, seed=seed))

    @cached_property
    def tokenizer(self) -> Pretrained | None:
        """The folder of the tokenizer, if it is not the one beside the weights."""
        if self.settings.tokenizer is None:
            return None
        with rank_zero_first():
            return tokenizer_from(self.settings.tokenizer, self.settings.tokenizer_revision or "main")

    @property
    def file_hashes(self) -> dict[str, str] | None:
        """Name -> SHA-256 of its files; None for a hub's backbone, which its commit identifies."""
        return folder_hashes(self.settings) if self.settings.path else self.source.hashes() if self.is_built else None

    @property
    def tokenizer_identity(self) -> JsonObject | None:
        """What identifies a tokenizer that is not the one beside the weights as it is."""
        found: JsonObject = {}
        if self.tokenizer is not None:
            commit = self.tokenizer.commit
            found = {"commit": commit} if commit else {"files": self.tokenizer.hashes()}
        if self.settings.prune_vocabulary:
            found["pruned"] = self.read.identity
        return found or None

    @property
    def identity(self) -> JsonObject:
        """What identifies weights and tokenizer, whatever they are called."""
        files = self.file_hashes
        weights = {"commit": self.source.commit} if files is None else {"files": files}
        return {**weights, "tokenizer": self.tokenizer_identity}

    def facts(self, encoder: TaskEncoder) -> JsonObject:
        """What results say of it; no more than its name where the encoder that was made has none."""
        if not isinstance(encoder, Encoder):
            return {"backbone": self.settings.name}
        return {
            "backbone": self.settings.name,
            "backbone_commit": self.source.commit,
            "backbone_files": self.file_hashes,
            "backbone_tokenizer": self.tokenizer_identity,
            "backbone_dropout": dropouts(encoder.backbone.config),
        }

    def load(self, attention: str) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
        """The untouched model and its tokenizer.

        Raises:
            ConfigError: a sequence would be longer than the model has positions, or it has not so many layers.
        """
        settings, pruned = self.settings, self.pruned
        seed_everything_for(self.config.align.own_seed, "backbone")  # a head that the weights lack starts at random
        model, tokenizer = load_backbone(
            pruned or self.source.folder,
            attention=attention,
            called=self._called,
            dropout=settings.dropout,
            layer=settings.layer,
            tokenizer_folder=self.tokenizer.folder if self.tokenizer and pruned is None else None,
        )
        if settings.gradient_checkpointing and not model.supports_gradient_checkpointing:
            raise ConfigError(f"backbone.gradient_checkpointing=true: {type(model).__name__} has none; set it to false")
        limit = positions(model)
        for key in ("align", "finetune"):
            if (length := getattr(self.config, key).max_length) > limit:
                found = f"{key}.max_length={length}: {settings.name} has {limit} positions"
                raise ConfigError(f"{found}; set {key}.max_length={limit} or less")
        return model, tokenizer


class EarlierEncoder:
    """What a stage made, as the next one starts from it: the backbone alone, without fusions and prototypes.

    Args:
        folder: that it fills, named by everything that it follows from.
        dropout: of hidden states and attention; None: as its config.json says.
    """

    is_built = False

    def __init__(self, folder: Path, *, dropout: float | None) -> None:
        self.folder, self.dropout, self.identity = folder, dropout, {"encoder": folder.name}

    def load(self, attention: str) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
        """The model and its tokenizer, language tokens included."""
        return load_backbone(self.folder, attention=attention, called=str(self.folder), dropout=self.dropout)


def local_files(settings: BackboneSettings) -> dict[str, dict[str, str]]:
    """Full key of a local folder -> hashes of its files."""
    found = {} if settings.path is None else {"backbone.path": folder_hashes(settings)}
    if settings.tokenizer is not None and Path(settings.tokenizer).is_dir():
        found["backbone.tokenizer"] = Pretrained(Path(settings.tokenizer), None).hashes()
    return found


def folder_hashes(settings: BackboneSettings) -> dict[str, str]:
    """Name -> SHA-256 of the files of ``backbone.path``."""
    folder = Path(str(settings.path))
    if settings.name != LASER:
        return from_folder(folder).hashes()
    check_laser_folder(folder)
    return {name: known_sha256(folder / name) for name in LASER_FILES}
