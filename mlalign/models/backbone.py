"""Pretrained encoders from a folder, the hub's cache or the hub, and the language tokens we add."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import AddedToken, AutoModelForMaskedLM, AutoTokenizer, PreTrainedModel
from transformers.utils import logging as transformers_logging

from mlalign.errors import DataError

log = logging.getLogger(__name__)

UNKNOWN = "unk"


def quiet_transformers() -> None:
    """Leave out its load reports and the bars of files that take no time."""
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()


def load_backbone(
    name: str, *, revision: str | None, path: str | Path | None, attention: str
) -> tuple[PreTrainedModel, Any]:
    """A masked-language model in float32 and its fast tokenizer.

    Args:
        name: the hub's id, for the message and for loading when there is no ``path``.
        revision: branch, tag or commit on the hub.
        path: a local folder in the hub's layout; wins over ``name``.
        attention: transformers' ``attn_implementation``.

    Raises:
        DataError: neither the folder, nor the cache, nor the hub gives the files.
    """
    if path is not None and not (Path(path) / "config.json").is_file():
        raise DataError(
            f"backbone.path={path}: no config.json there; expected a folder with config.json, "
            "model.safetensors and the tokenizer's files, as save_pretrained writes it"
        )
    where: dict[str, Any] = {"pretrained_model_name_or_path": str(path or name)}
    if path is None:
        where["revision"] = revision
    quiet_transformers()
    try:
        tokenizer = AutoTokenizer.from_pretrained(**where, use_fast=True)
        model, loading = AutoModelForMaskedLM.from_pretrained(
            **where, dtype=torch.float32, attn_implementation=attention, output_loading_info=True
        )
    except (OSError, ValueError, ImportError, RuntimeError, SafetensorError) as error:
        raise DataError(_how_to_get(name, revision, path, error)) from error
    if loading["missing_keys"]:
        log.warning(
            "%s has no weights for %s: they start at random",
            path or name,
            ", ".join(sorted(loading["missing_keys"])),
        )
    found = f"backbone {name}" if path is None else f"backbone.path={path}"
    if not getattr(tokenizer, "is_fast", False):
        raise DataError(f"{found}: it has no fast tokenizer (tokenizer.json)")
    if len(tokenizer) <= len(tokenizer.all_special_ids):
        raise DataError(
            f"{found}: its tokenizer has no pieces but the special ones; expected the tokenizer's "
            "files (tokenizer.json or the like) beside config.json"
        )
    return model, tokenizer


def _how_to_get(name: str, revision: str | None, path: str | Path | None, error: Exception) -> str:
    reason = str(error).strip().splitlines()[0]
    if path is not None:
        return f"backbone.path={path}: transformers cannot load it: {reason}"
    at = f" --revision {revision}" if revision else ""
    return (
        f"backbone {name}: its weights are neither in the hub's cache nor could they be fetched "
        f"({reason}).\nGet them where there is a network:  hf download {name}{at} --local-dir "
        f"{Path(name).name}\nthen run with  backbone.path={Path(name).name}  (any folder in this "
        "layout will do), or run once with network and later with HF_HUB_OFFLINE=1"
    )


def word_transform(model: PreTrainedModel) -> Callable[[Tensor], Tensor]:
    """What the backbone's own masked-word head does to a vector before the vocabulary matrix."""
    if hasattr(model, "lm_head") and hasattr(model.lm_head, "dense"):  # RoBERTa, XLM-R
        head = model.lm_head
        return lambda rows: head.layer_norm(nn.functional.gelu(head.dense(rows)))
    if hasattr(model, "cls"):  # BERT
        return lambda rows: model.cls.predictions.transform(rows)
    if hasattr(model, "head"):  # ModernBERT
        return lambda rows: model.head(rows)
    raise DataError(
        f"{type(model).__name__}: its masked-word head is of no known form (lm_head, "
        "cls.predictions, head); choose align.word_head=layer_norm"
    )


def positions(model: PreTrainedModel) -> int:
    """How many subwords a sequence may have; RoBERTa's types count from behind the padding."""
    table = int(model.config.max_position_embeddings)
    return table - (model.config.pad_token_id + 1) * ("roberta" in model.config.model_type)


def head_parameters(model: PreTrainedModel) -> list[nn.Parameter]:
    """The masked-word head's own parameters, without those tied to the embeddings."""
    encoder = {id(parameter) for parameter in model.base_model.parameters()}
    return [parameter for parameter in model.parameters() if id(parameter) not in encoder]


def unused_head(model: PreTrainedModel) -> None:
    """Freeze the masked-word head where no loss uses it."""
    for parameter in head_parameters(model):
        parameter.requires_grad_(False)


def language_token(language: str) -> str:
    """How a language is written in front of a sentence."""
    return f"[LANG_{language}]"


def add_language_tokens(
    model: PreTrainedModel,
    tokenizer: Any,
    counts: Mapping[str, Int[Tensor, " vocabulary"]],
    *,
    start: str,
    least: int = 5,
) -> None:
    """Append ``[LANG_xx]`` rows to the embeddings without moving any other row.

    The paper starts a language's token at the average of the language's word vectors.
    ``[LANG_unk]`` stands for a language never seen and is the mean of them all.

    Args:
        model: resized in place.
        tokenizer: extended in place.
        counts: language -> how often each piece occurs in its text.
        start: ``type_mean`` (each piece counts once), ``freq_mean``, ``exclusive_mean`` (pieces
            of which at least half the occurrences are in this language) or ``random``.
        least: occurrences below which a piece does not belong to a language.
    """
    special = torch.tensor(tokenizer.all_special_ids)
    ordinary = {language: count.index_fill(0, special, 0) for language, count in counts.items()}
    words = model.get_input_embeddings().weight.detach()
    rows = language_rows(words, ordinary, start=start, least=least)
    names = [language_token(language) for language in (*counts, UNKNOWN)]
    # The space behind the token is part of it, so that a byte-level tokenizer does not see it.
    tokens = [AddedToken(name, rstrip=True, normalized=False, special=True) for name in names]
    tokenizer.add_special_tokens(
        {"additional_special_tokens": tokens}, replace_extra_special_tokens=False
    )
    model.resize_token_embeddings(max(len(tokenizer), len(words)), mean_resizing=False)
    places = tokenizer.convert_tokens_to_ids(names)
    with torch.no_grad():
        model.get_input_embeddings().weight[places] = rows


def language_rows(
    words: Float[Tensor, "vocabulary dim"],
    counts: Mapping[str, Int[Tensor, " vocabulary"]],
    *,
    start: str,
    least: int,
) -> Float[Tensor, "languages dim"]:
    """First embeddings of the language tokens, and last that of the unknown language."""
    table = torch.stack(list(counts.values())).to(words.dtype)  # [languages, vocabulary]
    if start == "random":
        spread = words.std()
        rows = torch.randn(len(table), words.shape[1], dtype=words.dtype) * spread
    else:
        own = table >= least
        if start == "exclusive_mean":
            own &= table >= 0.5 * table.sum(0)
        share = table * own
        if start != "freq_mean":
            share = (share > 0).to(words.dtype)
        # A language with too little text for any piece to count gets all that it has.
        share = torch.where(share.sum(1, keepdim=True) > 0, share, (table > 0).to(words.dtype))
        rows = share @ words[: table.shape[1]] / share.sum(1, keepdim=True).clamp(min=1)
    return torch.cat([rows, rows.mean(0, keepdim=True)])


def known_languages(tokenizer: Any, languages: Sequence[str]) -> dict[str, int]:
    """Ids of the language tokens that this tokenizer has, ``unk`` among them."""
    vocabulary = tokenizer.get_vocab()
    wanted = {language: language_token(language) for language in (*languages, UNKNOWN)}
    return {
        language: vocabulary[token] for language, token in wanted.items() if token in vocabulary
    }
