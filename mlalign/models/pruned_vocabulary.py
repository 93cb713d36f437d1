"""A backbone without the pieces of its vocabulary that a text does not use: smaller, and the same on that text."""

import json
import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from mlalign.errors import DataError
from mlalign.files import Json, JsonObject

BYTE = re.compile(r"<0x[0-9A-F]{2}>")  # stands for what has no piece
CONTINUED = "##"  # WordPiece's mark of what does not begin a word
MARK = "pruned_from"  # key of config.json: how many pieces there were


def kept_ids(tokenizer: PreTrainedTokenizerBase, used: Collection[int]) -> list[int]:
    """Ids of the pieces that are needed so that text made of the used ones is cut as before.

    Unigram takes the cut with the best sum of scores, and WordPiece the longest piece that there is: what is chosen
    among all pieces is chosen among fewer, too. BPE makes a piece out of others, which are kept with it. Any other text
    can still be cut, because single characters and bytes are kept, as far as the tokenizer leaves them as they are. So
    are special tokens, the piece that Unigram's cost of the unknown follows from, and all ids in front of the
    padding's, from which RoBERTa counts positions.

    Args:
        tokenizer: whole.
        used: ids that the text has.

    Returns:
        Ascending.

    Raises:
        DataError: the tokenizer is of another kind.
    """
    description: JsonObject = json.loads(tokenizer.backend_tokenizer.to_str())
    model, vocabulary = description["model"], tokenizer.get_vocab()
    normalizer = tokenizer.backend_tokenizer.normalizer
    kept = {*used, *tokenizer.all_special_ids, *range(tokenizer.pad_token_id + 1)}
    kept |= {one["id"] for one in description["added_tokens"]}
    for piece, place in vocabulary.items():
        letter = piece.removeprefix(CONTINUED)
        is_reached = len(letter) == 1 and (normalizer is None or letter in normalizer.normalize_str(letter))
        if is_reached or BYTE.fullmatch(piece):
            kept.add(place)
    if model["type"] == "Unigram":
        scores = [score for _, score in model["vocab"]]
        kept |= {scores.index(min(scores)), *([] if model["unk_id"] is None else [model["unk_id"]])}
    elif model["type"] == "BPE":
        parts = _parts(model["merges"])
        pieces = {place: piece for piece, place in vocabulary.items()}
        waiting = [pieces[place] for place in kept if place in pieces]
        while waiting:
            new = [part for part in parts[waiting.pop()] if vocabulary[part] not in kept]
            kept |= {vocabulary[part] for part in new}
            waiting += new
    elif model["type"] not in ("WordPiece", "WordLevel"):
        raise DataError(
            f"backbone.prune_vocabulary=true: its tokenizer is {model['type']}; expected Unigram, BPE, WordPiece or "
            "WordLevel. Set backbone.prune_vocabulary=false"
        )
    return sorted(kept.intersection(vocabulary.values()))


def _parts(merges: Sequence[Json]) -> defaultdict[str, set[str]]:
    """Piece -> those that it is made of, in whatever way."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for one, two in map(_pair, merges):
        found[one + two] |= {one, two}
    return found


def _pair(merge: Json) -> tuple[str, str]:
    one, two = merge.split(" ") if isinstance(merge, str) else merge
    return one, two


def write_pruned(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, kept: Sequence[int], folder: Path) -> None:
    """Write a backbone with some of its pieces only, numbered anew in their order.

    A part of the masked-word head that had no weights has none in the folder either.

    Args:
        model: with all embeddings; changed.
        tokenizer: with all pieces.
        kept: ids, see ``kept_ids``.
        folder: to fill.
    """
    new = {old: place for place, old in enumerate(kept)}
    output, rows = model.get_output_embeddings(), torch.tensor(kept)
    tables = [model.get_input_embeddings().weight, *([] if output is None else output.parameters())]
    with torch.no_grad():
        for table in {id(one): one for one in tables}.values():
            table[: len(rows)] = table[rows]
    setattr(model.config, MARK, len(tokenizer))
    model.resize_token_embeddings(len(rows), mean_resizing=False)
    for name, place in model.config.to_dict().items():
        if name.endswith("_token_id") and isinstance(place, int):
            setattr(model.config, name, new.get(place))
    untrained: Collection[str] = getattr(model, "untrained_head", ())
    weights = {name: one for name, one in model.state_dict().items() if name not in untrained}
    model.save_pretrained(folder, state_dict=weights)
    tokenizer.save_pretrained(folder)
    whole = folder / "tokenizer.json"
    for name in {*tokenizer.vocab_files_names.values(), "added_tokens.json"} - {whole.name}:
        (folder / name).unlink(missing_ok=True)  # it has all pieces, by their old ids
    description = _cut(json.loads(whole.read_text(encoding="utf-8")), new, tokenizer.get_vocab())
    whole.write_text(json.dumps(description, ensure_ascii=False), encoding="utf-8")


def _cut(description: JsonObject, new: Mapping[int, int], vocabulary: Mapping[str, int]) -> JsonObject:
    """A tokenizer.json with the pieces that have a new id."""
    model, pieces = description["model"], description["model"]["vocab"]
    if isinstance(pieces, list):
        model["vocab"] = [pair for place, pair in enumerate(pieces) if place in new]
        model["unk_id"] = new.get(model["unk_id"])
    else:
        model["vocab"] = {piece: new[place] for piece, place in pieces.items() if place in new}
    if "merges" in model:
        there = model["vocab"].keys()
        model["merges"] = [one for one in model["merges"] if {*_pair(one), "".join(_pair(one))} <= there]
    for one in description["added_tokens"]:
        one["id"] = new[one["id"]]
    renumbered = {piece: new[place] for piece, place in vocabulary.items() if place in new}
    return {**description, "post_processor": _renumbered(description["post_processor"], renumbered)}


def _renumbered(processor: Json, ids: Mapping[str, int]) -> Json:
    """A post-processor's special tokens, ``{ids, tokens}`` or ``[token, id]``, by their new ids."""
    if isinstance(processor, list):
        if len(processor) == 2 and isinstance(processor[0], str) and isinstance(processor[1], int):
            return [processor[0], ids[processor[0]]]
        return [_renumbered(one, ids) for one in processor]
    if not isinstance(processor, dict):
        return processor
    if {"ids", "tokens"} <= processor.keys():
        return {**processor, "ids": [ids[one] for one in processor["tokens"]]}
    return {key: _renumbered(one, ids) for key, one in processor.items()}


def pruned_from(model: PreTrainedModel) -> int | None:
    """How many pieces a backbone's vocabulary had before it was pruned; None where it was not."""
    found: int | None = getattr(model.config, MARK, None)
    return found
