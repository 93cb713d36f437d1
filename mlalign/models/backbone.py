"""Pretrained encoders in a folder, and the language tokens that we add to them."""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from tempfile import TemporaryDirectory

import torch
from jaxtyping import Float, Int
from safetensors import SafetensorError
from torch import Tensor
from transformers import (
    MODEL_FOR_MASKED_LM_MAPPING,
    AddedToken,
    AutoConfig,
    AutoModelForMaskedLM,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging as transformers_logging

from mlalign.errors import ConfigError, DataError
from mlalign.models import lstm as lstm  # known to transformers from here on
from mlalign.models.adapters import restore_bottlenecks
from mlalign.models.dropout import set_dropout
from mlalign.models.finite import non_finite_weights
from mlalign.models.layers import cut_layers
from mlalign.models.tokenizer import fill_gaps, refuse_moving_ids, refuse_renumbered, settle
from mlalign.models.vocabulary_head import mark_untrained_head

log = logging.getLogger(__name__)

UNKNOWN = "unk"
LANGUAGE_TOKEN = re.compile(r"\[LANG_([^\]]+)\]")
FAULTS = (
    OSError,
    ValueError,
    KeyError,
    ImportError,
    RuntimeError,
    SafetensorError,
    UnpicklingError,
)
DISENTANGLED = ("deberta", "deberta-v2")


def quiet_transformers() -> None:
    """Leave out its load reports and the bars of files that take no time."""
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()


def check_folder(folder: str | Path, called: str) -> None:
    """Refuse what is no folder with a model, before transformers takes it for a name on the hub.

    Raises:
        DataError: with what belongs there.
    """
    if not (Path(folder) / "config.json").is_file():
        raise DataError(
            f"{called}: no config.json there; expected a folder with config.json, "
            "model.safetensors and the tokenizer's files, as save_pretrained writes it"
        )


def load_backbone(
    folder: str | Path,
    *,
    attention: str,
    called: str | None = None,
    dropout: float | None = None,
    layer: int | None = None,
    tokenizer_folder: str | Path | None = None,
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """A masked-language model in float32 and its fast tokenizer.

    A head that the weights lack starts at random, see ``word_head.untrained_head``.

    Args:
        folder: in the hub's layout.
        attention: transformers' ``attn_implementation``; ``sdpa`` becomes ``eager`` where the
            family has none.
        called: what messages call it; None: ``backbone.path``.
        dropout: of hidden states and attention; None: as config.json says.
        layer: the last that is loaded, see ``layers``; None: all.
        tokenizer_folder: of the tokenizer; None: the same folder.

    Raises:
        DataError: the folder does not hold an encoder with a fast tokenizer and finite weights, or
            the tokenizer has ids that the encoder has no embeddings for, or others than its files say.
        ConfigError: the family has not this attention, or the backbone not so many layers.
    """
    called = called or f"backbone.path={folder}"
    check_folder(folder, called)
    quiet_transformers()
    with errors_in_words(called):
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    if config.model_type in DISENTANGLED:
        config.legacy = True  # the other form of the head gives resizing the wrong matrix
    if dropout is not None:
        set_dropout(config, dropout)
    if layer is not None:
        cut_layers(config, layer, called)
    attention = _supported_attention(config, attention, called)
    with errors_in_words(called):
        tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder or folder, trust_remote_code=False)
        model, loading = AutoModelForMaskedLM.from_pretrained(
            folder,
            trust_remote_code=False,
            config=config,
            dtype=torch.float32,
            attn_implementation=attention,
            output_loading_info=True,
        )
    missing = sorted(loading["missing_keys"])
    lacking = [key for key in missing if key.startswith(f"{model.base_model_prefix}.")]
    if lacking:
        raise DataError(
            f"{called}: its weights have nothing for {lacking[0]} and {len(lacking) - 1} other "
            "parts of the encoder; are they of another model than config.json?"
        )
    with errors_in_words(called):
        restore_bottlenecks(model, Path(folder))
    if sick := non_finite_weights(model):
        raise DataError(f"{called}: {sick}; take other weights, or align again with resume=false")
    mark_untrained_head(model, missing)
    types = getattr(config, "type_vocab_size", 0)
    has_first = getattr(config, "has_first_token", True)
    settle(tokenizer, called, positions=positions(model), token_types=types, has_first=has_first)
    refuse_renumbered(tokenizer, Path(tokenizer_folder or folder), called)
    highest, rows = max(tokenizer.get_vocab().values()), len(model.get_input_embeddings().weight)
    if highest >= rows:
        raise DataError(
            f"{called}: its tokenizer has ids up to {highest:,}, but there are only {rows:,} "
            "embeddings; is it the tokenizer of another model?"
        )
    return model, tokenizer


@contextmanager
def errors_in_words(called: str) -> Iterator[None]:
    """Whatever transformers raises over a folder, as one message."""
    try:
        yield
    except FAULTS as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise DataError(f"{called}: transformers cannot load it: {lines[0]}") from error


def _supported_attention(config: PreTrainedConfig, attention: str, called: str) -> str:
    """What the family runs: sdpa where it has it, else eager."""
    family = MODEL_FOR_MASKED_LM_MAPPING.get(type(config), None)
    if family is None:
        raise DataError(
            f"{called}: transformers has no masked-language model of type {config.model_type}; "
            "expected an encoder, as BERT, XLM-R, ModernBERT or DeBERTa"
        )
    if attention == "sdpa" and not family._supports_sdpa:
        log.info("%s has no sdpa attention: eager is used", family.__name__)
        return "eager"
    if attention == "flash_attention_2" and not family._supports_flash_attn:
        raise ConfigError(f"backbone.attention=flash_attention_2: {family.__name__} has none; choose eager")
    return attention


def first_position(model: PreTrainedModel) -> int | None:
    """Where a sequence's positions begin, RoBERTa's types after the padding's; None without absolute positions."""
    embeddings = getattr(model.base_model, "embeddings", None)
    table = getattr(embeddings, "position_embeddings", None)
    if table is None:
        return None
    return 0 if table.padding_idx is None else int(table.padding_idx) + 1


def positions(model: PreTrainedModel) -> int:
    """How many subwords a sequence may have."""
    return int(model.config.max_position_embeddings) - (first_position(model) or 0)


def language_token(language: str) -> str:
    """How a language is written in front of a sentence."""
    return f"[LANG_{language}]"


def vocabulary_size(tokenizer: PreTrainedTokenizerBase) -> int:
    """How many ids ordinary text can have: all in front of the first language token.

    The matrix of embeddings may have more rows: padding, or language tokens of an alignment before.
    """
    ids: dict[str, int] = tokenizer.get_vocab()
    marked = known_languages(tokenizer, languages_of(tokenizer)).values()
    return min(marked, default=max(ids.values()) + 1)


def add_language_tokens(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    counts: Mapping[str, Int[Tensor, " vocabulary"]],
    *,
    start: str,
    least: int = 5,
) -> None:
    """Append ``[LANG_xx]`` rows to the embeddings without moving any other row.

    The paper starts a language's token at the average of the language's word vectors.
    ``[LANG_unk]`` stands for a language never seen and is the mean of them all. A token that an
    alignment before has added stays as it is.

    Args:
        model: resized in place.
        tokenizer: extended in place.
        counts: language -> how often each piece occurs in its text.
        start: ``type_mean`` (each piece counts once), ``freq_mean``, ``exclusive_mean`` (pieces
            of which at least half the occurrences are in this language) or ``random``.
        least: occurrences below which a piece does not belong to a language.

    Raises:
        DataError: the tokenizer would give them other ids when it is saved and loaded again, or those of others.
    """
    special = torch.tensor(tokenizer.all_special_ids)
    ordinary = {language: count.index_fill(0, special[special < len(count)], 0) for language, count in counts.items()}
    words = model.get_input_embeddings().weight.detach()
    rows = language_rows(words, ordinary, start=start, least=least)
    there = tokenizer.get_vocab()
    starts = zip((*counts, UNKNOWN), rows, strict=True)
    new = {language_token(name): row for name, row in starts if language_token(name) not in there}
    if not new:
        return
    fill_gaps(tokenizer)
    # The space behind the token is part of it, so that a byte-level tokenizer does not see it.
    tokens = [AddedToken(name, rstrip=True, normalized=False, special=True) for name in new]
    tokenizer.add_special_tokens({"additional_special_tokens": tokens}, replace_extra_special_tokens=False)
    with TemporaryDirectory() as saved:  # now: the end of an alignment is late to find it out
        model.config.save_pretrained(saved)
        tokenizer.save_pretrained(saved)
        refuse_moving_ids(tokenizer, list(new), saved, "language tokens")
    places = tokenizer.convert_tokens_to_ids(list(new))
    model.resize_token_embeddings(max(*places, len(words) - 1) + 1, mean_resizing=False)
    with torch.no_grad():
        model.get_input_embeddings().weight[places] = torch.stack(list(new.values()))


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


def known_languages(tokenizer: PreTrainedTokenizerBase, languages: Sequence[str]) -> dict[str, int]:
    """Ids of the language tokens that this tokenizer has, ``unk`` among them."""
    vocabulary = tokenizer.get_vocab()
    wanted = {language: language_token(language) for language in (*languages, UNKNOWN)}
    return {language: vocabulary[token] for language, token in wanted.items() if token in vocabulary}


def languages_of(tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """The languages that this tokenizer has a token for, in the order of their ids."""
    added: dict[str, int] = tokenizer.get_added_vocab()
    found = [LANGUAGE_TOKEN.fullmatch(piece) for piece in sorted(added, key=added.__getitem__)]
    return [match[1] for match in found if match and match[1] != UNKNOWN]
