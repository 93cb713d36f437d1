"""LASER's released weights, written as a folder of transformers' own: the BiLSTM of ``lstm`` and a fast tokenizer."""

import re
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError

import torch
from google.protobuf.message import DecodeError
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
from torch import Tensor
from transformers import PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import SentencePieceExtractor, generate_merges

from mlalign.errors import DataError
from mlalign.files import Json
from mlalign.models.lstm import BiLstmConfig, BiLstmModel

WEIGHTS, PIECES = "laser2.pt", "laser2.spm"
FILES = (WEIGHTS, PIECES)
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")  # their ids are their places, whatever the dictionary has there
PAD, END, UNKNOWN = 1, 2, 3
LONGEST = 12000  # tokens of a batch in LASER's own commands; nothing in the encoder limits a sentence
UNIGRAM, BPE = 1, 2  # how sentencepiece numbers its models
NORMAL, USER_DEFINED = 1, 4  # and its pieces
CLEANING = (  # Moses' normalize-punctuation for English, in its order: what is found, what it becomes
    (r"\r", ""),
    (r"\(", " ("),
    (r"\)", ") "),
    (" +", " "),
    (r"\) (?=[.!:?;,])", ")"),
    (r"\( ", "("),
    (r" \)", ")"),
    (r"(?<=\p{Nd}) %", "%"),
    (" (?=[:;])", ""),
    ("`", "'"),
    ("''", ' " '),
    ("[„“”]", '"'),
    ("–", "-"),
    ("—", " - "),
    (" +", " "),
    ("[´‘‚’]", "'"),
    ("''", '"'),
    ("…", "..."),
    (r"\u00A0?«\u00A0|«", '"'),
    (r"\u00A0»\u00A0?|»", '"'),
    (r"\u00A0(?=%)|(?<!nº)\u00A0(?=[:?!;])", ""),
    (r"(?<=nº)\u00A0|\u00A0(?=ºC|cm)|(?<=,)\u00A0", " "),
    (" +", " "),
    (r'"[,.]+\K', '"'),  # a quote goes behind commas and points that follow it: put there,
    (r'"(?=[,.]+")', ""),  # and taken away
    (r"(?<=\p{Nd})\u00A0(?=\p{Nd})", "."),
)
FINAL_SIGMA = (
    r"(?<=\p{L}|\p{L}['.:])Σ(?!['.:]*\p{L})",
    "ς",
)  # as Python lowers it; a character by itself does not tell


def check_laser_folder(folder: str | Path) -> None:
    """Refuse a folder that lacks a file.

    Raises:
        DataError: with the file.
    """
    for name in FILES:
        if not (Path(folder) / name).is_file():
            raise DataError(
                f"backbone.path={folder}: no {name} there; expected {' and '.join(FILES)}, as LASER's own download "
                "of LASER2 (nllb/install_models.sh in its repository) leaves them"
            )


def convert_laser(source: Path, folder: Path) -> None:
    """Write LASER's encoder and tokenizer as ``save_pretrained`` would; the weights hold no masked-word head.

    Args:
        source: holds ``FILES``; the dictionary is part of the weights, so that ``laser2.cvocab`` is not read.
        folder: is filled.

    Raises:
        DataError: a file is not LASER2's.
    """
    path = source / WEIGHTS
    try:
        content: Json = torch.load(path, map_location="cpu", weights_only=True)
        numbers, state = dict(content["dictionary"]), dict(content["model"])
        words = state.pop("embed_tokens.weight")
        config = _config(content["params"])
    except (OSError, EOFError, UnpicklingError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise _broken(path, error) from error
    tokenizer, unnumbered = laser_tokenizer(source / PIECES, numbers, rows=len(words))
    config.vocab_size = len(words) + len(unnumbered)
    model = BiLstmModel(config)
    unknown = words[UNKNOWN].expand(len(unnumbered), -1)
    try:
        model.load_state_dict({"word_embeddings.weight": torch.cat([words, unknown]), **_by_layer(state)})
    except (RuntimeError, AttributeError) as error:
        raise _broken(path, error) from error
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _config(shape: Mapping[str, int]) -> BiLstmConfig:
    if not shape["bidirectional"]:
        raise ValueError("its LSTM reads in one direction only")
    return BiLstmConfig(
        embedding_size=shape["embed_dim"],
        hidden_size=2 * shape["hidden_size"],
        num_hidden_layers=shape["num_layers"],
        max_position_embeddings=LONGEST,
        has_first_token=False,
        pad_token_id=PAD,
        eos_token_id=END,
    )


def _by_layer(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of one LSTM of several layers, for as many LSTMs of one layer."""
    return {re.sub(r"^lstm\.(\w+)_l(\d+)", r"layers.\2.\1_l0", name): value for name, value in state.items()}


def laser_tokenizer(
    pieces: Path, numbers: Mapping[str, int], *, rows: int
) -> tuple[PreTrainedTokenizerFast, list[str]]:
    """A tokenizer that cleans text as LASER does, cuts it as sentencepiece does, and numbers pieces as LASER does.

    Moses' punctuation, lower case, pieces, and ``</s>`` behind them; nothing stands in front.

    Args:
        pieces: a model of sentencepiece.
        numbers: piece -> its row of the embeddings.
        rows: how many there are.

    Returns:
        The tokenizer, and the pieces without a number, which get the ids from ``rows`` on.

    Raises:
        DataError: the file is no such model.
    """
    try:
        proto = SentencePieceExtractor(str(pieces)).proto
    except (OSError, DecodeError) as error:
        raise _broken(pieces, error) from error
    scores = {one.piece: one.score for one in proto.pieces if one.type in (NORMAL, USER_DEFINED)}
    least = min(scores.values(), default=0.0)
    named = {place: piece for piece, place in numbers.items() if piece in scores} | dict(enumerate(SPECIAL))
    unnumbered = [piece for piece in scores if piece not in numbers]
    vocabulary = [*(named.get(place, f"[no piece {place}]") for place in range(rows)), *unnumbered]
    backend = Tokenizer(_model(proto.trainer_spec.model_type, vocabulary, scores, least, pieces))
    charsmap = proto.normalizer_spec.precompiled_charsmap
    backend.normalizer = normalizers.Sequence(
        [
            *(normalizers.Replace(Regex(found), becomes) for found, becomes in CLEANING),
            normalizers.Replace(Regex(FINAL_SIGMA[0]), FINAL_SIGMA[1]),
            normalizers.Lowercase(),
            *([normalizers.Precompiled(charsmap)] if charsmap else []),
            normalizers.Replace(Regex(" +"), " "),
            normalizers.Strip(),
        ]
    )
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    named_tokens = {"pad_token": SPECIAL[PAD], "sep_token": SPECIAL[END], "unk_token": SPECIAL[UNKNOWN]}
    return PreTrainedTokenizerFast(tokenizer_object=backend, model_max_length=LONGEST, **named_tokens), unnumbered


def _model(kind: int, vocabulary: list[str], scores: Mapping[str, float], least: float, path: Path) -> models.Model:
    """What cuts a word into pieces, as the model of sentencepiece does."""
    if kind == UNIGRAM:
        return models.Unigram([(piece, scores.get(piece, least)) for piece in vocabulary], unk_id=UNKNOWN)
    if kind == BPE:
        places = {piece: place for place, piece in enumerate(vocabulary)}
        merges = generate_merges({piece: places[piece] for piece in scores}, scores)
        return models.BPE(places, merges, unk_token=SPECIAL[UNKNOWN], fuse_unk=True)
    raise DataError(f"{path}: expected a unigram or BPE model of sentencepiece, found model_type {kind}")


def _broken(path: Path, error: Exception) -> DataError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return DataError(f"{path}: cannot be read as LASER2's: {reason}; download it again")
