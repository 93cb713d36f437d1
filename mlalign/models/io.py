"""An aligned encoder on disk: a folder that transformers' AutoModel loads as it is."""

from pathlib import Path

import torch
from omegaconf import OmegaConf
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from mlalign.data.languages import ENGLISH
from mlalign.errors import DataError, TrainingError
from mlalign.files import Json, JsonObject, sync_all, write_whole
from mlalign.models.adapters import ADAPTER, has_bottlenecks, merged, save_adapter
from mlalign.models.backbone import language_token, languages_of, load_backbone
from mlalign.models.encoder import Encoder
from mlalign.models.export import write_sentence_transformers
from mlalign.models.finite import non_finite_weights
from mlalign.models.fusion import AttentionFusion
from mlalign.models.language_maps import LanguageMaps
from mlalign.models.language_rows import LanguageRows
from mlalign.models.prototypes import LanguagePrototypes
from mlalign.models.task_encoder import TaskEncoder
from mlalign.models.tokenizer import refuse_moving_ids
from mlalign.models.word_encoder import WordEncoder

ADDITIONS = "mlalign.safetensors"
RECIPE = "alignment.yaml"


def save_encoder(encoder: TaskEncoder, tokenizer: PreTrainedTokenizerBase, folder: Path, recipe: JsonObject) -> None:
    """Write backbone, tokenizer, additions and how they were made.

    Plain transformers and sentence-transformers read the backbone: the vectors before any fusion. What LoRA learned is
    in its weights, and by itself in ``adapter``, for peft. Bottlenecks are among the weights, and neither library knows
    them: sentence-transformers gets no files.
    ``recipe`` is kept for the reader and written last, so that its file means a whole folder; this
    function adds what loading needs, under ``encoder``.

    Raises:
        TrainingError: a weight is non-finite; nothing is written.
        DataError: the tokenizer would have other ids when it is loaded again, or two tokens the same.
    """
    if sick := non_finite_weights(encoder):
        raise TrainingError(f"{folder}: not saved: {sick}; lower the learning rates")
    if isinstance(encoder, Encoder):
        save_adapter(encoder.backbone, folder / ADAPTER)
        encoder = merged(encoder)
        encoder.backbone.save_pretrained(folder)
        if not has_bottlenecks(encoder):
            write_sentence_transformers(folder, tokenizer, pool=encoder.pool, dim=encoder.dim)
    tokenizer.save_pretrained(folder)
    refuse_moving_ids(tokenizer, [language_token(one) for one in languages_of(tokenizer)], folder, str(folder))
    save_file(encoder.fitted_additions(), folder / ADDITIONS)
    whole = OmegaConf.create({"encoder": {"kind": encoder.kind, **encoder.shape}, **recipe})
    sync_all(folder)
    write_whole(folder / RECIPE, OmegaConf.to_yaml(whole))


def require_saved(encoder: TaskEncoder, folder: Path) -> None:
    """Read an encoder back.

    Raises:
        DataError: it cannot be loaded, or a weight is not what was saved.
    """
    found, expected = load_encoder(folder, attention="eager")[0].state_dict(), merged(encoder).state_dict()
    for name, value in found.items():
        if not torch.equal(value, expected[name].to(value)):
            raise DataError(f"{folder}: {name} is not what was written; check the disk, and run the command again")


def load_encoder(folder: Path, *, attention: str) -> tuple[TaskEncoder, PreTrainedTokenizerBase]:
    """The encoder and tokenizer that ``save_encoder`` wrote.

    Raises:
        DataError: a file is missing or does not fit the recipe.
    """
    for name in (RECIPE, ADDITIONS):
        if not (folder / name).is_file():
            raise DataError(
                f"{folder}: no {name} there; expected a folder that an alignment wrote. For a "
                "plain backbone set backbone.path"
            )
    recipe: Json = OmegaConf.load(folder / RECIPE)
    if "encoder" not in recipe:
        raise DataError(f"{folder / RECIPE}: no entry `encoder`; align again with resume=false")
    shape = recipe["encoder"]
    load = KINDS.get(kind := shape.get("kind", Encoder.kind))
    if load is None:
        raise DataError(
            f"{folder / RECIPE}: encoder.kind={kind}: expected {' or '.join(KINDS)}; align again with resume=false"
        )
    encoder, tokenizer = load(folder, shape, attention)
    problem = _load_additions(encoder, folder / ADDITIONS)
    if problem:
        raise DataError(f"{folder / ADDITIONS}: does not fit {RECIPE}: {problem}; align again with resume=false")
    return encoder, tokenizer


def _transformer(folder: Path, shape: Json, attention: str) -> tuple[TaskEncoder, PreTrainedTokenizerBase]:
    backbone, tokenizer = load_backbone(folder, attention=attention, called=str(folder))
    dim = int(backbone.config.hidden_size)
    languages = list(shape["languages"])
    fused, maps = shape["fusion"] != "off", shape.get("maps")

    def fusion() -> AttentionFusion:
        return AttentionFusion(dim, temperature=shape["temperature"], form=shape["fusion"])

    encoder = Encoder(
        backbone,
        pool=shape["pool"],
        sentence_fusion=fusion() if fused else None,
        word_fusion=fusion() if shape["word_fusion"] else None,
        prototypes=LanguagePrototypes(languages, dim) if languages else None,
        maps=LanguageMaps(maps.languages, dim, linear=maps.linear, pivot=maps.get("pivot", ENGLISH)) if maps else None,
        rows=LanguageRows(rows) if (rows := shape.get("rows")) else None,
    )
    return encoder, tokenizer


def _words(folder: Path, shape: Json, attention: str) -> tuple[TaskEncoder, PreTrainedTokenizerBase]:
    settings: Json = OmegaConf.to_container(shape)
    del settings["kind"]
    return WordEncoder(**settings), AutoTokenizer.from_pretrained(folder, trust_remote_code=False)


KINDS = {Encoder.kind: _transformer, WordEncoder.kind: _words}


def _load_additions(encoder: TaskEncoder, path: Path) -> str:
    """Load everything besides the backbone; what is wrong with the file, or nothing."""
    try:
        missing, unexpected = encoder.load_state_dict(load_file(path), strict=False)
        if sick := non_finite_weights(encoder):
            return sick
    except (RuntimeError, SafetensorError) as error:
        return str(error).strip().splitlines()[-1].strip()
    missing = [name for name in missing if not name.startswith("backbone.")]
    return f"missing {missing}, unexpected {unexpected}" if missing or unexpected else ""
